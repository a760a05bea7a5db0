/** Functions that need a file system. */
export { folderFiles } from "./folder-files.ts";
export { resolveCheckpoint } from "./resolve.ts";
