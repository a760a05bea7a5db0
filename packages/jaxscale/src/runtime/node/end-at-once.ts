/**
 * A driver's threads may still compile or compute when the process ends, and crash once its static objects are destroyed. So what
 * the C library calls first at the end, with the exit code, is `_exit`, which ends the process at once.
 */
let registered: "failures" | "all" | undefined;

/**
 * @param ends `failures`: only where the exit code is not 0, as on Ctrl-C; at other ends drivers write their caches of kernels.
 * Linux only; without the optional package koffi nothing is changed.
 */
export async function endAtOnce(ends: "failures" | "all"): Promise<void> {
  const first = registered === undefined;
  if (registered !== "all") registered = ends;
  if (!first || process.platform !== "linux") return;
  try {
    const { default: koffi } = await import("koffi");
    const libc = koffi.load("libc.so.6");
    const onExit = libc.func("int on_exit(void *function, void *argument)");
    const end: unknown = libc.symbol("_exit");
    // Called last is run first, and drivers add destructors while they work.
    process.on("exit", (code) => {
      if (code !== 0 || registered === "all") onExit(end, null);
    });
  } catch {
    // A C library without on_exit, or no koffi: the process ends as it would.
  }
}
