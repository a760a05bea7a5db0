/** Replaces the Node functions that need a file system. */
import type { CheckpointFiles } from "../files/byte-source.ts";

const absent = (name: string): never => {
  throw new TypeError(`${name}: a page has no folders; use blobFiles for chosen files, or urlFiles for a server`);
};

/** Throws: a web page cannot open folders. */
export const folderFiles = (_path: string): CheckpointFiles => absent("folderFiles");

export const resolveCheckpoint = async (_pathOrId: string, _options?: object): Promise<CheckpointFiles> =>
  absent("resolveCheckpoint");
