/** The error that a promise rejects with. @throws if it resolves */
export async function rejection(promise: Promise<unknown>): Promise<Error> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
  throw new Error(`resolved with ${String(value)}, though it should reject`);
}
