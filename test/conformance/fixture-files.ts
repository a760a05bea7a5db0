/** Where golden cases lie: files, in Node. In a browser `#fixture-files` names test/browser/fixture-files.ts instead. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const fixtureFolder = join(dirname(dirname(fileURLToPath(import.meta.url))), "fixtures", "jax");

/** The bytes of a file, or undefined where there is none. */
export function readFixture(name: string, folder = fixtureFolder): Uint8Array | undefined {
  const path = join(folder, name);
  return existsSync(path) ? readFileSync(path) : undefined;
}
