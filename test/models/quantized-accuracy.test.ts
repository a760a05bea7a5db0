/** What quantization costs: right answers of the trained checkpoints beside those of their floats, and memory. */
import { join } from "node:path";
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { pooledBytes } from "../../packages/jaxscale/src/runtime/buffer-pool.ts";
import { type PlannedGeneration, planMemory } from "../../packages/models/src/cost/memory-plan.ts";
import { describeWeights, generationPrograms, plannedModel } from "../../packages/models/src/cost/planned-programs.ts";
import { evaluate } from "../../packages/models/src/evaluate/evaluate.ts";
import { LanguageModel, type LoadModelOptions } from "../../packages/models/src/language-model.ts";
import { parseScheme } from "../../packages/models/src/weights/quantized/scheme.ts";
import "../setup.ts";
import { cardOf, questionsOf } from "./every-answer.ts";
import { checkpoints } from "./golden.ts";

const int8 = { weights: parseScheme("int8") };
const int4 = { weights: parseScheme("int4") };

/** How many of the first questions are answered right. */
async function rightOf(folder: string, options: LoadModelOptions, count?: number): Promise<number> {
  const model = await LanguageModel.load(folder, { dtype: "float32", ...options });
  const answers = await evaluate(model, questionsOf(folder).slice(0, count), { batchSize: 24 });
  model.dispose();
  return answers.filter(({ passed }) => passed).length;
}

test("experts in int4 take the weights' memory that was planned, and no more temporaries than in floats", async () => {
  const { target } = (await jax.devices())[0];
  const atFirst = jax.statistics().bytesInUse;
  const model = await LanguageModel.load(join(checkpoints, "glm-4.7-flash-tiny"), { quantize: int4 });
  const loadedBytes = jax.statistics().bytesInUse - atFirst;
  model.dispose();
  const floats: PlannedGeneration = {
    ...{ config: model.config, generation: model.generation, dtype: "bfloat16" },
    ...{ options: { doSample: false, repetitionPenalty: 1 }, promptTokens: 40, maxNewTokens: 20 },
  };
  const codes: PlannedGeneration = { ...floats, quantize: int4 };
  const arrayBytes = describeWeights(plannedModel(codes).model).map(({ shape, dtype }) =>
    shape.reduce((a, b) => a * b, jax.itemSizeBytes(dtype)),
  );
  const sum = (all: readonly number[]): number => all.reduce((a, b) => a + b, 0);
  const plan = planMemory(codes, target);
  assert.is(plan.weightBytes, sum(arrayBytes));
  // The pool rounds each array up.
  assert.is(loadedBytes, sum(arrayBytes.map((sizeBytes) => pooledBytes(sizeBytes, target.limits.maxBufferSize))));
  const decodeBytes = (planned: PlannedGeneration): number => {
    const decode = generationPrograms(planned).find(({ name }) => name === "decode") as jax.Lowered;
    return sum(decode.program(target).arenas);
  };
  assert.ok(decodeBytes(codes) <= decodeBytes(floats), `${decodeBytes(codes)}, in floats ${decodeBytes(floats)}`);
  assert.ok(plan.temporaryBytes <= planMemory(floats, target).temporaryBytes);
});

test("int4 weights with int8 caches answer the first questions", async () => {
  const right = await rightOf(join(checkpoints, "glm-4-tiny"), { quantize: int4, kvDtype: "int8" }, 24);
  assert.ok(right >= 22, `${right} of 24`);
});

if (process.env.JAXSCALE_FULL === "1")
  // Of 149. Rounding to four bits loses three to five, of which two are chance.
  for (const { name, leastOfInt4 } of [
    { name: "glm-4-tiny", leastOfInt4: 142 },
    { name: "glm-4.7-flash-tiny", leastOfInt4: 133 },
  ]) {
    const folder = join(checkpoints, name);
    const floats = cardOf(folder, "trained").right + cardOf(folder, "held_out").right;

    for (const [what, options] of [
      ["int8 weights", { quantize: int8 }],
      ["int8 caches", { kvDtype: "int8" }],
    ] as const)
      test(`${name} with ${what} answers as many as in floats, give or take one`, async () => {
        const right = await rightOf(folder, options);
        assert.ok(Math.abs(right - floats) <= 1, `${right}, in floats ${floats}`);
      });

    test(`${name} with int4 weights answers at least ${leastOfInt4}`, async () => {
      const right = await rightOf(folder, { quantize: int4 });
      assert.ok(right >= leastOfInt4, `${right}, in floats ${floats}`);
    });
  }

test.run();
