/** The checkpoints that tests read. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

export const fixture = (name: string): string => join(root, "test/fixtures/hf", name);
export const shipped = (name: string): string => join(root, "examples/checkpoints", name);
export const readJson = (...path: readonly string[]) => JSON.parse(readFileSync(join(...path), "utf8"));
/** What `tools/write_goldens.py` wrote. */
export const recorded = (name: string): string => join(root, "test/fixtures/diagnose", name);
