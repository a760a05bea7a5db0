/** Files kept between runs, safe with several processes at once. */
import { mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, statSync, writeFileSync } from "node:fs";
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

const lockWaitMs = 2000;
// A holder needs milliseconds; one that is this old has died.
const staleLockMs = 1000;
const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** Reads, changes and replaces a file while other processes that do so wait. Best effort, as writing is. */
export function updateCacheFile(name: string, change: (old: string | undefined) => string): void {
  const release = lock(name);
  try {
    writeCacheFile(name, change(readCacheFile(name)));
  } finally {
    release();
  }
}

/** Holds a folder that only one process can make. After waiting for long it goes on without. */
function lock(name: string): () => void {
  let path: string;
  try {
    path = join(cacheFolder(), `${name}.lock`);
  } catch {
    return () => {};
  }
  const deadline = Date.now() + lockWaitMs;
  while (Date.now() < deadline) {
    try {
      mkdirSync(path);
      return () => removeLock(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") break;
      if (ageMs(path) > staleLockMs) removeLock(path);
      else Atomics.wait(sleeper, 0, 0, 2 + Math.random() * 8);
    }
  }
  return () => {};
}

function removeLock(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // Another process took it for stale.
  }
}

function ageMs(path: string): number {
  try {
    return Date.now() - statSync(path).mtimeMs;
  } catch {
    return 0;
  }
}
