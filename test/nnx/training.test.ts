/** A small model, held against Flax from its first weights to its fifth step of training. */
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import "../setup.ts";
import { arrayOf, assertState, assertTensor, fixture, formatPath, type Leaf, type Tensor } from "./flax.ts";
import { lossOf, type Model, makeModel } from "./model.ts";

await jax.ready();

interface Fixture {
  readonly initial: readonly Leaf[];
  readonly params: readonly (string | number)[][];
  readonly rest: readonly (string | number)[][];
  readonly modules: readonly (string | number)[][];
  readonly tokens: Tensor;
  readonly evaluated: Tensor;
  readonly gradient: { readonly loss: Tensor; readonly grads: readonly Leaf[]; readonly after: readonly Leaf[] };
  readonly training: { readonly losses: readonly Tensor[]; readonly state: readonly Leaf[] };
}
const want = fixture<Fixture>("model.json");
const tokens = arrayOf(want.tokens);
const paths = (state: nnx.State): string[] => [...state].map(([path]) => path.join("."));

test("weights, random streams and paths are Flax's", async () => {
  const model = makeModel();
  await assertState(nnx.state(model), want.initial, "initial state");
});

test("split gives Flax's parts in Flax's order, iterModules its modules", () => {
  const model = makeModel();
  const [, params, rest] = nnx.split(model, nnx.Param, true);
  assert.equal(paths(params), want.params.map(formatPath));
  assert.equal(paths(rest), want.rest.map(formatPath));
  assert.equal(
    [...nnx.iterModules(model)].map(([path]) => path.join(".")),
    want.modules.map(formatPath),
  );
});

test("in evaluation the model gives Flax's logits", async () => {
  const model = makeModel();
  model.eval();
  const out = nnx.jit((m: Model) => m.call(tokens))(model);
  await assertTensor(out, want.evaluated, "logits");
});

test("value, gradients and what the loss changes are Flax's", async () => {
  const model = makeModel();
  const [loss, grads] = nnx.jit((m: Model) => nnx.valueAndGrad((inner: Model) => lossOf(inner, tokens))(m))(model);
  await assertTensor(loss, want.gradient.loss, "loss");
  await assertState(grads, want.gradient.grads, "gradients");
  await assertState(nnx.state(model, [nnx.BatchStat, nnx.RngState]), want.gradient.after, "after");
});

test("five steps of gradient descent with dropout go as in Flax, in one compiled function", async () => {
  const model = makeModel();
  let traces = 0;
  const step = nnx.jit(
    (m: Model) => {
      traces++;
      const [loss, grads] = nnx.valueAndGrad((inner: Model) => lossOf(inner, tokens))(m);
      const descend = (p: jax.Array, g: jax.Array): jax.Array => p.sub(g.mul(0.3));
      nnx.update(m, jax.tree.map(descend, nnx.state(m, nnx.Param), grads));
      return loss;
    },
    { donateArgnums: 0 },
  );
  for (const [i, loss] of want.training.losses.entries()) await assertTensor(step(model), loss, `loss ${i}`, 2);
  await assertState(nnx.state(model), want.training.state, "after training", 5);
  assert.is(traces, 1);
  assert.is(model.tied, model.embed.embedding);
});

test.run();
