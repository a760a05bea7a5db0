import { readFileSync } from "node:fs";
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { meshOf } from "../conformance/rows-sharding.ts";

const { lax, nn, numpy: jnp, P } = jax;
type A = jax.Array;
type Entry = string | readonly string[] | null;
type Spec = readonly Entry[];

/** A row of the fixture, which its generator describes. */
interface Case {
  readonly program: string;
  readonly shapes: readonly (readonly (number | "i")[])[];
  readonly in_specs: readonly (Spec | null)[];
  readonly out_specs?: readonly Spec[];
  readonly auto: readonly string[];
}
const cases: readonly Case[] = JSON.parse(
  readFileSync(new URL("../fixtures/propagation/propagation.json", import.meta.url), "utf8"),
);

const mesh = meshOf({ x: 2, y: 4 });
const named = (spec: Spec): jax.NamedSharding => new jax.NamedSharding(mesh, P(...spec));
let isSharded = false;
const constrain = (x: A, ...spec: Entry[]): A => (isSharded ? jax.withShardingConstraint(x, named(spec)) : x);

const sumsAndProducts = (x: A, first: A): [A, A] =>
  lax.scan((c: A, row: A): [A, A] => [c.add(row), c.mul(row)], first, x);
const layers = (x: A, up: A, down: A): A =>
  lax.scan((c: A, [u, d]: [A, A]): [A, null] => [c.add(nn.silu(c.dot(u)).dot(d)), null], x, [up, down] as [A, A])[0];
const squares = (x: A): A => jnp.sum(x.pow(2));
const gradient = (w: A, x: A): A => jax.grad((v: A) => squares(x.dot(v)))(w);

const programs: Readonly<Record<string, (...args: A[]) => A | readonly A[]>> = {
  "x @ w": (x, w) => x.dot(w),
  "constrain(x @ w, x, y)": (x, w) => constrain(x.dot(w), "x", "y"),
  "sin(x) * 2": (x) => jnp.sin(x).mul(2),
  "constrain(2 x, x) + 1, 3 x": (x) => [constrain(x.mul(2), "x").add(1), x.mul(3)],
  "constrain(x.T, x), x + 1": (x) => [constrain(x.T, "x"), x.add(1)],
  "constrain(x) + 1": (x) => constrain(x).add(1),
  "constrain(2 x, (x, y))": (x) => constrain(x.mul(2), ["x", "y"]),
  "constrain(2 x, x, y) + 1": (x) => constrain(x.mul(2), "x", "y").add(1),
  "x + y": (x, y) => x.add(y),
  "x + zeros": (x) => x.add(jnp.zeros(x.shape)),
  "x + arange": (x) => x.add(jnp.arange(16).astype("float32")),
  "where(x > 0, x, y)": (x, y) => jnp.where(x.greater(0), x, y),
  "sum(x * y, 0)": (x, y) => jnp.sum(x.mul(y), { axis: 0 }),
  "sum(x, 0, keepdims)": (x) => jnp.sum(x, { axis: 0, keepdims: true }),
  "x / sqrt(mean(x², −1, keepdims))": (x) => x.div(jnp.sqrt(jnp.mean(x.pow(2), { axis: -1, keepdims: true }))),
  "reshape(x, [8, 4, 4])": (x) => x.reshape(8, 4, 4),
  "reshape(x, [8, 2, 8])": (x) => x.reshape(8, 2, 8),
  "reshape(reshape(x, [8, 2, 8]) * 2, [8, 16])": (x) => x.reshape(8, 2, 8).mul(2).reshape(8, 16),
  "reshape(x, [-1])": (x) => x.reshape(-1),
  "x[:, 2:6]": (x) => lax.sliceInDim(x, 2, 6, { axis: 1 }),
  "pad(x, 1 on axis 1)": (x) =>
    jnp.pad(x, [
      [0, 0],
      [1, 1],
    ]),
  "flip(x, 1)": (x) => jnp.flip(x, 1),
  "stack([x, y])": (x, y) => jnp.stack([x, y]),
  "cumsum(x, 1)": (x) => jnp.cumsum(x, { axis: 1 }),
  "sort(x, 1)": (x) => jnp.sort(x, { axis: 1 }),
  "argmax(x, 1)": (x) => jnp.argmax(x, { axis: 1 }),
  "top_k(x, 2)": (x) => lax.topK(x, 2),
  "take(e, i, 0)": (e, i) => jnp.take(e, i, { axis: 0 }),
  "dynamic_update_slice(c, x, (0, 2))": (c, x) => lax.dynamicUpdateSlice(c, x, [0, 2]),
  "einsum bij, bjk -> bik": (a, b) => jnp.einsum("bij,bjk->bik", a, b),
  "attention(q, k, v)": (q, k, v) => nn.dotProductAttention(q, k, v),
  "relu(x)": (x) => nn.relu(x),
  "scan: sums and products": sumsAndProducts,
  "scan: sums and products from zeros": (x) => sumsAndProducts(x, jnp.zeros([16])),
  "scan: layers": layers,
  "scan: a constraint in the body": (x) =>
    lax.scan((c: A): [A, null] => [constrain(c.mul(2), null, "y").add(1), null], x, null, { length: 3 })[0],
  "fori_loop: sum from zeros": (x, n) => lax.foriLoop(0, n, (_: A, c: A) => c.add(x), jnp.zeros(x.shape)),
  "cond(x, y)": (i, x, y) =>
    lax.cond(
      i.greater(0),
      () => x,
      () => y,
    ),
  "cond(2 x, zeros)": (i, x) =>
    lax.cond(
      i.greater(0),
      () => x.mul(2),
      () => jnp.zeros(x.shape),
    ),
  "inner jit": (x) =>
    jax
      .jit((v: A) => v.mul(2), { outShardings: named([null, "y"]) })(x)
      .add(1),
  "grad of sum((x @ w)²) in w": gradient,
  "step of momentum": (w, m, x) => {
    const next = m.mul(0.9).add(gradient(w, x).mul(0.1));
    return [w.sub(next.mul(0.01)), next];
  },
  "grad of an MLP": (u, d, x) => jax.grad((w: [A, A]) => squares(nn.silu(x.dot(w[0])).dot(w[1])))([u, d] as [A, A]),
  "grad of a rematerialised layer": (w, x) => jax.grad(jax.checkpoint((v: A) => jnp.sum(jnp.sin(x.dot(v)))))(w),
  "grad of scanned layers": (u, d, x) =>
    jax.grad((a: A, b: A) => squares(layers(x, a, b)), { argnums: [0, 1] })(u, d) as unknown as [A, A],
};

