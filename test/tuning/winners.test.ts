import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { lavapipe } from "../golden/targets.ts";
import { memoryStore, useOwnCache } from "./store.ts";

const folder = useOwnCache();
const { readCacheFile, updateCacheFile } = await import("../../packages/jaxscale/src/runtime/node/cache-folder.ts");
const { readWinners, winnersFile, writeWinners } = await import("../../packages/jaxscale/src/tune/winners.ts");
const { defaultParameters } = await import("../../packages/jaxscale/src/fuse/parameters.ts");
const known = defaultParameters(lavapipe);
const disk = { readCache: readCacheFile, updateCache: updateCacheFile };
const file = join(folder, winnersFile);

async function warningsOf(run: () => void | Promise<void>): Promise<string[]> {
  const { warn } = console;
  const seen: string[] = [];
  console.warn = (message: string) => void seen.push(message);
  try {
    await run();
  } finally {
    console.warn = warn;
  }
  return seen;
}

test("what is written is read back, by adapter", () => {
  const store = memoryStore();
  writeWinners(store, "adapter a", new Map([["map", { mapVectors: 16 }]]));
  writeWinners(store, "adapter b", new Map([["map", { mapVectors: 4 }]]));
  writeWinners(store, "adapter a", new Map([["reduce", { rowWorkgroup: 32 }]]));
  assert.equal(Object.fromEntries(readWinners(store, "adapter a", known)), {
    map: { mapVectors: 16 },
    reduce: { rowWorkgroup: 32 },
  });
  assert.equal(Object.fromEntries(readWinners(store, "adapter b", known)), { map: { mapVectors: 4 } });
  assert.is(readWinners(store, "adapter c", known).size, 0);
});

test("entries with unknown parameters or wrong values are not used", () => {
  const entries = {
    a: { fine: { tileRows: 4 }, old: { tileWidth: 4 }, odd: { tileRows: "4" }, worse: { tileShared: 1 }, list: [] },
  };
  const store = memoryStore(JSON.stringify({ version: 1, entries }));
  assert.equal(
    [...readWinners(store, "a", known).keys()],
    ["fine", "list"].filter((k) => k === "fine"),
  );
});

test("a damaged file is ignored with one warning, and written anew", async () => {
  mkdirSync(folder, { recursive: true });
  const warnings = await warningsOf(() => {
    for (const damage of ['{"version":1,"entries":{"a":', "null", '{"version":1,"entries":[]}', "\u0000\u0001", ""]) {
      writeFileSync(file, damage);
      assert.is(readWinners(disk, "a", known).size, 0);
      writeWinners(disk, "a", new Map([["map", { mapVectors: 16 }]]));
      assert.equal([...readWinners(disk, "a", known)], [["map", { mapVectors: 16 }]]);
    }
  });
  assert.is(warnings.length, 1);
  assert.match(warnings[0], /schedules\.json is damaged/);
});

test("a file of another format version is no fault", async () => {
  const store = memoryStore(JSON.stringify({ version: 99, entries: { a: { map: { mapVectors: 16 } } } }));
  const warnings = await warningsOf(() => assert.is(readWinners(store, "a", known).size, 0));
  assert.equal(warnings, []);
});

test("processes that write at once lose nothing", async () => {
  const [processes, each] = [4, 25];
  const writer = fileURLToPath(new URL("writer.ts", import.meta.url));
  await Promise.all(
    Array.from(
      { length: processes },
      (_, i) =>
        new Promise<void>((resolve, reject) => {
          const child = spawn(process.execPath, ["--import", "tsx", writer, `${i}`, `${each}`], { stdio: "inherit" });
          child.on("close", (code) => (code === 0 ? resolve() : reject(new Error(`writer ended with ${code}`))));
        }),
    ),
  );
  const winners = readWinners(disk, "shared", known);
  assert.is(winners.size, processes * each);
  assert.equal(winners.get("class 3/24"), { mapVectors: 25 });
  assert.equal(
    readdirSync(folder).filter((name) => name !== winnersFile),
    [],
  );
});

test("the lock of a process that died does not hold others up for long", () => {
  const lock = `${file}.lock`;
  mkdirSync(lock);
  utimesSync(lock, new Date(0), new Date(0));
  writeWinners(disk, "after", new Map([["map", { mapVectors: 8 }]]));
  assert.equal([...readWinners(disk, "after", known)], [["map", { mapVectors: 8 }]]);
  assert.ok(!readdirSync(folder).includes(`${winnersFile}.lock`));
  assert.is(JSON.parse(readFileSync(file, "utf8")).version, 1);
});

test.run();
