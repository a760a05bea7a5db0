/** The ladder: every way of running gives the same tokens, and what fails is said. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type LadderRung, LanguageModel, measureLadder } from "../../packages/models/src/index.ts";
import { fixture } from "./fixtures.ts";

process.env.JAXSCALE_DEVICES = "2";

async function ladderOf(tp: number): Promise<LadderRung[]> {
  const given = { batch: 1, promptTokens: 5, decodeSteps: 2, warmup: 1, repeats: 1 };
  const load = (parallelism: { tp?: number }) => {
    if (parallelism.tp === undefined && tp !== 2) throw new RangeError("no such file");
    return LanguageModel.load(fixture("glm4-tiny"), { dtype: "float32", parallelism });
  };
  const rungs: LadderRung[] = [];
  for await (const rung of measureLadder(given, { load: async (p) => load(p), tp })) rungs.push(rung);
  return rungs;
}

const names = [
  "eager, no cache",
  "eager, cache",
  "jit, no cache",
  "jit + cache",
  "jit + cache + donation",
  "tuned schedules",
];

// Tuning alone takes its budget for each program.
if (process.env.JAXSCALE_FULL === "1")
  test("each rung has the tokens of the first, and parts of its time", async () => {
    const rungs = await ladderOf(2);
    assert.equal(
      rungs.map(({ name }) => name),
      [...names, "TP = 2"],
    );
    for (const rung of rungs) {
      if ("error" in rung) throw new Error(`${rung.name}: ${rung.error}`);
      assert.is(rung.differsAfter, undefined, rung.name);
      assert.ok(Math.abs(rung.tokensPerSecond * rung.decodeMs.p50 - 1000) < 1e-6);
      assert.is(Math.max(...Object.values(rung.parts)), rung.parts[rung.binds]);
      const sum = Object.values(rung.parts).reduce((a, b) => a + b, 0);
      assert.ok(sum > rung.decodeMs.p50 - 1e-6, `${rung.name}: ${sum} of ${rung.decodeMs.p50}`);
    }
  });

test("a model that cannot be loaded or split is the error of its rungs", async () => {
  const rungs = await ladderOf(3);
  assert.equal(
    rungs.slice(0, -1),
    names.map((name) => ({ name, error: "no such file" })),
  );
  const last = rungs.at(-1) as LadderRung;
  assert.ok("error" in last && last.name === "TP = 3" && /3/.test(last.error), JSON.stringify(last));
});

test.run();
