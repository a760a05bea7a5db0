/** A process that writes winners one by one: `writer.ts number count`. */
import { readCacheFile, updateCacheFile } from "../../packages/jaxscale/src/runtime/node/cache-folder.ts";
import { writeWinners } from "../../packages/jaxscale/src/tune/winners.ts";

const [number, count] = process.argv.slice(2).map(Number);
const store = { readCache: readCacheFile, updateCache: updateCacheFile };
for (let i = 0; i < count; i++)
  writeWinners(store, "shared", new Map([[`class ${number}/${i}`, { mapVectors: i + 1 }]]));
