/** What the host does, for whoever records it. While nobody does, a recorded place costs one check. */

/** `call`: of a jitted function, with all that it does before it returns; `lower`: from a jaxpr to kernels; `compile`: from kernels to pipelines. */
export type HostPhase =
  | "call"
  | "trace"
  | "lower"
  | "compile"
  | "encode"
  | "submit"
  | "wait"
  | "upload"
  | "readback"
  | "exchange"
  | "annotation";

export interface HostRecorder {
  /** Begins a span. What it returns is given to `end`. */
  begin(phase: HostPhase, name: string): number;
  /** @param bytes what was moved, of phases that move something */
  end(span: number, bytes?: number): void;
  /** `bytes` of device memory more, or less, are held by `holder`. @param poolBytes what the pool has of the device's memory now */
  memory(holder: string, bytes: number, poolBytes: number): void;
}

let current: HostRecorder | undefined;

/** Who records now, if anybody does. */
export const hostRecorder = (): HostRecorder | undefined => current;

/** Records from now on, or no longer. */
export function recordHost(recorder: HostRecorder | undefined): void {
  current = recorder;
}

/** Runs `f` as a span; one that gives a promise ends when that settles. */
export function recorded<T>(phase: HostPhase, name: string, f: () => T, bytes?: number): T {
  const recorder = current;
  if (recorder === undefined) return f();
  const span = recorder.begin(phase, name);
  const end = (): void => recorder.end(span, bytes);
  let result: T;
  try {
    result = f();
  } catch (error) {
    end();
    throw error;
  }
  if (result instanceof Promise) result.then(end, end);
  else end();
  return result;
}
