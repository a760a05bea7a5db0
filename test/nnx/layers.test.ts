/** Layers against Flax: state by path, and results. */
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import "../setup.ts";
import { arrayOf, assertState, assertTensor, fixture, type Leaf, type Tensor } from "./flax.ts";

await jax.ready();

interface Case {
  readonly name: string;
  readonly arguments: readonly unknown[];
  readonly state: readonly Leaf[];
  readonly inputs: readonly Tensor[];
  readonly out: Tensor;
}
interface Callable extends nnx.Module {
  call(...inputs: jax.Array[]): jax.Array;
}
const layers = nnx as unknown as Record<string, new (...args: unknown[]) => Callable>;

for (const { name, arguments: given, state, inputs, out } of fixture<readonly Case[]>("layers.json")) {
  const sizes = given.slice(0, -1);
  const options = given.at(-1) as object;
  test(`${name}(${[...sizes, options].map((x) => JSON.stringify(x)).join(", ")}) is Flax's`, async () => {
    const [type, method = "call"] = name.split(".");
    const [layer, result] = nnx.jit((...arrays: jax.Array[]) => {
      const made = new layers[type](...sizes, { ...options, rngs: new nnx.Rngs(5) });
      const call = (made as unknown as Record<string, (...inputs: jax.Array[]) => jax.Array>)[method];
      return [made, call.apply(made, arrays)] as const;
    })(...inputs.map(arrayOf));
    await assertState(nnx.state(layer), state, name);
    await assertTensor(result, out, name);
  });
}

const rngs = (): nnx.Rngs => new nnx.Rngs(0);

test("layers refuse inputs of another size, and say what came", () => {
  const x = jax.numpy.ones([2, 3]);
  assert.throws(
    () => new nnx.Linear(4, 2, { rngs: rngs() }).call(x),
    /Linear: the last axis of the input must have size 4; got float32\[2,3\]/,
  );
  assert.throws(
    () => new nnx.RMSNorm(4, { rngs: rngs() }).call(x),
    /RMSNorm: the last axis of the input must have size 4; got float32\[2,3\]/,
  );
  assert.throws(
    () => new nnx.LinearGeneral([2, 4], 2, { axis: [0, 1], rngs: rngs() }).call(x),
    /LinearGeneral: axes \[0,1\] of the input must have sizes \[2,4\]; got float32\[2,3\]/,
  );
  assert.throws(
    () => new nnx.Embed(4, 2, { rngs: rngs() }).call(x),
    /Embed: indices must be integers; got float32\[2,3\]/,
  );
  assert.throws(
    () => new nnx.Linear(3, 2, { dtype: "int32", rngs: rngs() }).call(x),
    /Linear: dtype must be a float's; got int32/,
  );
  assert.throws(
    () => new nnx.Einsum("ab,bc", [2, 2], { rngs: rngs() }),
    /Einsum: the equation must have two operands and a result/,
  );
});

test("dropout without a stream wants one; at rate 1 everything is 0", async () => {
  const x = jax.numpy.ones([2]);
  assert.throws(() => new nnx.Dropout(0.5).call(x), /Dropout: without deterministic there must be a random stream/);
  assert.equal(await new nnx.Dropout(1).call(x).toList(), [0, 0]);
  const kept = new nnx.Dropout(0.5).call(x, { rngs: jax.random.key(0) });
  assert.equal(await new nnx.Dropout(0.5).call(x, { rngs: jax.random.key(0) }).toList(), await kept.toList());
});

test("a Sequential applies modules and functions in order", async () => {
  const model = new nnx.Sequential(new nnx.Linear(2, 3, { rngs: rngs() }), jax.nn.relu, (x: jax.Array) => x.mul(2));
  const x = jax.numpy.array([[1, -2]], { dtype: "float32" });
  const want = jax.nn.relu((model.layers[0] as nnx.Linear).call(x)).mul(2);
  assert.equal(await model.call(x).toList(), await want.toList());
  assert.equal(
    [...nnx.state(model)].map(([path]) => path.join(".")),
    ["layers.0.bias", "layers.0.kernel"],
  );
});

test.run();
