/** Files of golden tensors, as commands take them. */
import { basename, dirname } from "node:path";
import { folderFiles, GoldenFile, readTextFile, SafetensorsFile } from "@jaxscale/models";
import { CheckpointError } from "jaxscale";

/** Opens a safetensors file. @throws CheckpointError if it is missing or bad */
export async function openTensors(path: string): Promise<SafetensorsFile> {
  const source = await folderFiles(dirname(path)).open(basename(path));
  if (source === undefined) throw new CheckpointError(`${path}: must be a file of golden tensors; got no such file`);
  return SafetensorsFile.open(source);
}

/** Opens golden tensors, and the `.json` of the same name beside them if there is one. @throws CheckpointError if they are missing or bad */
export async function openGolden(path: string): Promise<GoldenFile> {
  const tensors = await openTensors(path);
  const file = `${basename(path).replace(/\.safetensors$/, "")}.json`;
  const text = await readTextFile(folderFiles(dirname(path)), file);
  return new GoldenFile(tensors, text === undefined ? undefined : { text, file });
}
