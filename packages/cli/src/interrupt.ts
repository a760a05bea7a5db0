/** Ctrl-C as an abort signal. */

/** Exit code of a program that ended on Ctrl-C, as shells expect it. */
export const interruptedCode = 130;

/** Runs `work` with a signal that the first Ctrl-C aborts; the second ends the program. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T | "interrupted"> {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(interruptedCode);
    controller.abort();
  };
  process.on("SIGINT", stop);
  try {
    return await work(controller.signal);
  } catch (error) {
    if (!controller.signal.aborted) throw error;
    return "interrupted";
  } finally {
    process.off("SIGINT", stop);
  }
}
