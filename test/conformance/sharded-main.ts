/** `npm run conformance:sharded -- [DIR] [--family F] [--op X] [--limit 64] [--part 1/4] [--seconds S]`: golden cases on meshes of 2, 4 and 8 devices on 1, 2 and 4 GPUs. */
import { parseArgs } from "node:util";
import { deviationOf } from "./deviations.ts";
import { readFamily } from "./fixtures.ts";
import { selectedFamilies } from "./run-table.ts";
import { ShardedCase } from "./sharded.ts";
import { hasRow } from "./table.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    family: { type: "string", multiple: true },
    op: { type: "string", multiple: true },
    limit: { type: "string", default: "64" },
    part: { type: "string", default: "1/1" },
    seconds: { type: "string", default: "Infinity" },
  },
});
const [part, parts] = values.part.split("/").map(Number);
const [limit, seconds] = [Number(values.limit), Number(values.seconds)];
if (!(Number.isInteger(part) && part >= 1 && part <= parts))
  throw new Error(`--part must be like 1/4; got ${values.part}`);
if (!(limit >= 1)) throw new Error(`--limit must be a number of combinations, or Infinity; got ${values.limit}`);
if (!(seconds > 0)) throw new Error(`--seconds must be more than 0; got ${values.seconds}`);
const end = performance.now() + 1000 * seconds;

let [place, ran, programs, failed, left] = [0, 0, 0, 0, 0];
for (const name of selectedFamilies({ families: values.family, backends: [] })) {
  // The cases of that family say their shardings themselves.
  const family = name === "sharding" ? undefined : readFamily(name, positionals[0]);
  if (!family) continue;
  const before = programs;
  for (const item of family.cases) {
    // What cannot be traced here is refused on a mesh too.
    if (!hasRow(item.op) || deviationOf(item, "reference")) continue;
    if (values.op && !values.op.includes(item.op)) continue;
    if (place++ % parts !== part - 1) continue;
    if (performance.now() > end) {
      left++;
      continue;
    }
    ran++;
    const sharded = new ShardedCase(item, family);
    for (const specs of sharded.specs(limit)) {
      programs++;
      const wrong = await sharded.failure(specs);
      if (wrong === undefined) continue;
      failed++;
      console.log(`FAIL ${item.name} ${wrong}`);
      break;
    }
  }
  console.log(`${name}: ${programs - before} programs`);
}
const unseen = left > 0 ? `; ${left} cases were not reached in ${seconds} s` : "";
console.log(`${ran} cases in ${programs} programs on meshes, ${failed} cases failed${unseen}`);
process.exitCode = failed > 0 || ran === 0 ? 1 : 0;
