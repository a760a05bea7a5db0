import { readFileSync } from "node:fs";
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { DType } from "../../packages/jaxscale/src/base/dtypes.ts";
import { scalarOf } from "../../packages/jaxscale/src/trace/operand.ts";
import { formulas } from "../conformance/rows-transforms.ts";
import { normalizeJaxpr } from "./compare.ts";

const { jit, lax, nn, numpy: jnp, ShapeDtypeStruct } = jax;
type A = jax.Array;

interface Golden {
  readonly name: string;
  readonly formula: string;
  readonly arguments: readonly string[];
  readonly jaxpr: string;
}
const { jaxprs } = JSON.parse(readFileSync(new URL("../fixtures/jax/jaxprs.json", import.meta.url), "utf8")) as {
  jaxprs: Golden[];
};

/** A Python float that is whole: a JavaScript number would pass for an int. */
const float = (value: number): A => scalarOf(value, "float32", true);

const inner = jit((x: A) => jnp.sin(x).mul(2), { name: "inner" });

const decay = (c: A, x: A): A => jnp.multiply(0.5, c).add(x);
const decaySums = (c: A, xs: A): [A, A] => lax.scan((c: A, x: A) => [decay(c, x), decay(c, x).pow(2)], c, xs);

/** The formulas of the fixtures. */
const functions: Readonly<Record<string, (...args: A[]) => unknown>> = {
  elementwise: (x, y) => jnp.sin(x).mul(2).add(y),
  weak_scalars: (x) => [x.add(1), x.mul(2.5), 3],
  scalar_argument: (x, y) => x.add(y),
  bf16_promotion: (x, y) => x.mul(y).astype("bfloat16"),
  broadcast_add: (x, y) => x.add(y),
  compare_select: (x) => jnp.where(x.greater(0), x, float(0)),
  matmul: (x, w) => jnp.matmul(x, w),
  matmul_bf16_to_f32: (x, w) => jnp.einsum("ij,jk->ik", x, w, { preferredElementType: "float32" }),
  einsum_attention: (q, k) => jnp.einsum("btnh,bsnh->bnts", q, k),
  reductions: (x) => [jnp.sum(x), jnp.mean(x, { axis: 0 }), jnp.max(x, { axis: -1 }), jnp.argmax(x, { axis: -1 })],
  sum_bf16: (x) => jnp.sum(x, { axis: -1 }),
  softmax: (x) => nn.softmax(x),
  layer_norm: (x, g, b) => {
    const m = jnp.mean(x, { axis: -1, keepdims: true });
    const v = jnp.mean(x.sub(m).pow(2), { axis: -1, keepdims: true });
    return x
      .sub(m)
      .mul(lax.rsqrt(v.add(1e-5)))
      .mul(g)
      .add(b);
  },
  rms_norm: (x, g) => x.mul(lax.rsqrt(jnp.mean(x.mul(x), { axis: -1, keepdims: true }).add(1e-6))).mul(g),
  mlp_silu: (x, w1, w2) => jnp.matmul(nn.silu(jnp.matmul(x, w1)), w2),
  jit_in_jit: jit((x: A) => inner(x).add(inner(x.mul(2))), { name: "outer" }),
  dynamic_slice: (x, i) => lax.dynamicSlice(x, [i, 0], [1, 3]),
  dynamic_update_slice: (x, u, i) => lax.dynamicUpdateSlice(x, u, [i, 0]),
  take: (table, ids) => jnp.take(table, ids, { axis: 0 }),
  index_array: (x, i) => x.at(i).get(),
  index_scalar: (x, i) => x.at(i).get(),
  at_add: (x, i, u) => x.at(i).add(u),
  at_set_row: (x, u) => x.at(1).set(u),
  cumsum: (x) => jnp.cumsum(x, { axis: 0 }),
  top_k: (x) => lax.topK(x, 2),
  sort_argsort: (x) => [jnp.sort(x), jnp.argsort(x)],
  random_normal: (key) => jax.random.normal(key, [3]),
  shapes: (x) => [
    jnp.reshape(jnp.transpose(x), -1),
    jnp.concatenate([x, x]),
    lax.pad(x, float(0), [
      [1, 0, 0],
      [0, 1, 1],
    ]),
    x.at(jax.slice(), jax.slice(null, null, 2)).get(),
    x.at(jax.slice(null, null, -1)).get(),
    jnp.split(x, 2),
  ],
  iota_arange: (ids) => [jnp.arange(5), lax.iota("int32", 3), nn.oneHot(ids, 4)],
  ragged_dot: (x, w, g) => lax.raggedDot(x, w, g),
  attention: (q, k, v) => nn.dotProductAttention(q, k, v, { isCausal: true }),
  attention_lengths: (q, k, v, lengths) => nn.dotProductAttention(q, k, v, { keyValueSeqLengths: lengths }),
  closure_constant: (x) => x.add(oneTwoThree),
  // Leaves come in the order of the keys: a, then b.
  pytree_arguments: (a, b) => ({ sum: a.add(b) }),
  unused_and_passed_through: (x) => [x, float(1)],
  named_pjit: jit((x: A) => nn.relu(x).mul(float(2)), { name: "_block" }),
  custom_jvp_relu: (x) => nn.relu(x),
  grad_mlp: jax.grad((x: A, w1: A, w2: A) => jnp.sum(jnp.matmul(nn.silu(jnp.matmul(x, w1)), w2).pow(2)), {
    argnums: [1, 2],
  }),
  value_and_grad_softmax: jax.valueAndGrad((x: A, t: A) => jnp.sum(nn.softmax(x).mul(t))),
  checkpoint: jax.grad(jax.checkpoint((x: A) => jnp.sum(jnp.sin(jnp.sin(x))))),
  jvp_sin: (x, t) => jax.jvp((y: A) => jnp.sin(y).mul(y), [x], [t]),
  vmap_dot: jax.vmap((x: A, y: A) => jnp.dot(x, y), { inAxes: [0, 1] }),
  scan: decaySums,
  grad_scan: jax.grad((x: A) => jnp.sum(decaySums(scalarOf(0, "float32", false), x)[1])),
  while: (x) =>
    lax.whileLoop(
      ([y]: A[]) => y.less(100),
      ([y, n]: A[]) => [jnp.multiply(2, y).add(1), n.add(1)],
      [x, scalarOf(0, "int32", false)],
    ),
  fori_static: formulas.fori,
  fori_dynamic: formulas.fori_dynamic,
  cond: formulas.branch,
  switch: formulas.switched,
  vmap_dynamic_slice: (x, i) => jax.vmap((start: A) => lax.dynamicSlice(x, [start], [2]))(i),
};
const oneTwoThree = jnp.array(new Float32Array([1, 2, 3]));

