/** First values of parameters, against those of `jax.nn.initializers`. */
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import "../setup.ts";
import { assertTensor, fixture, type Tensor } from "./flax.ts";

await jax.ready();
const { initializers } = jax.nn;

const makers: Readonly<Record<string, jax.nn.initializers.Initializer>> = {
  zeros: initializers.zeros,
  ones: initializers.ones,
  constant: initializers.constant(0.25),
  normal: initializers.normal(),
  uniform: initializers.uniform(),
  truncatedNormal: initializers.truncatedNormal(),
  lecunNormal: initializers.lecunNormal(),
  lecunUniform: initializers.lecunUniform(),
  glorotNormal: initializers.glorotNormal(),
  glorotUniform: initializers.glorotUniform(),
  heNormal: initializers.heNormal(),
  heUniform: initializers.heUniform(),
};

interface Case {
  readonly name: string;
  readonly seed: number;
  readonly value: Tensor;
}
const cases = fixture<readonly Case[]>("initializers.json");

for (const { name, seed, value } of cases)
  test(`${name} in ${value.dtype} gives what JAX gives`, async () => {
    const got = makers[name](jax.random.key(seed), value.shape, value.dtype as jax.DType);
    // A bfloat16 number is one of 8 bits: the last may differ.
    await assertTensor(got, value, name, value.dtype === "bfloat16" ? 0.4 : 0.05);
  });

test("counting inputs wants a shape of at least two axes", () => {
  assert.throws(
    () => initializers.lecunNormal()(jax.random.key(0), [4]),
    /varianceScaling: the shape must have at least 2 axes, for inputs and outputs to be counted; got \[4\]/,
  );
});

test("axes that are neither inputs nor outputs multiply both, as a convolution's field does", async () => {
  const init = initializers.varianceScaling(1, "fanOut", "normal");
  const plain = init(jax.random.key(0), [3, 4, 5]);
  // 3 · 5 outputs.
  const want = jax.random.normal(jax.random.key(0), [3, 4, 5]).mul(Math.sqrt(1 / 15));
  assert.ok(Math.abs(Number(await plain.sub(want).abs().max().item())) < 1e-6);
});

test.run();
