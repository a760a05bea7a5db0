import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { meshOf } from "../conformance/rows-sharding.ts";

const { lax, nn, numpy: jnp, P } = jax;
type A = jax.Array;
type Entry = string | readonly string[] | null;

const mesh = meshOf({ x: 2, y: 4 });
const named = (...spec: Entry[]): jax.NamedSharding => new jax.NamedSharding(mesh, P(...spec));
const normal = (seed: number, shape: readonly number[]): A => jax.random.normal(jax.random.key(seed), shape);
const count = (text: string, op: string): number => text.match(new RegExp(`= ${op}\\[`, "g"))?.length ?? 0;
const collectives = /(psum|pmax|pmin|all_gather|own_part|reduce_scatter|all_to_all)\[/;

/** The text of one device, once the results are checked to be those of whole arrays. */
async function partitioned(
  f: (...args: A[]) => A | A[],
  args: readonly A[],
  specs: readonly Entry[][],
): Promise<string> {
  const placed = args.map((x, i) => jax.devicePut(x, named(...specs[i])));
  const jitted = jax.jit(f);
  const [got, want] = [jitted(...placed), f(...args)].map((out) => jax.tree.leaves(out) as A[]);
  for (const [i, x] of got.entries()) {
    const [a, b] = (await Promise.all([x.data(), want[i].data()])) as Float32Array[];
    a.forEach((value, j) =>
      assert.ok(Math.abs(value - b[j]) <= 1e-4 * (1 + Math.abs(b[j])), `result ${i}: ${value} ${b[j]}`),
    );
  }
  return jitted.lower(...placed).asText("partitioned");
}

test("a carry that begins as zeros lies as the body gives it", async () => {
  const f = (x: A): A[] => {
    const [last, products] = lax.scan((c: A, row: A): [A, A] => [c.add(row), c.mul(row)], jnp.zeros([16]), x);
    return [last, products];
  };
  const text = await partitioned(f, [normal(3, [8, 16])], [[null, "y"]]);
  assert.match(text, /jaxpr=\{ lambda ; \w+:f32\[4\] \w+:f32\[4\]/);
  assert.not.match(text, collectives);
});

test("scanned layers are tensor-parallel in the body: one all-reduce, and no weight is gathered", async () => {
  const f = (x: A, up: A, down: A): A => {
    const layer = (c: A, [u, d]: [A, A]): [A, null] => [c.add(nn.silu(c.dot(u)).dot(d)), null];
    return lax.scan(layer, x, [up, down] as [A, A])[0];
  };
  const args = [normal(0, [8, 16]), normal(1, [3, 16, 32]).mul(0.2), normal(2, [3, 32, 16]).mul(0.2)];
  const text = await partitioned(f, args, [["x"], [null, null, "y"], [null, "y"]]);
  assert.is(count(text, "psum"), 1);
  assert.not.match(text, /all_gather|own_part/);
});

test("axes that split the scanned dimension are gathered once, before the loop", async () => {
  const f = (x: A): A => lax.scan((c: A, row: A): [A, A] => [c.add(row), c.mul(row)], jnp.zeros([16]), x)[1];
  const text = await partitioned(f, [normal(3, [8, 16])], [["x", "y"]]);
  assert.is(count(text, "all_gather"), 1);
  assert.ok(text.indexOf("all_gather") < text.indexOf("scan["));
});

test("a loop with a traced bound: constants and carries are parts", async () => {
  const f = (x: A): A =>
    lax.whileLoop(
      ([i]: [A, A]) => i.less(3),
      ([i, c]: [A, A]): [A, A] => [i.add(1), c.add(x.mul(2))],
      [jnp.array(0), jnp.zeros([8, 16])] as [A, A],
    )[1];
  const text = await partitioned(f, [normal(4, [8, 16])], [["x", "y"]]);
  assert.match(text, /body_jaxpr=\{ lambda ; \w+:f32\[4,4\] \w+:i32\[\] \w+:f32\[4,4\]/);
  assert.not.match(text, collectives);
});

test("a condition over all devices is a collective in the predicate", async () => {
  const f = (x: A): A =>
    lax.whileLoop(
      (c: A) => jnp.sum(jnp.abs(c)).greater(1),
      (c: A): A => c.mul(0.5),
      x,
    );
  const text = await partitioned(f, [normal(4, [8, 16])], [["x", "y"]]);
  assert.is(count(text, "psum"), 1);
  assert.match(text, /body_jaxpr=\{ lambda ; \w+:f32\[4,4\]\. let/);
});

test("the branches of a condition agree on a layout that moves nothing", async () => {
  const f = (which: A, x: A, y: A): A =>
    lax.cond(
      which.greater(0),
      () => x.mul(2),
      () => y,
    );
  const text = await partitioned(f, [jnp.array(1), normal(5, [8, 16]), normal(6, [8, 16])], [[], ["x"], [null, "y"]]);
  assert.not.match(text, /all_gather|psum/);
  assert.match(text, /f32\[4,4\] = cond/);
});

test("constraints inside bodies are kept, in nested loops too", async () => {
  const f = (x: A): A => {
    const inner = (c: A): [A, null] => [jax.withShardingConstraint(c.mul(2), named(null, "y")).add(1), null];
    const outer = (c: A): [A, null] => [lax.scan(inner, c, null, { length: 2 })[0], null];
    return lax.scan(outer, x, null, { length: 2 })[0];
  };
  const text = await partitioned(jax.jit(f), [normal(7, [8, 16])], [[]]);
  assert.match(text, /f32\[8,4\] = mul/);
});

test.run();
