/** Files that commands write. */
import { appendFileSync } from "node:fs";
import type { Command } from "commander";

/** Before anything is computed in vain. @param flag for the message @throws CommanderError for a file that cannot be written */
export function requireWritable(file: string | undefined, flag: string, command: Command): void {
  if (file === undefined) return;
  try {
    appendFileSync(file, "");
  } catch (error) {
    command.error(`error: ${flag} must be a file that can be written; got ${file}: ${(error as Error).message}`);
  }
}
