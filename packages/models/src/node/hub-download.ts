/** Downloads a checkpoint from a hub into its cache. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { CheckpointError } from "jaxscale";
import { quoted, refused } from "../checkpoint-error.ts";
import { type HubId, isCommit } from "../hub/hub-id.ts";
import { isWeights, wantedFiles, wantedShards } from "../hub/wanted-files.ts";
import { type OnProgress, ProgressMeter } from "../weights/progress.ts";
import { indexName } from "../weights/weights.ts";
import { HubCache, sizeOf } from "./hub-cache.ts";
import { NoHubError } from "./hub-fetch.ts";
import { downloadBlob, type HubFile, isFileSystemError, partialBytes } from "./hub-file.ts";
import { type Hub, Repository } from "./hub-repository.ts";

export interface HubOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
  /** Downloads configs and tokenizer only, without weights. */
  readonly withoutWeights?: boolean;
}

/**
 * The folder of a repository's snapshot in the hub's cache (`HF_HUB_CACHE`, else `HF_HOME/hub`), with what was missing downloaded.
 * `HF_ENDPOINT` is another hub, `HF_TOKEN` opens private repositories, `HF_HUB_OFFLINE=1` disables requests.
 * Without a connection the last known snapshot is used, if complete.
 * @throws CheckpointError if the repository or its files are bad; errors of the connection
 */
export async function downloadFromHub(id: HubId, options: HubOptions = {}): Promise<string> {
  const hub = await import("@huggingface/hub");
  const cache = new HubCache(hub.getHFHubCachePath(), id);
  const known = await cache.commitOf(id.revision);
  const { withoutWeights = false } = options;
  const usable = known !== undefined && (await cache.isComplete(known, { withoutWeights }));
  if (usable && isCommit(id.revision)) return cache.snapshot(known);
  if (isOffline()) {
    if (usable) return cache.snapshot(known);
    throw new CheckpointError(
      `${id.name}@${id.revision}: must be in the cache, for HF_HUB_OFFLINE is set; got ${known ? "parts of it" : "nothing"}`,
    );
  }
  let repository: Repository;
  try {
    repository = await Repository.find(hub, id, options.signal);
  } catch (error) {
    const answered =
      (error instanceof CheckpointError && !(error instanceof NoHubError)) ||
      (error instanceof hub.HubApiError && error.statusCode < 500);
    if (usable && !answered && !options.signal?.aborted) return cache.snapshot(known);
    throw explained(hub, error, id);
  }
  try {
    await fill(repository, cache, options);
    await cache.remember(id.revision, repository.commit);
  } catch (error) {
    throw explained(hub, error, id);
  }
  return cache.snapshot(repository.commit);
}

const isOffline = (): boolean => /^(1|true|yes|on)$/i.test(process.env.HF_HUB_OFFLINE ?? "");

async function fill(
  repository: Repository,
  cache: HubCache,
  { signal, onProgress, withoutWeights }: HubOptions,
): Promise<void> {
  const listed = await repository.files();
  const get = (names: readonly string[]): Promise<void> => {
    const files = names.map((name) => {
      const file = listed.get(name);
      if (file === undefined)
        throw refused({ file: indexName }, "must name shards that exist", `${name}, which the hub does not list`);
      return file;
    });
    return fetchFiles(repository, cache, files, { signal, onProgress });
  };
  const wanted = wantedFiles(new Set(listed.keys()));
  const sharded = wanted.includes(indexName);
  if (!wanted.includes("config.json") || !(sharded || wanted.includes("model.safetensors")))
    throw new CheckpointError(
      `${repository.id.name}: must hold config.json, and model.safetensors or ${indexName}; got ${[...listed.keys()].slice(0, 20).map(quoted).join(", ") || "no files"}`,
    );
  if (withoutWeights) return get(wanted.filter((name) => !isWeights(name)));
  await get(wanted);
  if (sharded) await get(wantedShards(await readFile(join(cache.snapshot(repository.commit), indexName), "utf8")));
}

async function fetchFiles(
  repository: Repository,
  cache: HubCache,
  files: readonly HubFile[],
  { signal, onProgress }: HubOptions,
): Promise<void> {
  const missing: { readonly file: HubFile; readonly blob: string; readonly countedBytes: number }[] = [];
  for (const file of files) {
    const blob = cache.blob(file.hash, file.name);
    if ((await sizeOf(blob)) === file.sizeBytes) await cache.link(blob, repository.commit, file.name);
    else missing.push({ file, blob, countedBytes: await partialBytes(file, blob) });
  }
  const meter = new ProgressMeter(
    missing.reduce((sum, { file }) => sum + file.sizeBytes, 0),
    onProgress,
    missing.reduce((sum, { countedBytes }) => sum + countedBytes, 0),
  );
  for (const { file, blob, countedBytes } of missing) {
    signal?.throwIfAborted();
    const open = (start: number) => repository.open(file, start);
    await downloadBlob(file, blob, { open, signal, countedBytes, onBytes: (bytes) => meter.add(file.name, bytes) });
    await cache.link(blob, repository.commit, file.name);
  }
}

/** A hint for the user. */
function explained(hub: Hub, error: unknown, { name, revision }: HubId): unknown {
  if (error instanceof hub.HubApiError) {
    const advice =
      error.statusCode === 401 || error.statusCode === 403
        ? "; a private or gated repository needs HF_TOKEN"
        : error.statusCode === 404
          ? "; is the name right?"
          : "";
    return new CheckpointError(`${name}@${revision}: must be on the hub; got status ${error.statusCode}${advice}`);
  }
  if (isFileSystemError(error))
    return new CheckpointError(
      `${name}@${revision}: the hub's cache must be a folder that can be written, see HF_HUB_CACHE and HF_HOME; got ${quoted(error.message)}`,
    );
  if (error instanceof TypeError && error.message === "fetch failed")
    return new CheckpointError(
      `${name}@${revision}: must be in the cache or on a hub that answers; got ${String((error.cause as Error | undefined)?.message ?? error.message)}`,
    );
  return error;
}
