/** Quantized weights split over devices: scales and zero points lie with their codes. */
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { LanguageModel } from "../../packages/models/src/language-model.ts";
import { parseScheme } from "../../packages/models/src/weights/quantized/scheme.ts";
import "../setup.ts";
import { rejection } from "../rejection.ts";
import { checkpoints, readGolden } from "./golden.ts";
import { generatedRows } from "./greedy.ts";

process.env.JAXSCALE_DEVICES = "4";
const within = join(import.meta.dirname, "..", "fixtures", "quant");

const split = [
  ["glm4-ct-int4-asym-g32", { tp: 2 }],
  ["glm4-gptq-actorder-g32", { tp: 2, dp: 2 }],
  ["glm4_moe_lite-ct-int8-channel", { tp: 2, ep: 2 }],
  ["glm4_moe_lite-mlx-4bit", { ep: 4 }],
] as const;

for (const [name, parallelism] of process.env.JAXSCALE_FULL === "1" ? split : split.slice(0, 1))
  test(`${name} over ${JSON.stringify(parallelism)} gives the tokens of transformers`, async () => {
    const golden = readGolden(join(within, name)).cases.batch2;
    const model = await LanguageModel.load(join(within, name), { dtype: "float32", parallelism });
    assert.equal(
      await generatedRows(model, { golden, options: { maxNewTokens: 16, eosTokenIds: [] } }),
      golden.greedy.f32,
    );
    model.dispose();
  });

test("groups that devices would share are refused", async () => {
  const error = await rejection(
    LanguageModel.load(join(checkpoints, "glm-4-tiny"), {
      parallelism: { tp: 2 },
      quantize: { weights: parseScheme("int4:128") },
    }),
  );
  assert.is(error.name, "RangeError");
  assert.match(
    error.message,
    /^parallelism: groups of 128 must not straddle devices; got model\.layers\.0\.mlp\.down_proj\.weight with 384 inputs over 2 devices$/,
  );
});

test.run();
