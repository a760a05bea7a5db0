/** `model.safetensors.index.json`: which shard holds which tensor. */
import { refused, shown } from "../checkpoint-error.ts";
import { isJsonObject, parseJson } from "../json/parse.ts";

/** Shard by key. @throws CheckpointError for a malformed index, or one that names a file outside the folder */
export function parseIndex(text: string, file: string): ReadonlyMap<string, string> {
  const index = parseJson(text, { file, maxDepth: 8 });
  const map = isJsonObject(index) ? index.weight_map : undefined;
  if (!isJsonObject(map))
    throw refused({ file, key: "weight_map" }, "must be an object of file names by key", shown(map));
  const shards = new Map<string, string>();
  for (const [key, shard] of Object.entries(map)) {
    if (typeof shard !== "string") throw refused({ file, key }, "must be a file name", shown(shard));
    // A plain name, so that no file outside the folder is opened.
    if (!/^[A-Za-z0-9_][A-Za-z0-9._-]*\.safetensors$/.test(shard))
      throw refused({ file, key }, "must be the plain name of a .safetensors file in the same folder", shown(shard));
    shards.set(key, shard);
  }
  if (shards.size === 0) throw refused({ file, key: "weight_map" }, "must name at least one tensor", "none");
  return shards;
}
