/** Quantized checkpoints of every layout, as they lie on the hub, against transformers on their dequantized weights. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { LanguageModel } from "../../packages/models/src/language-model.ts";
import "../setup.ts";
import { testEveryTensor } from "./every-tensor.ts";
import { readGolden } from "./golden.ts";
import { generatedRows } from "./greedy.ts";

const within = join(import.meta.dirname, "..", "fixtures", "quant");
const all = readdirSync(within).filter((name) => name.startsWith("glm4"));
const isFull = process.env.JAXSCALE_FULL === "1";
// Their tokens come from all layers: every tensor of each is held in the full run.
const quick = ["glm4-ct-int4-asym-g32", "glm4_moe_lite-gptq-actorder-g32"];

for (const name of isFull ? all : quick) {
  if (isFull) testEveryTensor(name, within);

  test(`greedy tokens of ${name} are those of transformers`, async () => {
    const { cases } = readGolden(join(within, name));
    const model = await LanguageModel.load(join(within, name), { dtype: "float32" });
    for (const golden of Object.values(cases))
      assert.equal(
        await generatedRows(model, { golden, options: { maxNewTokens: 16, eosTokenIds: [] } }),
        golden.greedy.f32,
      );
    model.dispose();
  });
}

test.run();
