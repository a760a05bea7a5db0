/** A checkpoint in a folder on disk. */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join, resolve } from "node:path";
import { refused } from "../checkpoint-error.ts";
import { type ByteSource, type CheckpointFiles, truncated } from "../files/byte-source.ts";

/** A checkpoint in a folder. */
export function folderFiles(path: string): CheckpointFiles {
  const folder = resolve(path);
  return {
    location: path,
    open: async (name) => {
      if (name.includes("/") || name.includes("\\") || name.includes("\0") || name === ".." || name === ".")
        throw refused({ file: path }, "must be asked for a file by its plain name", JSON.stringify(name));
      let handle: FileHandle;
      try {
        // Non-blocking, so that opening a named pipe does not hang.
        handle = await open(join(folder, name), constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw refused({ file: join(path, name) }, "must be readable", String((error as NodeJS.ErrnoException).code));
      }
      return fileSource(handle, name, join(path, name));
    },
  };
}

async function fileSource(handle: FileHandle, name: string, path: string): Promise<ByteSource> {
  const status = await handle.stat();
  if (!status.isFile()) {
    await handle.close();
    throw refused({ file: path }, "must be a file", status.isDirectory() ? "a folder" : "something else");
  }
  return {
    name,
    sizeBytes: status.size,
    read: async (offset, into) => {
      for (let done = 0; done < into.length; ) {
        const { bytesRead } = await handle.read(into, done, into.length - done, offset + done);
        if (bytesRead === 0) throw truncated(name, offset + into.length, offset + done);
        done += bytesRead;
      }
    },
    close: () => handle.close(),
  };
}
