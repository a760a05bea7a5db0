/** A mixture of experts that another project registers: its figures, worked out by hand, its keys, its words. */
import * as models from "@jaxscale/models";
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { benchmarkText } from "../../packages/cli/src/benchmark.ts";
import { toyMoeFiles, valueAt } from "./toy-moe.ts";

const config = models.parseConfig('{"model_type":"toy_moe"}');
const described = new models.CausalLM(config, "bfloat16");

// q, k, v, o: 8 wide, two heads of 4 and one for keys and values. Norms, router, four experts of three matrices.
const attention = 64 + 32 + 32 + 64;
const experts = 4 * 3 * 6 * 8;
const layerWithout = attention + 2 * 8 + 4 * 8;
const embedding = 32 * 8;
const active = embedding + 8 + 2 * (layerWithout + experts / 2);

test("a token is multiplied with two of four experts, and reads as many", () => {
  const cost = new models.StepCost(described);
  assert.is(cost.parameters, 2 * embedding + 8 + 2 * (layerWithout + experts));
  assert.is(cost.activeParameters, active);
  // Keys and values of 4, bfloat16, in two layers.
  const cacheBytes = 2 * 2 * 4 * 2;
  // A product of query and key and one with the value: 4 operations a channel of 8, in two layers.
  assert.equal(cost.decode([5]), {
    flops: 2 * active + 5 * 2 * 4 * 8,
    bytes: 2 * (active + 8) + 5 * cacheBytes,
  });
  const all = embedding + 8 + 2 * (layerWithout + experts);
  assert.is(cost.decode([5, 5]).bytes, 2 * (all + 2 * 8) + 10 * cacheBytes);
});

test("--plan counts all experts' bytes and the caches of its layers", async () => {
  const [{ target }] = await jax.devices();
  const generation = models.parseGenerationConfig("{}", config);
  const options = { doSample: false, maxNewTokens: 4 };
  const plan = models.planMemory(
    { config, generation, dtype: "bfloat16", options, promptTokens: 10, maxNewTokens: 4 },
    target,
  );
  assert.is(plan.weightBytes, 2 * (2 * embedding + 8 + 2 * (layerWithout + experts)));
  assert.is(plan.cacheBytes, plan.capacity * 32);
  assert.is(plan.totalBytes, plan.weightBytes + plan.cacheBytes + plan.temporaryBytes);
});

const stacked = "model.layers.1.block_sparse_moe.w2";

test("its checkpoint loads by its own keys; --benchmark and verification know its experts and its words", async () => {
  const language = await models.LanguageModel.load(await toyMoeFiles(), { dtype: "float32" });
  const [, w2] = [...nnx.state(language.model, nnx.Param)].find(([path]) => path.join(".") === stacked) ?? [];
  const key = (e: number): string => `model.layers.1.block_sparse_moe.experts.${e}.w2.weight`;
  const expected = [0, 1, 2, 3].flatMap((e) => Array.from({ length: 48 }, (_, i) => valueAt(key(e), i)));
  assert.equal([...(await (w2 as nnx.Param).get().data())], expected);

  // One step behind a prompt of 4, so 5 tokens in the caches, at 10^12 operations a second.
  const decodeMs = (2 * active + 5 * 2 * 4 * 8) / 1e9;
  const usage: models.Usage = {
    promptTokens: 4,
    newTokens: 2,
    timeToFirstTokenMs: 1,
    decodeMs,
    prefillTokensPerSecond: 1,
    decodeTokensPerSecond: 1,
  };
  const text = await benchmarkText(language, usage, 0);
  const [, mfu, roof] = (/decode.*MFU ([\d.]+) %[\s\S]*against ([\d.]+) GFLOP/.exec(text) ?? []).map(Number);
  // Both figures are printed with one decimal.
  assert.ok(Math.abs(mfu * roof - 1e5) < 0.1 * (mfu + roof), text);
  language.dispose();

  const load = async (dtype: "float32" | "bfloat16"): Promise<models.LanguageModel> =>
    models.LanguageModel.load(await toyMoeFiles(), { dtype });
  const { ways, passed } = await models.verifyCaches(load, { prompt: [1, 2, 3], newTokens: 3, dtype: "float32" });
  assert.is(ways[2].name, "all at once, cached against plain");
  assert.ok(passed);
});

test.run();
