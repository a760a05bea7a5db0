import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { difference, onDevice, onHost, reference, tensorOf } from "../tensors.ts";
import "../setup.ts";

const { jit, lax, nn, numpy: jnp } = jax;
type A = jax.Array;

/** x: float32[0,3], y: bfloat16[2,0], ids: int32[0]. */
const families: Readonly<Record<string, (x: A, y: A, ids: A) => A | readonly A[]>> = {
  elementwise: (x) => jnp.exp(x.mul(2)).add(x),
  "a packed dtype": (_, y) => y.mul(y).add(1),
  comparison: (x) => jnp.where(x.greater(0), x, 0),
  convert: (x, y) => [x.astype("int8"), y.astype("float32"), lax.bitcastConvertType(x, "int32")],
  "sum over the empty axis": (x, y) => [x.sum({ axis: 0 }), y.sum({ axis: 1 }), x.sum()],
  "sum over the other axis": (x, y) => [x.sum({ axis: 1 }), y.sum({ axis: 0 })],
  "product, any, all": (x) => [x.prod(), jnp.any(x), jnp.all(x), x.prod({ axis: 0 })],
  mean: (x) => [x.mean(), x.mean({ axis: 0 }), x.mean({ axis: 1 }), jnp.var(x)],
  "extremes along the other axis": (x) => [x.max({ axis: 1 }), x.argmin({ axis: 1 })],
  "extremes with a start": (x) => [jnp.max(x, { initial: 5 }), jnp.min(x, { axis: 0, initial: -1 })],
  cumulative: (x) => [x.cumsum({ axis: 0 }), lax.cummax(x, { axis: 1 }), lax.cumlogsumexp(x, { axis: 0 })],
  movement: (x, y) => [
    x.T,
    jnp.flip(x),
    x.reshape([3, 0, 2]),
    jnp.tile(y, 3),
    jnp.roll(x, 1),
    jnp.repeat(x, 2, { axis: 1 }),
  ],
  "pad to something": (x) => [
    jnp.pad(x, 1),
    lax.pad(x, 7.5, [
      [2, 0, 1],
      [-1, -1, 0],
    ]),
  ],
  "concatenate with and without elements": (x) => [
    jnp.concatenate([x, x]),
    jnp.concatenate([x, jnp.ones([2, 3]), x]),
    jnp.stack([x, x]),
  ],
  slices: (x) => [x.slice("0:0"), x.slice(":", 1), x.slice(":", "::2"), lax.dynamicSlice(x, [0, 1], [0, 2])],
  "slices that end up empty": (x) => [jnp.ones([3, 4]).slice("2:2"), jnp.ones([3]).slice("5:9"), x.slice("1:")],
  "updates of nothing": (x) => [
    lax.dynamicUpdateSlice(jnp.ones([2, 3]), x, [1, 0]),
    x.at(":", 0).set(1),
    jnp.ones([3]).at("1:1").add(5),
  ],
  "gathers of no rows": (_, __, ids) => [
    jnp.take(jnp.ones([4, 2]), ids, { axis: 0 }),
    jnp.ones([4, 2]).slice(ids),
    nn.oneHot(ids, 5),
  ],
  "scatters of no rows": (_, __, ids) => [jnp.ones([4]).at(ids).add(1), jnp.ones([4, 2]).at(ids).set(0)],
  contractions: (x, y) => [
    x.dot(jnp.ones([3, 2])),
    y.astype("float32").dot(x),
    x.T.dot(x),
    jnp.einsum("ij,kj->ik", x, jnp.ones([2, 3])),
    jnp.outer(x, jnp.ones([2])),
  ],
  "the softmax family": (x, y) => [
    nn.softmax(x),
    nn.softmax(y),
    nn.logSoftmax(x),
    nn.logsumexp(x, { axis: 1 }),
    nn.logsumexp(x, { axis: 0 }),
    nn.gelu(x),
  ],
  creation: () => [jnp.zeros([0]), jnp.arange(0), jnp.linspace(0, 1, 0), jnp.eye(0), jnp.full([2, 0], 7)],
  "a mix of empty and full results": (x) => [x.add(1), jnp.ones([2]).add(1)],
};

for (const [name, f] of Object.entries(families))
  test(`arrays without elements: ${name}`, async () => {
    const inputs = [
      tensorOf([0, 3], "float32", () => 0),
      tensorOf([2, 0], "bfloat16", () => 0),
      tensorOf([0], "int32", () => 0),
    ];
    const flat = (...args: A[]): A[] => [f(args[0], args[1], args[2])].flat();
    const wanted = await reference(flat, inputs);
    for (const run of [jit(flat) as unknown as typeof flat, flat]) {
      const got = run(...inputs.map(onDevice));
      for (const [i, want] of wanted.entries())
        assert.is(difference(await onHost(got[i]), want, { rel: 1e-6 }), undefined, `result ${i}`);
    }
  });

test("what JAX refuses of empty arrays is refused", () => {
  const x = jnp.zeros([0, 3]);
  assert.throws(() => x.max(), /reduce_max|max/);
  assert.throws(() => x.argmax({ axis: 0 }), /argmax/);
});

test("an empty array prints, reads and disposes like any other", async () => {
  const x = jnp.zeros([2, 0]);
  assert.equal(
    [await x.toList(), (await x.data()).length, await x.text()],
    [[[], []], 0, "Array([], shape=(2, 0), dtype=float32)"],
  );
  x.dispose();
  assert.ok(x.isDeleted);
});

test("donating an empty array is harmless", async () => {
  const f = jit((a: A, b: A) => [a.add(1), b.add(1)] as const, { donateArgnums: [0, 1] });
  const [a, b] = f(jnp.zeros([0, 3]), jnp.zeros([2]));
  assert.equal([await a.toList(), await b.toList()], [[], [1, 1]]);
});

test.run();
