/** What commands write: standard output and standard error, and files. */
import { appendFileSync } from "node:fs";
import type { Command } from "commander";

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

/** Before anything is computed in vain. @param flag for the message @throws CommanderError for a file that cannot be written */
export function requireWritable(file: string | undefined, flag: string, command: Command): void {
  if (file === undefined) return;
  try {
    appendFileSync(file, "");
  } catch (error) {
    command.error(`error: ${flag} must be a file that can be written; got ${file}: ${(error as Error).message}`);
  }
}
