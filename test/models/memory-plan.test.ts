/** The plan of a generation's memory, against what the device's counters say when it runs. */
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { planMemory } from "../../packages/models/src/cost/memory-plan.ts";
import { LanguageModel } from "../../packages/models/src/language-model.ts";
import { shipped } from "./fixtures.ts";

for (const name of ["glm-4.7-flash-tiny"])
  test(`${name} takes the memory that was planned, give or take what the pool rounds up`, async () => {
    const { target, memoryBudgetBytes } = (await jax.devices())[0];
    assert.ok(memoryBudgetBytes > 2 ** 28);
    const atFirst = jax.statistics().bytesInUse;
    const model = await LanguageModel.load(shipped(name));
    const loaded = jax.statistics().bytesInUse - atFirst;
    const options = { doSample: false, repetitionPenalty: 1, maxNewTokens: 20, eosTokenIds: [] };
    const prompt = Array.from({ length: 40 }, (_, i) => i);
    const plan = planMemory(
      { ...model, config: model.config, dtype: "bfloat16", options, promptTokens: prompt.length, maxNewTokens: 20 },
      target,
    );
    assert.is(plan.capacity, 64);
    // Sizes of the pool: a sixteenth more at most, and 256 bytes at least for each of some hundred arrays.
    const near = (actual: number, planned: number): boolean => actual >= planned && actual <= planned * 1.07 + 2 ** 16;
    assert.ok(near(loaded, plan.weightBytes), `weights: ${loaded}, planned ${plan.weightBytes}`);
    jax.statistics().peakBytes = 0;
    for await (const _ of model.generate([prompt], options));
    const peak = jax.statistics().peakBytes - atFirst;
    assert.ok(near(peak, plan.totalBytes), `together: ${peak}, planned ${plan.totalBytes}`);
    model.dispose();
  });

test.run();