/** Functions that need more than this library has yet. */
const later: Readonly<Record<string, readonly string[]>> = {
  sharding: ["shard_map_psum", "shard_map_all_gather", "sharding_constraint"],
};

/** A key is its two words here. */
const withoutKeys = (text: string): string =>
  text.replace(/key<fry>\[([\d,]*)\]/g, (_, dims: string) => `u32[${dims && `${dims},`}2]`);

const argument = (text: string): jax.ShapeDtypeStruct => {
  const words = text.replace(/^key<fry>\[\]$/, "uint32[2]");
  const [, weak, dtype, dims] = /^(~?)(\w+)\[([\d,]*)\]$/.exec(words) as RegExpExecArray;
  return new ShapeDtypeStruct(dims ? dims.split(",").map(Number) : [], dtype as DType, weak === "~");
};

for (const { name, formula, arguments: types, jaxpr } of jaxprs) {
  const f = functions[name];
  if (!f) continue;
  test(`${name}: ${formula} prints as in JAX`, () => {
    const printed = String(jax.makeJaxpr(f)(...types.map(argument)));
    assert.is(normalizeJaxpr(printed), normalizeJaxpr(withoutKeys(jaxpr)));
  });
}

test("every function of the fixtures is traced, or named as later work", () => {
  const known = [...Object.keys(functions), ...Object.values(later).flat()];
  assert.equal(known.sort(), jaxprs.map(({ name }) => name).sort());
});

test.run();
