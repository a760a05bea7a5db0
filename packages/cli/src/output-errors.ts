/** Errors of standard output and standard error. */

/** Ends the process when standard output cannot be written: silently if its reader has enough, as `head` has, else with one line. */
export function exitOnOutputErrors(): void {
  process.stdout.on("error", ({ code, message }: NodeJS.ErrnoException) => {
    if (code === "EPIPE") process.exit();
    console.error(`standard output: must be writable; got ${message}`);
    process.exit(1);
  });
  // Nobody can be told.
  process.stderr.on("error", () => {});
}
