/** Trees that cannot be, and values of another realm: sentences instead of the engine's own errors. */
import { runInNewContext } from "node:vm";
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import "../setup.ts";

const { jit, numpy: jnp, tree } = jax;
type A = jax.Array;
const untyped = (value: unknown): never => value as never;

const x = jnp.ones([2]);
const withHole = (first: unknown, last: unknown): unknown[] => {
  const made: unknown[] = [first];
  made[2] = last;
  return made;
};
const loop: Record<string, unknown> = { x };
loop.self = { again: loop };
const list: unknown[] = [1];
list.push(list);

test("a tree that contains itself is refused in words, wherever trees are taken", () => {
  const rule = /^pytree: a tree must be at most 1000 levels deep; got more\. Does it contain itself\?$/;
  const f = (t: unknown): A => untyped(t);
  for (const use of [
    () => tree.leaves(loop as unknown),
    () => tree.leavesWithPath(list as unknown),
    () => tree.map((leaf: unknown) => leaf, list as unknown),
    () => jit(f)(loop),
    () => jit(() => untyped(loop))(),
    () => jax.grad(f)(loop),
    () => jax.vmap(f)(loop),
    () => jax.lax.scan((c: unknown, _: unknown) => [c, null] as const, loop as unknown, null, { length: 2 }),
  ])
    assert.throws(use, (error: unknown) => error instanceof TypeError && rule.test(error.message));
});

test("static data that contains itself is refused in words", () => {
  const f = jit((a: A, _: unknown) => a, { staticArgnums: 1 });
  assert.throws(() => f(x, list), /^pytree: a tree must be at most 1000 levels deep; got more/);
});

test("lists of numbers that contain themselves, or have holes, are no arrays", () => {
  assert.throws(() => jnp.array(untyped(list)), /^array: lists must be nested at most 64 deep; got more/);
  assert.throws(
    () => jnp.array(untyped(withHole(1, 3))),
    /^array: a list must have no holes; got one at \[1\] of a list of 3/,
  );
});

test("a list with a hole is no tree", () => {
  const sparse: unknown = withHole(x, x);
  const rule = /^pytree: a list must have no holes; got one at \[1\] of a list of 3$/;
  assert.throws(() => tree.leaves(sparse), rule);
  assert.throws(() => tree.flattenWithPath(sparse), rule);
  assert.throws(() => jit((t: unknown) => untyped(t))(sparse), rule);
  assert.equal(tree.leaves([1, undefined, 3] as unknown), [1, 3]);
});

test("typed arrays, lists, objects and Maps of another realm are what they are in this one", async () => {
  const foreign = <T>(code: string): T => runInNewContext(code) as T;
  const numbers = jnp.array(foreign<Float64Array>("new Float64Array([1, 2.5])"));
  assert.is(numbers.dtype, "float32");
  assert.equal(await numbers.toList(), [1, 2.5]);
  assert.equal(await jnp.array(foreign<BigInt64Array>("new BigInt64Array([-1n])")).toList(), [-1]);
  assert.equal(await jnp.array(foreign<number[][]>("[[1, 2]]")).toList(), [[1, 2]]);
  assert.equal(tree.leaves(foreign<unknown>("({ b: [1], a: new Map([['k', 2]]) })")), [2, 1]);
  assert.equal(await jnp.sum(jnp.ones([2, 3]), foreign("({ axis: 1 })")).toList(), [3, 3]);
});

test("registerPytreeNode says what is wrong with what it is given", () => {
  class Pair {}
  const node = { flatten: () => [[], null] as const, unflatten: () => new Pair() };
  const wrong: readonly (readonly [type: unknown, node: unknown, rule: RegExp])[] = [
    [{}, node, /the first argument must be a class; got \{\}$/],
    [() => 1, node, /must be a class; got a function$/],
    [undefined, node, /must be a class; got undefined$/],
    [Array, node, /one of the program's own; got JavaScript's Array$/],
    [Object, node, /one of the program's own; got JavaScript's Object$/],
    [Pair, undefined, /the second argument must be \{ flatten, unflatten \}; got undefined$/],
    [Pair, { flatten: node.flatten }, /unflatten must be a function; got undefined for Pair$/],
    [Pair, { ...node, flatten: [] }, /flatten must be a function; got \[\] for Pair$/],
    [Pair, { ...node, names: ["a"] }, /names must be a function; got \["a"\] for Pair$/],
  ];
  for (const [type, given, rule] of wrong)
    assert.throws(
      () => jax.registerPytreeNode(untyped(type), untyped(given)),
      (error: unknown) =>
        error instanceof TypeError && /^registerPytreeNode: /.test(error.message) && rule.test(error.message),
    );
  jax.registerPytreeNode(Pair, node);
  assert.throws(() => jax.registerPytreeNode(Pair, node), /a class is registered once; got Pair again/);
});

test("a registered class whose flatten gives no list of children is told so", () => {
  class Odd {}
  jax.registerPytreeNode(Odd, { flatten: () => untyped(7), unflatten: () => new Odd() });
  assert.throws(() => tree.leaves(new Odd() as unknown), /flatten must return \[children, aux\].*; got 7 for a Odd$/);
});

test("devicePut takes trees", async () => {
  const { a, b } = jax.devicePut({ a: [1, 2], b: new Float32Array([3]) }) as unknown as { a: A[]; b: A };
  assert.equal(await Promise.all([...a, b].map((each) => each.toList())), [1, 2, [3]]);
});

test.run();
