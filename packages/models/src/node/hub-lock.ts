/** One process at a time downloads a file of the cache; others wait for it. A lock file says which, and where its bytes go. */
import { readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";

const pollMs = 200;
const beatMs = 5_000;
/** A holder without a sign of life for so long has lost its lock: it died on another host, or its process id is another's now. */
const staleMs = 60_000;

interface Holder {
  readonly host: string;
  readonly pid: number;
  /** Name of the file that it writes, beside the lock. */
  readonly partial: string;
}

export interface Claim {
  /** What a process that died had written, if one did. */
  readonly orphan: string | undefined;
  release(): Promise<void>;
}

export interface ClaimOptions {
  readonly signal?: AbortSignal;
  /** Whether there is nothing left to do. */
  readonly isDone: () => Promise<boolean>;
  /** Called while another process is at work, with the file that it writes. */
  readonly onWait: (partial: string) => Promise<void>;
}

/**
 * Waits for the lock. Two may hold it after a long standstill of one, so each writes a file of its own.
 * @param partial the file that will be written
 * @returns undefined if another process did the work
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

/** Removes a lock that still says what it was judged by. */
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
    // It is being written.
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