/** Where a reshape cuts within a mesh axis, JAX splits by a part of the axis; here the value is whole. */
const differs: Readonly<Record<string, readonly string[]>> = {
  "reshape(reshape(x, [8, 2, 8]) * 2, [8, 16])": ["P()"],
};

/** JAX leaves trailing Nones in some specs; they split nothing. */
const withoutTrailingNones = (spec: string): string =>
  spec
    .replace(/(, None)+\)$/, ")")
    .replace(/^P\(('\w+'|\([^)]*\))\)$/, "P($1,)")
    .replace(/^P\(None\)$/, "P()");

const argument = ([first, ...rest]: Case["shapes"][number], seed: number): A =>
  first === "i"
    ? jax.random.randint(jax.random.key(seed), rest as number[], 0, 4)
    : jax.random.normal(jax.random.key(seed), [...(first === undefined ? [] : [first]), ...(rest as number[])]);

for (const item of cases) {
  const { program, shapes, in_specs, out_specs, auto } = item;
  const specs = in_specs.map((spec) => JSON.stringify(spec)).join(" ");
  test(`${program} ${shapes.map((shape) => `[${shape}]`).join(" ")} from ${specs}`, async () => {
    const f = programs[program];
    const args = shapes.map((shape, i) => argument(shape, i).mul(shape[0] === "i" ? 1 : 0.3));
    const placed = args.map((x, i) => (in_specs[i] === null ? x : jax.devicePut(x, named(in_specs[i]))));
    const jitted = out_specs ? jax.jit(f, { outShardings: named(out_specs[0]) }) : jax.jit(f);
    isSharded = true;
    const got = jax.tree.leaves(jitted(...placed)) as jax.DeviceArray[];
    isSharded = false;
    const want = jax.tree.leaves(f(...args)) as A[];
    for (const [i, x] of got.entries()) {
      const [a, b] = (await Promise.all([x.data(), want[i].data()])) as Float32Array[];
      a.forEach((value, j) =>
        assert.ok(Math.abs(value - b[j]) <= 1e-4 * (1 + Math.abs(b[j])), `${i}: ${value} ${b[j]}`),
      );
    }
    const found = got.map(({ sharding }) => (sharding instanceof jax.NamedSharding ? `${sharding.spec}` : "P()"));
    assert.equal(found, differs[program] ?? auto.map(withoutTrailingNones));
  });
}

test.run();
