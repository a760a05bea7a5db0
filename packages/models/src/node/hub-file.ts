/** One file from a hub into the cache: resumed where it stopped, checked when whole. */
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { CheckpointError } from "jaxscale";
import { quoted, refused } from "../checkpoint-error.ts";
import { sizeOf } from "./hub-cache.ts";

export interface HubFile {
  readonly name: string;
  readonly sizeBytes: number;
  /** SHA-256 of the contents, or for small files Git's SHA-1 of a blob. */
  readonly hash: string;
}

export interface FileDownload {
  /** The bytes from `start` on. */
  readonly open: (start: number) => Promise<AsyncIterable<Uint8Array>>;
  readonly onBytes: (sizeBytes: number) => void;
  readonly signal?: AbortSignal;
}

const attempts = 5;
const firstPauseMs = 200;

/** Bytes of an earlier try that can be used. */
export async function partialBytes({ sizeBytes }: HubFile, blob: string): Promise<number> {
  const there = (await sizeOf(incompletePath(blob))) ?? 0;
  return there <= sizeBytes ? there : 0;
}

/**
 * Downloads to `blob`, by way of `blob.incomplete`, which stays if it fails.
 * @throws CheckpointError if what came is not what the hub listed, or the connection broke again and again
 */
export async function downloadBlob(file: HubFile, blob: string, download: FileDownload): Promise<void> {
  await mkdir(dirname(blob), { recursive: true });
  for (let failures = 0; ; ) {
    const before = await partialBytes(file, blob);
    try {
      await append(file, blob, before, download);
      break;
    } catch (error) {
      if (download.signal?.aborted) throw download.signal.reason;
      if (error instanceof CheckpointError || isFinal(error)) throw error;
      const got = await partialBytes(file, blob);
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
  const found = await hashOf(file, incompletePath(blob));
  if (found !== file.hash) {
    await rm(incompletePath(blob), { force: true });
    throw refused(
      { file: file.name },
      `must have the hash that the hub lists, ${file.hash}`,
      `${found}; it was removed, so that the next try begins anew`,
    );
  }
  await rename(incompletePath(blob), blob);
}

/** A refusal that asking again does not change. */
const isFinal = (error: unknown): boolean => {
  const { statusCode } = error as { readonly statusCode?: unknown };
  return typeof statusCode === "number" && statusCode >= 400 && statusCode < 500 && statusCode !== 429;
};

const incompletePath = (blob: string): string => `${blob}.incomplete`;

async function append(
  { name, sizeBytes }: HubFile,
  blob: string,
  start: number,
  download: FileDownload,
): Promise<void> {
  // What is longer than the file cannot be its beginning.
  const handle = await open(incompletePath(blob), start === 0 ? "w" : "a");
  let at = start;
  try {
    if (start < sizeBytes)
      for await (const bytes of await download.open(start)) {
        download.signal?.throwIfAborted();
        at += bytes.length;
        if (at > sizeBytes)
          throw refused({ file: name }, `must have the ${sizeBytes} bytes that the hub lists`, "more");
        await handle.appendFile(bytes);
        download.onBytes(bytes.length);
      }
  } finally {
    await handle.close();
  }
  if (at < sizeBytes) throw new Error(`the connection ended at byte ${at}`);
}

/** In the way of the listed hash. */
async function hashOf({ hash, sizeBytes }: HubFile, path: string): Promise<string> {
  const sum: Hash = createHash(hash.length === 64 ? "sha256" : "sha1");
  if (hash.length === 40) sum.update(`blob ${sizeBytes}\0`);
  for await (const bytes of createReadStream(path, { highWaterMark: 2 ** 20 })) sum.update(bytes as Buffer);
  return sum.digest("hex");
}
