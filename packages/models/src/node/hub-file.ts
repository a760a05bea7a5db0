/** Downloads one file from a hub into the cache: resumes partial downloads and verifies the hash. */
import { createHash, type Hash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { CheckpointError } from "jaxscale";
import { quoted, refused } from "../checkpoint-error.ts";
import { sizeOf } from "./hub-cache.ts";
import { claim } from "./hub-lock.ts";

export interface HubFile {
  readonly name: string;
  readonly sizeBytes: number;
  /** SHA-256 of the contents, or for small files Git's SHA-1 of a blob. */
  readonly hash: string;
}

export interface FileDownload {
  /** The bytes from `start` on. */
  readonly open: (start: number) => Promise<AsyncIterable<Uint8Array>>;
  /** Bytes of an earlier attempt; not reported to `onBytes`. */
  readonly countedBytes: number;
  readonly onBytes: (sizeBytes: number) => void;
  readonly signal?: AbortSignal;
}

const attempts = 5;
const firstPauseMs = 200;

/** Reusable bytes of an earlier attempt. */
export async function partialBytes(file: HubFile, blob: string): Promise<number> {
  return usableBytes(file, partialPath(blob));
}

/** What is longer than the file cannot be its beginning. */
async function usableBytes({ sizeBytes }: HubFile, partial: string): Promise<number> {
  const there = (await sizeOf(partial)) ?? 0;
  return there <= sizeBytes ? there : 0;
}

// Not `.incomplete`, which other libraries write to without this lock.
const partialPath = (blob: string): string => `${blob}.partial`;

/**
 * Downloads to `blob`, or waits if another process does. A failed download is kept in `blob.partial`.
 * @throws CheckpointError if the contents differ from the listing of the hub, or the connection fails repeatedly
 */
export async function downloadBlob(file: HubFile, blob: string, download: FileDownload): Promise<void> {
  await mkdir(dirname(blob), { recursive: true });
  let { countedBytes } = download;
  const countTo = (bytes: number): void => {
    if (bytes <= countedBytes) return;
    download.onBytes(bytes - countedBytes);
    countedBytes = bytes;
  };
  const partial = `${blob}.${randomUUID()}.partial`;
  const claimed = await claim(`${blob}.lock`, partial, {
    signal: download.signal,
    isDone: async () => (await sizeOf(blob)) === file.sizeBytes,
    onWait: async (others) => countTo(await usableBytes(file, others)),
  });
  if (claimed)
    try {
      for (const from of [partialPath(blob), claimed.orphan]) if (from) await renameIfThere(from, partial);
      await complete(file, partial, { ...download, countTo });
      await rename(partial, blob);
    } finally {
      await renameIfThere(partial, partialPath(blob));
      await claimed.release();
    }
  countTo(file.sizeBytes);
}

async function renameIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

interface CountedDownload extends FileDownload {
  readonly countTo: (bytes: number) => void;
}

/** Downloads the rest of `partial`, with retries when the connection breaks, and verifies the file. */
async function complete(file: HubFile, partial: string, download: CountedDownload): Promise<void> {
  for (let failures = 0; ; ) {
    const before = await usableBytes(file, partial);
    try {
      await append(file, partial, before, download);
      break;
    } catch (error) {
      if (download.signal?.aborted) throw download.signal.reason;
      if (error instanceof CheckpointError || isFileSystemError(error) || isFinal(error)) throw error;
      const got = await usableBytes(file, partial);
      failures = got > before ? 1 : failures + 1;
      if (failures >= attempts)
        throw refused(
          { file: file.name },
          "must arrive whole",
          `${got} of ${file.sizeBytes} bytes, then ${quoted(String(error))}; the next download goes on from there`,
        );
      await new Promise((resolve) => setTimeout(resolve, firstPauseMs * 2 ** (failures - 1)));
    }
  }
  const found = await hashOf(file, partial);
  if (found === file.hash) return;
  await rm(partial, { force: true });
  throw refused(
    { file: file.name },
    `must have the hash that the hub lists, ${file.hash}`,
    `${found}; it was removed, so that the next try begins anew`,
  );
}

/** An error that a retry cannot fix. */
const isFinal = (error: unknown): boolean => {
  const { statusCode } = error as { readonly statusCode?: unknown };
  return typeof statusCode === "number" && statusCode >= 400 && statusCode < 500 && statusCode !== 429;
};

/** Whether the error is from the file system; connection errors are causes of another error. */
export const isFileSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && "syscall" in error && "code" in error;

async function append(
  { name, sizeBytes }: HubFile,
  partial: string,
  start: number,
  download: CountedDownload,
): Promise<void> {
  const handle = await open(partial, start === 0 ? "w" : "a");
  let at = start;
  try {
    if (start < sizeBytes)
      for await (const bytes of await download.open(start)) {
        download.signal?.throwIfAborted();
        at += bytes.length;
        if (at > sizeBytes)
          throw refused({ file: name }, `must have the ${sizeBytes} bytes that the hub lists`, "more");
        await handle.appendFile(bytes);
        download.countTo(at);
      }
  } finally {
    await handle.close();
  }
  if (at < sizeBytes) throw new Error(`the connection ended at byte ${at}`);
}

/** Hashes the contents with the algorithm of the listed hash. */
async function hashOf({ hash, sizeBytes }: HubFile, path: string): Promise<string> {
  const sum: Hash = createHash(hash.length === 64 ? "sha256" : "sha1");
  if (hash.length === 40) sum.update(`blob ${sizeBytes}\0`);
  for await (const bytes of createReadStream(path, { highWaterMark: 2 ** 20 })) sum.update(bytes as Buffer);
  return sum.digest("hex");
}
