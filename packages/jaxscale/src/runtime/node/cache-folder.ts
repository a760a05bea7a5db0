/** Files kept between runs, safe with several processes at once. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";

let found: string | undefined;

/** XDG's cache folder, or the temporary folder where that cannot be written. */
export function cacheFolder(): string {
  if (found !== undefined) return found;
  const candidates = [
    process.env.XDG_CACHE_HOME,
    join(homedir(), ".cache"),
    join(tmpdir(), `jaxscale-${process.getuid?.() ?? "cache"}`),
  ];
  for (const base of candidates) {
    if (!base) continue;
    try {
      const folder = join(base, "jaxscale");
      mkdirSync(folder, { recursive: true });
      const probe = join(folder, temporaryName("probe"));
      writeFileSync(probe, "");
      rmSync(probe);
      found = folder;
      return folder;
    } catch {
      // Not writable: the next one.
    }
  }
  throw new Error("no folder for caches can be written; set XDG_CACHE_HOME");
}

/** A name that no other process uses, in the same folder as `name` so that a rename is atomic. */
export const temporaryName = (name: string): string => `${name}.${process.pid}.${Math.random().toString(36).slice(2)}`;

export function readCacheFile(name: string): string | undefined {
  try {
    return readFileSync(join(cacheFolder(), name), "utf8");
  } catch {
    return undefined;
  }
}

/** Best effort: a cache that cannot be written is no error. */
export function writeCacheFile(name: string, text: string): void {
  try {
    const path = join(cacheFolder(), name);
    mkdirSync(dirname(path), { recursive: true });
    const temporary = temporaryName(path);
    writeFileSync(temporary, text);
    renameSync(temporary, path);
  } catch {
    // The next run computes it again.
  }
}
