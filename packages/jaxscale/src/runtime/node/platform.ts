/** The runtime's surroundings in Node. */
import { mkdirSync, writeFileSync } from "node:fs";
import { totalmem } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Platform } from "../platform.ts";
import { readCacheFile, updateCacheFile, writeCacheFile } from "./cache-folder.ts";
import { embeddedSource } from "./embedded-driver.ts";
import { keepTurning } from "./event-loop.ts";
import { systemSource } from "./system-gpu.ts";

let collect: (() => void) | undefined;

/** V8's collector; a context made after the flag is set carries it as a global. */
function forceCollection(): void {
  if (collect === undefined) {
    setFlagsFromString("--expose-gc");
    collect = runInNewContext("gc") as () => void;
  }
  collect();
}

function writeFile(folder: string, name: string, text: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), text);
}

export const platform: Platform = {
  name: "node",
  sources: [systemSource, embeddedSource],
  memoryBytes: totalmem(),
  advice:
    "install a GPU's Vulkan driver, or Mesa's lavapipe 25 or newer (Debian, Ubuntu: mesa-vulkan-drivers libvulkan1), or npm install @sparticuz/chromium koffi",
  readVariable: (name) => process.env[name],
  forceCollection,
  readCache: readCacheFile,
  writeCache: writeCacheFile,
  updateCache: updateCacheFile,
  writeFile,
  keepTurning,
  onExit: (callback) => void process.once("exit", callback),
};
