/** Resolves a user-given name to the files of a checkpoint. */
import { stat } from "node:fs/promises";
import { CheckpointError } from "jaxscale";
import type { CheckpointFiles } from "../files/byte-source.ts";
import { parseHubId } from "../hub/hub-id.ts";
import { folderFiles } from "./folder-files.ts";
import { downloadFromHub, type HubOptions } from "./hub-download.ts";

/**
 * Opens a folder, or downloads a hub id `org/name[@revision]` into the cache of the hub.
 * @throws CheckpointError if the name is neither
 */
export async function resolveCheckpoint(pathOrId: string, options: HubOptions = {}): Promise<CheckpointFiles> {
  const status = await stat(pathOrId).catch(() => undefined);
  if (status?.isDirectory()) return folderFiles(pathOrId);
  if (status !== undefined) throw new CheckpointError(`${pathOrId}: must be the folder of a checkpoint; got a file`);
  const id = parseHubId(pathOrId);
  if (id === undefined)
    throw new CheckpointError(
      `${pathOrId}: must be a folder, or a hub id such as org/name or org/name@revision; got neither`,
    );
  return folderFiles(await downloadFromHub(id, options));
}
