/**
 * The hub's cache on disk, as its libraries lay it out: `models--org--name/` with `blobs/` by hash, `snapshots/{commit}/` of links
 * to them, and `refs/{revision}` with the commit. Libraries share downloads.
 */
import { randomUUID } from "node:crypto";
import { copyFile, mkdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { refused } from "../checkpoint-error.ts";
import { type HubId, isCommit } from "../hub/hub-id.ts";
import { wantedShards } from "../hub/wanted-files.ts";
import { indexName } from "../weights/weights.ts";

export class HubCache {
  readonly #folder: string;

  /** @param root such as `~/.cache/huggingface/hub` */
  constructor(root: string, { name }: HubId) {
    this.#folder = join(root, `models--${name.replace("/", "--")}`);
  }

  snapshot(commit: string): string {
    return join(this.#folder, "snapshots", commit);
  }

  /** @param hash of the contents @throws CheckpointError if malformed */
  blob(hash: string, file: string): string {
    if (!/^[0-9a-f]{40}$|^[0-9a-f]{64}$/.test(hash))
      throw refused({ file }, "must be listed with its hash", JSON.stringify(hash));
    return join(this.#folder, "blobs", hash);
  }

  /** Undefined if the revision was never resolved. */
  async commitOf(revision: string): Promise<string | undefined> {
    if (isCommit(revision)) return revision;
    const commit = (await readText(join(this.#folder, "refs", revision)))?.trim();
    return commit !== undefined && isCommit(commit) ? commit : undefined;
  }

  async remember(revision: string, commit: string): Promise<void> {
    if (isCommit(revision)) return;
    await replace(join(this.#folder, "refs", revision), (path) => writeFile(path, commit));
  }

  /** Links a blob into a snapshot under its name. */
  async link(blob: string, commit: string, name: string): Promise<void> {
    const path = join(this.snapshot(commit), name);
    await replace(path, async (temporary) => {
      try {
        await symlink(relative(dirname(path), blob), temporary);
      } catch {
        // Creating links on Windows requires a privilege.
        await copyFile(blob, temporary);
      }
    });
  }

  /** Whether the snapshot has all required files. */
  async isComplete(commit: string, { withoutWeights }: { readonly withoutWeights: boolean }): Promise<boolean> {
    const folder = this.snapshot(commit);
    const has = async (name: string): Promise<boolean> => (await sizeOf(join(folder, name))) !== undefined;
    if (!(await has("config.json"))) return false;
    if (withoutWeights || (await has("model.safetensors"))) return true;
    const index = await readText(join(folder, indexName));
    if (index === undefined) return false;
    for (const shard of wantedShards(index)) if (!(await has(shard))) return false;
    return true;
  }
}

/** Writes a temporary file and renames it to `path`, so that the replacement is atomic. */
async function replace(path: string, write: (path: string) => Promise<void>): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomUUID()}`;
  try {
    await write(temporary);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Undefined if there is no such file. */
export async function sizeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.size;
}

const readText = (path: string): Promise<string | undefined> => readFile(path, "utf8").catch(() => undefined);
