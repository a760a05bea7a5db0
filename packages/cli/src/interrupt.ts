/** Ctrl-C as an abort signal. */

/** Exit code of a program that ended on Ctrl-C, as shells expect it. */
export const interruptedCode = 130;

/** Answers Ctrl-C at once, while what is under way, a kernel that compiles for instance, comes to an end. */
export const stoppingText = "stopping; Ctrl-C again ends at once";

/** Runs `work` with a signal that the first Ctrl-C aborts; the second ends the program at once. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T | "interrupted"> {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(interruptedCode);
    console.error(stoppingText);
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
