/** Keeps texts in the cache, and prints what it reads back. */
import {
  readCacheFile,
  updateCacheFile,
  writeCacheFile,
} from "../../packages/jaxscale/src/runtime/node/cache-folder.ts";

// More than a full disk may still have.
const text = "x".repeat(2 ** 20);
for (const name of ["a.txt", "b.txt"]) writeCacheFile(name, text);
updateCacheFile("a.txt", (old = text) => `${old}y`);
console.log(readCacheFile("a.txt")?.length, readCacheFile("b.txt")?.length);
