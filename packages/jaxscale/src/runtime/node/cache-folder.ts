/** Files kept between runs, safe with several processes at once. */
import { lstatSync, mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";

interface Candidate {
  readonly folder: string;
  /** Its parent is everybody's: another user may have made it first. */
  readonly isShared: boolean;
}

const uid = process.getuid?.();

function candidates(): readonly Candidate[] {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  const temporary = process.platform === "linux" ? [tmpdir(), "/dev/shm"] : [tmpdir()];
  return [
    { folder: join(cache, "jaxscale"), isShared: false },
    ...temporary.map((base) => ({ folder: join(base, `jaxscale-${uid ?? "cache"}`), isShared: true })),
  ];
}

/** Why a folder cannot be used; undefined if it can. */
function problemOf({ folder, isShared }: Candidate): string | undefined {
  try {
    mkdirSync(folder, { recursive: true, ...(isShared && { mode: 0o700 }) });
    if (isShared && uid !== undefined && lstatSync(folder).uid !== uid) return "another user's";
    const probe = join(folder, temporaryName("probe"));
    try {
      // Only what has a byte needs room.
      writeFileSync(probe, ".");
    } finally {
      rmSync(probe, { force: true });
    }
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

/** The code of an error of the file system, else its message. */
export const reasonOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error);

let warned = false;

/** Tells once in a process that something goes on without its cache. */
export function warnOfCache(message: string): void {
  if (!warned) console.warn(`jaxscale: ${message}; set XDG_CACHE_HOME to a folder with room`);
  warned = true;
}

let found: { readonly folder: string | undefined } | undefined;

/** The folder for caches; undefined if nothing can be written. */
function cacheFolder(): string | undefined {
  if (found !== undefined) return found.folder;
  const [wanted, ...others] = candidates();
  const problem = problemOf(wanted);
  if (problem === undefined) found = { folder: wanted.folder };
  else {
    found = { folder: others.find((other) => problemOf(other) === undefined)?.folder };
    const instead = found.folder === undefined ? "nothing is cached" : `${found.folder} is used instead`;
    warnOfCache(`${wanted.folder} cannot be written (${problem}), ${instead}`);
  }
  return found.folder;
}

/** Folders of this user that can be written: that for caches, then temporary ones. Each is made when it is asked for. */
export function* writableFolders(): Generator<string> {
  const first = cacheFolder();
  if (first === undefined) return;
  yield first;
  for (const candidate of candidates())
    if (candidate.folder !== first && problemOf(candidate) === undefined) yield candidate.folder;
}

/** A name that no other process uses, in the same folder as `name` so that a rename is atomic. */
export const temporaryName = (name: string): string => `${name}.${process.pid}.${Math.random().toString(36).slice(2)}`;

export function readCacheFile(name: string): string | undefined {
  const folder = cacheFolder();
  try {
    return folder && readFileSync(join(folder, name), "utf8");
  } catch {
    return undefined;
  }
}

/** Best effort: what cannot be written the next run computes again. */
export function writeCacheFile(name: string, text: string): void {
  const folder = cacheFolder();
  if (folder === undefined) return;
  const path = join(folder, name);
  const temporary = temporaryName(path);
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(temporary, text);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    warnOfCache(`${path} cannot be written (${reasonOf(error)}), nothing is cached`);
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
  const folder = cacheFolder();
  if (folder === undefined) return () => {};
  const path = join(folder, `${name}.lock`);
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
