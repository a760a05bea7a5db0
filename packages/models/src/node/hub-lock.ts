/** A lock for downloads: one process at a time downloads a file of the cache. The lock file names the process and its partial file. */
import { readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";

const pollMs = 200;
const beatMs = 5_000;
/** A lock that is not refreshed for this long is stale: its process died on another host, or the process id was reused. */
const staleMs = 60_000;

interface Holder {
  readonly host: string;
  readonly pid: number;
  /** Name of the partial file of the holder, in the folder of the lock. */
  readonly partial: string;
}

export interface Claim {
  /** The partial file of a dead process, if any. */
  readonly orphan: string | undefined;
  release(): Promise<void>;
}

export interface ClaimOptions {
  readonly signal?: AbortSignal;
  /** Whether the download is complete. */
  readonly isDone: () => Promise<boolean>;
  /** Called while another process downloads, with its partial file. */
  readonly onWait: (partial: string) => Promise<void>;
}

/**
 * Acquires the lock. Two processes may hold it if one was suspended, so each writes its own partial file.
 * @param partial the partial file of this process
 * @returns undefined if another process completed the download
 */
export async function claim(path: string, partial: string, options: ClaimOptions): Promise<Claim | undefined> {
  const own = JSON.stringify({ host: hostname(), pid: process.pid, partial: basename(partial) } satisfies Holder);
  let orphan: string | undefined;
  while (!(await options.isDone())) {
    options.signal?.throwIfAborted();
    if (await create(path, own)) return { orphan, release: keepAlive(path, own) };
    const text = await readFile(path, "utf8").catch(() => "");
    const holder = parseHolder(text);
    const died = holder !== undefined && holder.host === hostname() && !isRunning(holder.pid);
    if (died || (await ageMs(path)) > staleMs) {
      await breakLock(path, text);
      if (died) orphan = join(dirname(path), basename(holder.partial));
      continue;
    }
    if (holder) await options.onWait(join(dirname(path), basename(holder.partial)));
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  return undefined;
}

async function create(path: string, text: string): Promise<boolean> {
  try {
    await writeFile(path, text, { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    await rm(path, { force: true });
    throw error;
  }
}

function keepAlive(path: string, own: string): () => Promise<void> {
  const timer = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => {}), beatMs);
  timer.unref();
  return async () => {
    clearInterval(timer);
    if ((await readFile(path, "utf8").catch(() => "")) === own) await rm(path, { force: true });
  };
}

/** Removes a stale lock, unless it changed since it was read. */
async function breakLock(path: string, text: string): Promise<void> {
  const aside = `${path}.${process.pid}`;
  try {
    await rename(path, aside);
  } catch {
    // Another process was first.
    return;
  }
  const isOther = (await readFile(aside, "utf8").catch(() => text)) !== text;
  if (isOther) await rename(aside, path);
  else await rm(aside, { force: true });
}

function parseHolder(text: string): Holder | undefined {
  try {
    const { host, pid, partial } = JSON.parse(text) as Partial<Holder>;
    if (typeof host === "string" && typeof partial === "string" && Number.isInteger(pid) && (pid as number) > 0)
      return { host, pid: pid as number, partial };
  } catch {
    // The lock file is being written.
  }
  return undefined;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

async function ageMs(path: string): Promise<number> {
  const status = await stat(path).catch(() => undefined);
  return status ? Date.now() - status.mtimeMs : 0;
}
