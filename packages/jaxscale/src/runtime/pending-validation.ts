/** Work whose validation the device has not reported yet. Results carry it, and reading them waits for it. */
export class PendingValidation {
  settled = false;
  error: Error | undefined;
  readonly promise: Promise<void>;

  /** @param verdict resolves to the error, or to nothing; must not reject */
  constructor(verdict: Promise<Error | undefined>) {
    this.promise = verdict.then((error) => {
      this.error = error;
      this.settled = true;
    });
  }
}

/** The pending validation of a value made from two others. */
export function bothPending(
  a: PendingValidation | undefined,
  b: PendingValidation | undefined,
): PendingValidation | undefined {
  if (a === b || b === undefined || (b.settled && !b.error)) return a;
  if (a === undefined || (a.settled && !a.error)) return b;
  return new PendingValidation(Promise.all([a.promise, b.promise]).then(() => a.error ?? b.error));
}

/** What the error scopes opened by `pushScopes` caught. */
export async function popScopes(device: GPUDevice, explain: (error: GPUError) => Error): Promise<Error | undefined> {
  // Both are popped before either is awaited: scopes are a stack.
  const popped = [device.popErrorScope(), device.popErrorScope()];
  try {
    for (const error of await Promise.all(popped)) if (error) return explain(error);
  } catch {
    // The device is lost; its own promise says so.
  }
  return undefined;
}

export function pushScopes(device: GPUDevice): void {
  device.pushErrorScope("out-of-memory");
  device.pushErrorScope("validation");
}
