/** Models on meshes: which numbers of devices are refused, and the tokens of the others. */
process.env.JAXSCALE_DEVICES = "8";

import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseConfig } from "../../packages/models/src/config/config.ts";
import { LanguageModel } from "../../packages/models/src/language-model.ts";
import { modelMesh, type Parallelism } from "../../packages/models/src/parallel/parallelism.ts";
import "../setup.ts";
import { fixture } from "./fixtures.ts";
import { readGolden } from "./golden.ts";

const nineB = parseConfig(JSON.stringify({ model_type: "glm4" }));
const flash = parseConfig(JSON.stringify({ model_type: "glm4_moe_lite" }));
const axesOf = (config: typeof nineB, parallelism: Parallelism) =>
  Object.fromEntries(modelMesh(config, parallelism)?.mesh.shape ?? []);

test("a mesh has the axes that have several devices; devices that share a key and value head are an axis", () => {
  assert.is(modelMesh(nineB, {}), null);
  assert.equal(axesOf(nineB, { tp: 2, dp: 2 }), { data: 2, tensor: 2 });
  assert.equal(axesOf(nineB, { tp: 8 }), { tensor: 2, group: 4 });
  assert.equal(axesOf(flash, { tp: 4, ep: 2 }), { expert: 2, tensor: 4 });
  assert.equal(modelMesh(nineB, { tp: 8 })?.rules.kv_heads, ["tensor"]);
});

test("numbers of devices that do not divide the model are refused with those that do", () => {
  assert.throws(
    () => modelMesh(flash, { tp: 8 }),
    /tp must divide num_attention_heads 20, .*vocab_size 154880; got 8\. These do: 1, 2, 4$/,
  );
  assert.throws(() => modelMesh(nineB, { tp: 3 }), /divide num_key_value_heads 2 or be a multiple of it; got 3/);
  assert.throws(
    () => modelMesh(flash, { ep: 3 }),
    /ep must divide n_routed_experts 64; got 3\. These do: 1, 2, 4, 8, 16/,
  );
  assert.throws(() => modelMesh(nineB, { ep: 2 }), /ep must be 1, for the model has nothing to split so; got 2/);
  assert.throws(() => modelMesh(nineB, { tp: 8, dp: 2 }), /Need 16 \(data=2, tensor=2, group=4\), 8 available/);
});

/** Greedy tokens of the reference, from prompts of several lengths. */
const tokensOn = (name: string, parallelism: Parallelism): void =>
  test(`greedy tokens of ${name} on ${JSON.stringify(parallelism)} are those of transformers`, async () => {
    const { input_ids, attention_mask, greedy } = readGolden(fixture(name)).cases.batch2;
    const model = await LanguageModel.load(fixture(name), { dtype: "float32", parallelism });
    const prompts = input_ids.map((row, b) => row.slice(attention_mask[b].indexOf(1)));
    const rows: number[][] = prompts.map(() => []);
    for await (const { tokens } of model.generate(prompts, { doSample: false, maxNewTokens: 24, eosTokenIds: [] }))
      tokens.forEach((token, row) => {
        rows[row].push(token);
      });
    assert.equal(rows, greedy.f32);
    model.dispose();
  });

tokensOn("glm-tiny", { tp: 2 });

test.run();
