/** What functions of trees give back, by type and by value. */
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Same, typed } from "./same.ts";
import "../setup.ts";

const { jit, numpy: jnp, tree } = jax;
type A = jax.Array;
type S = jax.ShapeDtypeStruct;

interface Layer {
  readonly kernel: A;
  readonly bias: A | null;
}
interface Params {
  readonly layers: readonly Layer[];
  readonly scale: A;
}
const params: Params = {
  layers: [{ kernel: jnp.ones([2, 3]), bias: null }],
  scale: jnp.array(2),
};

test("leaves are of the type that the tree's are", () => {
  const arrays = tree.leaves(params);
  typed<Same<typeof arrays, A[]>>(true);
  const mixed = tree.leaves({ a: 1, b: [true, "text"] });
  typed<Same<typeof mixed, (number | boolean | string)[]>>(true);
  assert.equal(mixed, [1, true, "text"]);
  const [flat] = tree.flatten([1, 2]);
  typed<Same<typeof flat, number[]>>(true);
  const [{ leaf }] = tree.leavesWithPath({ a: 1 });
  typed<Same<typeof leaf, number>>(true);
  const unknown = tree.leaves(params as unknown);
  typed<Same<typeof unknown, unknown[]>>(true);
  const told = tree.leaves<A>(params as unknown);
  typed<Same<typeof told, A[]>>(true);
});

test("map from arrays to arrays keeps the tree's type, also without annotations", async () => {
  const doubled = tree.map((x) => x.mul(2), params);
  typed<Same<typeof doubled, Params>>(true);
  assert.is(await doubled.scale.item(), 4);
  const sum = tree.map((x, y) => x.add(y), params, doubled);
  typed<Same<typeof sum, Params>>(true);
  assert.is(await sum.scale.item(), 6);
});

test("map to other leaves gives the tree with those", () => {
  const shapes = tree.map((x) => x.ndim, params);
  typed<Same<typeof shapes, { layers: { kernel: number; bias: number | null }[]; scale: number }>>(true);
  assert.equal(shapes, { layers: [{ kernel: 2, bias: null }], scale: 0 });
  const pairs = tree.map((x: number, y: string) => `${x}${y}`, [1, 2], ["a", "b"]);
  typed<Same<typeof pairs, string[]>>(true);
  assert.equal(pairs, ["1a", "2b"]);
  const paths = tree.mapWithPath((path, x) => `${tree.keystr(path)} ${x}`, { a: 1 });
  typed<Same<typeof paths, { a: string }>>(true);
  assert.equal(paths, { a: "['a'] 1" });
});

test("a tree that its type does not tell takes the types that it is told", () => {
  const numbers = tree.map<number[], number>((x) => x + 1, [1, 2] as unknown);
  typed<Same<typeof numbers, number[]>>(true);
  assert.equal(numbers, [2, 3]);
  type Nested = number | readonly Nested[];
  const nested: Nested = [1, [2, [3]]];
  assert.equal(
    tree.map((x) => (x as number) + 1, nested),
    [2, [3, [4]]],
  );
});

test("map infers over the State of a module, with and without annotations", async () => {
  const model = new nnx.Linear(2, 1, { rngs: new nnx.Rngs(0), useBias: false });
  const state = nnx.state(model, nnx.Param);
  const doubled = jax.tree.map((p) => p.mul(2), state);
  typed<Same<typeof doubled, nnx.State>>(true);
  const descend = (p: A, g: A): A => p.sub(g);
  const left = jax.tree.map(descend, doubled, state);
  typed<Same<typeof left, nnx.State>>(true);
  assert.equal(await left.get("kernel").get().toList(), await model.kernel.get().toList());
  const both = jax.tree.map((p) => p.mul(2), { state, step: jnp.array(1) });
  typed<Same<typeof both, { state: nnx.State; step: A }>>(true);
  assert.is(await both.step.item(), 2);
});

test("map with an annotated callback tells its result where the tree's leaves are other ones too", () => {
  const tree2: { a: A | number; b: A[] } = { a: jnp.ones([2]), b: [] };
  const ranks = jax.tree.map((leaf: A) => leaf.ndim, tree2);
  typed<Same<typeof ranks, { a: number; b: number[] }>>(true);
  assert.equal(ranks, { a: 1, b: [] });
});

test("evalShape gives the result's tree with shapes for leaves, and gives arrays to the function", () => {
  const out = jax.evalShape(
    (x, { y }) => ({ sum: x.add(y), both: [x, y] as const, none: null }),
    new jax.ShapeDtypeStruct([2, 3], "float32"),
    { y: 1 },
  );
  typed<Same<typeof out, { sum: S; both: [S, S]; none: null }>>(true);
  assert.equal(out.sum.shape, [2, 3]);
  const annotated = jax.evalShape((p: Params) => p, params);
  typed<Same<typeof annotated, { layers: { kernel: S; bias: S | null }[]; scale: S }>>(true);
  assert.equal(annotated.layers[0].kernel.shape, [2, 3]);
});

test("a shape may stand for an array where a function is lowered", () => {
  const f = jit((p: Params, x: A) => x.mul(p.scale));
  const lowered = f.lower(params, new jax.ShapeDtypeStruct([3], "float32"));
  assert.match(lowered.asText("jaxpr"), /f32\[3\]/);
});

test.run();
