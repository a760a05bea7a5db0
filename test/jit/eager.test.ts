import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { DType } from "../../packages/jaxscale/src/base/dtypes.ts";
import { difference, onDevice, onHost, randomNumbers, tensorOf } from "../tensors.ts";
import "../setup.ts";

const { jit, lax, nn, numpy: jnp } = jax;
type A = jax.Array;

const random = randomNumbers(7);
const floats = (shape: readonly number[], dtype: DType = "float32"): A =>
  onDevice(tensorOf(shape, dtype, () => 4 * random() - 2));
const ints = (shape: readonly number[], below = 5, dtype: DType = "int32"): A =>
  onDevice(tensorOf(shape, dtype, () => Math.floor(random() * below)));

const x = floats([3, 5]);
const y = floats([3, 5]);
const half = floats([3, 5], "bfloat16");
const small = floats([2, 7], "float16");
const w = floats([5, 4]);
const five = ints([5]);
const even = floats([2, 6]);
const ids = ints([4], 3);
const bytes = ints([3, 5], 200, "uint8");

/** Each runs once op by op and once as a whole. */
const functions: Readonly<Record<string, () => unknown>> = {
  "arithmetic of mixed dtypes": () => x.add(half).mul(five).sub(1.5).div(y),
  "bfloat16 rounds at every step": () => half.mul(1.7).add(half).mul(half).sub(0.1),
  "float16 rounds at every step": () => small.mul(small).add(1e-3).mul(100).div(3),
  "uint8 wraps": () => bytes.mul(7).add(100).sub(bytes),
  comparisons: () => [x.less(y), x.greaterEqual(0), jnp.where(x.greater(0), x, y), jnp.isnan(x)],
  transcendentals: () => [jnp.exp(x), jnp.sin(x), jnp.tanh(x), lax.erf(x), jnp.log1p(jnp.abs(x)), lax.cbrt(x)],
  reductions: () => [
    x.sum(),
    x.mean({ axis: 0 }),
    x.max({ axis: 1 }),
    half.sum({ axis: 1 }),
    jnp.var(x),
    x.prod({ axis: 1 }),
  ],
  "positions of extremes": () => [x.argmax(), x.argmin({ axis: 0 }), bytes.argmax({ axis: 1 })],
  "cumulative sums": () => [
    x.cumsum({ axis: 1 }),
    bytes.cumsum({ axis: 0 }),
    lax.cummax(x, { axis: 1, reverse: true }),
  ],
  movement: () => [
    x.T.reshape(5, 3),
    jnp.concatenate([x, y], 1),
    jnp.pad(x, 1),
    jnp.flip(x, 1),
    jnp.roll(x, 2, { axis: 1 }),
    jnp.tile(half, 2),
  ],
  slices: () => [x.slice(1), x.slice(":", -1), x.slice(":", "1:4:2"), half.slice(":", "::-1"), x.slice(null, 0)],
  "gathers and updates": () => [
    jnp.take(x, ids, { axis: 0 }),
    x.at(ids).add(1),
    half.at(1, "1:3").set(9),
    x.at(0).multiply(2),
    x.slice(ids),
  ],
  contractions: () => [x.dot(w), jnp.einsum("ij,kj->ik", x, y), half.dot(w.astype("bfloat16")), jnp.outer(x, ids)],
  "softmax and friends": () => [
    nn.softmax(x),
    nn.logSoftmax(half),
    nn.logsumexp(x, { axis: 0 }),
    nn.gelu(x),
    nn.silu(half),
    nn.glu(even),
  ],
  creation: () => [jnp.arange(7), jnp.linspace(0, 1, 5), jnp.eye(3), nn.oneHot(ids, 4), jnp.full([2], 3)],
};

for (const [name, f] of Object.entries(functions))
  test(`op by op and jitted are the same: ${name}`, async () => {
    const eager = jax.tree.leaves(f()) as A[];
    const jitted = jax.tree.leaves(jit(f as () => A)()) as A[];
    assert.is(jitted.length, eager.length);
    for (const [i, e] of eager.entries()) {
      const wrong = difference(await onHost(jitted[i]), await onHost(e), { rel: 3e-6, abs: 1e-6, anyZero: true });
      assert.is(wrong, undefined, `result ${i}`);
      assert.is(jitted[i].weakType, e.weakType, `weak type of result ${i}`);
    }
  });

test("an eager operation in a loop makes one pipeline and no bind group after the first results come back", async () => {
  let v = jnp.ones(8);
  const step = (): void => {
    const next = v.mul(1.5);
    v.dispose();
    v = next;
  };
  for (let i = 0; i < 3; i++) step();
  await v.blockUntilReady();
  const before = { ...jax.statistics() };
  for (let i = 0; i < 50; i++) step();
  await v.blockUntilReady();
  const after = jax.statistics();
  assert.is(after.pipelinesCreated, before.pipelinesCreated);
  assert.is(after.buffersCreated, before.buffersCreated);
  assert.is((await v.slice(0).item()) as number, Math.fround(jitPower(53)));
});
const jitPower = (n: number): number => Array.from({ length: n }).reduce((p: number) => Math.fround(p * 1.5), 1);

test("errors of shape and dtype are thrown at the call, not later", () => {
  assert.throws(() => x.add(floats([4])), /add/);
  assert.throws(() => x.dot(x), /float32\[3,5\]/);
});

test("results exist before the device has done anything: types are known at once", () => {
  const z = jnp.sin(x).dot(w).sum({ axis: 0 });
  assert.equal([z.shape, z.dtype], [[4], "float32"]);
});

test.run();
