/** Arrays with more elements than indices can count, and ranges that 32 bits do not hold, are refused where they are asked for. */
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import "../setup.ts";

const { jit, lax, numpy: jnp } = jax;

const cases: readonly (readonly [() => unknown, RegExp])[] = [
  [() => jnp.zeros([2 ** 53]), /^zeros: an array must have at most 2\^31 - 1 elements; got \[9007199254740992\]/],
  [
    () => jnp.zeros([2 ** 20, 2 ** 20, 2 ** 20]),
    /^zeros: an array must have at most .*; got \[1048576,1048576,1048576\]/,
  ],
  [() => jnp.ones(2 ** 31), /^ones: an array must have at most/],
  [() => jnp.full([2 ** 16, 2 ** 15], 1), /^full: an array must have at most/],
  [() => jnp.zerosLike(1, { shape: [2 ** 40] }), /^zerosLike: an array must have at most/],
  [() => jnp.broadcastTo(jnp.ones(2 ** 16), [2 ** 16, 2 ** 16]), /at most 2\^31 - 1 elements; got \[65536,65536\]/],
  [() => jnp.ones([2 ** 16, 1]).add(jnp.ones(2 ** 16)), /at most 2\^31 - 1 elements; got \[65536,65536\]/],
  [() => jnp.outer(jnp.ones(2 ** 16), jnp.ones(2 ** 16)), /at most 2\^31 - 1 elements/],
  [() => jnp.eye(2 ** 16), /at most 2\^31 - 1 elements/],
  [() => jnp.arange(2 ** 31 + 5), /^arange: an array must have at most .* got \[2147483653\]/],
  [() => jnp.arange(Number.POSITIVE_INFINITY), /^arange: an array must have at most/],
  [() => lax.iota("int32", 2 ** 31), /^iota: an array must have at most/],
  [() => jnp.linspace(0, 1, 2 ** 33), /at most 2\^31 - 1 elements/],
];

for (const [make, message] of cases)
  test(`${String(make).slice(6)} is refused, also while tracing`, () => {
    for (const run of [
      make,
      () => jax.makeJaxpr(make as () => jax.Array)(),
      () => jit(make as () => jax.Array).lower(),
    ])
      try {
        run();
        assert.unreachable();
      } catch (error) {
        assert.instance(error, jax.ShapeError);
        assert.match((error as Error).message, message);
      }
  });

test("a range of whole numbers beyond its type is refused, up to its last number it is made", async () => {
  assert.throws(
    () => jnp.arange(2 ** 31 - 2, 2 ** 31 + 2),
    /^arange: numbers must fit int32; got 2147483649 in 2147483646 to/,
  );
  assert.throws(() => jnp.arange(2 ** 31, 2 ** 31 + 4), /^arange: numbers must fit int32; got 2147483648/);
  assert.throws(() => jnp.arange(-(2 ** 31) - 1, -(2 ** 31) + 1), /^arange: numbers must fit int32; got -2147483649/);
  assert.throws(() => jnp.arange(0, 2 ** 33, 2 ** 31), /^arange: numbers must fit int32; got 6442450944/);
  assert.throws(() => jnp.arange(2 ** 32, 2 ** 32 + 1, { dtype: "uint32" }), /^arange: numbers must fit uint32/);
  assert.equal(await jnp.arange(2 ** 31 - 3, 2 ** 31).toList(), [2 ** 31 - 3, 2 ** 31 - 2, 2 ** 31 - 1]);
  assert.equal(await jnp.arange(-(2 ** 31), 2 ** 31 - 1, 2 ** 31 - 1).toList(), [-(2 ** 31), -1, 2 ** 31 - 2]);
  assert.equal(await jnp.arange(2 ** 32 - 2, 2 ** 32, { dtype: "uint32" }).toList(), [2 ** 32 - 2, 2 ** 32 - 1]);
  assert.equal(await jnp.arange(2 ** 31, 2 ** 31 + 512, 256, { dtype: "float32" }).toList(), [2 ** 31, 2 ** 31 + 256]);
});

test("shapes alone may be of any size, as of a model that is not loaded", () => {
  const { shape } = new jax.ShapeDtypeStruct([2 ** 20, 2 ** 20], "bfloat16");
  assert.equal(shape, [2 ** 20, 2 ** 20]);
});

test.run();
