/** A model's profile by components: sums, and operations that were counted by hand. */
import { componentOf, LanguageModel, type ModelProfile, profileModel, type StepProfile } from "@jaxscale/models";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fixture, readJson } from "./fixtures.ts";

const promptTokens = 16;

async function profileOf(name: string): Promise<ModelProfile> {
  const model = await LanguageModel.load(fixture(name));
  const given = { batch: 1, promptTokens, decodeSteps: 2, warmup: 1, repeats: 2 };
  const profile = await profileModel(model, given, { roofs: false });
  model.dispose();
  return profile;
}

const near = (a: number, b: number): boolean => Math.abs(a - b) < 1e-6 * Math.max(Math.abs(a), Math.abs(b));

function addsUp(step: StepProfile): void {
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  const { components, kernels, exchangeMs, overheadMs, stepMs, untimed } = step;
  assert.ok(overheadMs >= 0 && kernels.elapsedMs > 0, `${overheadMs} ms of ${stepMs}`);
  assert.ok(near(sum(components.map((c) => c.elapsedMs)) + exchangeMs + overheadMs, stepMs));
  assert.ok(near(sum(components.map((c) => c.share)) + (exchangeMs + overheadMs) / stepMs, 1));
  for (const key of ["elapsedMs", "flops", "bytes", "count"] as const)
    assert.ok(near(sum(components.map((c) => c[key])), kernels[key]), key);
  for (const { stepMs, workMs, phasesMs } of [untimed.mean, untimed.least]) {
    assert.ok(near(sum(Object.values(phasesMs)), stepMs));
    assert.ok(0 < workMs && workMs < stepMs);
  }
  assert.ok(untimed.least.workMs <= untimed.mean.workMs);
}

const flopsOf = ({ components }: StepProfile): Readonly<Record<string, number>> =>
  Object.fromEntries(components.map(({ component, flops }) => [component, flops]));

test("the innermost name that the table has decides", () => {
  const scopes = {
    "model/embed_tokens": "embedding",
    "model/layers/3/self_attn/q_proj": "attention",
    "model/layers/3/self_attn/q_a_layernorm": "norms",
    "model/layers/3/self_attn/o_proj/collectives": "collectives",
    "model/layers/3/mlp/gate": "router",
    "model/layers/3/mlp/experts": "routed experts",
    "model/layers/3/mlp/shared_experts/gate_proj": "shared expert",
    "model/layers/3/mlp/gate_up_proj": "mlp",
    "model/norm": "norms",
    lm_head: "head",
    "": "other",
  };
  for (const [scope, component] of Object.entries(scopes)) assert.is(componentOf(scope), component, scope);
});

test("GLM-4: components and overhead are the step; operations of MLP and head are those counted by hand", async () => {
  const { prefill, decode } = await profileOf("glm4-tiny");
  const config = readJson(fixture("glm4-tiny"), "config.json");
  const { hidden_size: h, intermediate_size: i, num_hidden_layers: layers, vocab_size: v } = config;
  // gate, up and down: a multiplication and an addition each; silu(gate) · up: two multiplications (its exponential is no operation)
  const mlp = 3 * 2 * h * i + 2 * i;
  // In prefill the last layer's, like the head, is for the last token alone: nothing reads the others.
  assert.equal([flopsOf(decode).mlp, flopsOf(prefill).mlp], [layers * mlp, ((layers - 1) * promptTokens + 1) * mlp]);
  assert.equal([flopsOf(decode).head, flopsOf(prefill).head], [2 * h * v, 2 * h * v]);
  assert.is(prefill.experts, undefined);
  for (const step of [prefill, decode]) addsUp(step);
  assert.equal([prefill.steps, decode.steps], [2, 4]);
});

test("GLM-4.7-Flash: so they are of experts", async () => {
  const { prefill, decode } = await profileOf("glm4_moe_lite-tiny");
  const config = readJson(fixture("glm4_moe_lite-tiny"), "config.json");
  const { hidden_size: h, moe_intermediate_size: i, num_experts_per_tok: k } = config;
  const layers = config.num_hidden_layers - config.first_k_dense_replace;
  // As above for each chosen expert, whose result is then multiplied with its weight and added.
  assert.is(flopsOf(decode)["routed experts"], layers * k * (3 * 2 * h * i + 2 * i + 2 * h));
  // The kernel of its last product also adds the routed experts and the residual.
  assert.is(flopsOf(decode)["shared expert"], layers * (3 * 2 * h * i + 2 * i + 2 * h));
  for (const step of [prefill, decode]) {
    addsUp(step);
    const { experts, components } = step;
    const parts = components.filter(({ component }) => /expert|router/.test(component));
    assert.is(parts.length, 3);
    assert.ok(
      near(
        parts.reduce((sum, { elapsedMs }) => sum + elapsedMs, 0),
        experts?.elapsedMs as number,
      ),
    );
  }
});

test.run();
