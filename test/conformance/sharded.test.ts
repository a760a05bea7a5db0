import { test } from "uvu";
import * as assert from "uvu/assert";
import { seeded } from "../random-shardings.ts";
import { deviationOf } from "./deviations.ts";
import { familyNames, readFamily, sample } from "./fixtures.ts";
import { ShardedCase } from "./sharded.ts";
import { hasRow } from "./table.ts";

/** Whole tables only when asked; otherwise a share of the cases, chosen with a fixed seed. */
const share = process.env.JAXSCALE_FULL === "1" ? 1 : 0.25;

for (const name of familyNames.filter((family) => family !== "sharding")) {
  const family = readFamily(name);
  if (!family) continue;
  const cases = sample(
    // What cannot be traced here is refused on a mesh too.
    family.cases.filter((item) => hasRow(item.op) && !deviationOf(item, "reference")),
    share,
  );
  test(`${name}: ${cases.length} golden cases are the same on meshes of 2, 4 and 8 devices on 1, 2 and 4 GPUs`, async () => {
    const wrong: string[] = [];
    for (const [i, item] of cases.entries()) {
      const sharded = new ShardedCase(item, family);
      const failure = await sharded.failure(sharded.someSpecs(seeded(i)));
      if (failure) wrong.push(`${item.name} ${failure}`);
    }
    assert.is(wrong.length, 0, wrong.slice(0, 20).join("\n"));
  });
}

test.run();
