/** Modules taken apart and put together: what is shared, in which order, what is refused. */
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import "../setup.ts";
import { Block } from "./model.ts";

await jax.ready();
const { numpy: jnp } = jax;

class Leaf extends nnx.Module {
  readonly weight: nnx.Param;
  readonly size: number;
  constructor(size: number) {
    super();
    this.size = size;
    this.weight = new nnx.Param(jnp.ones([size]));
  }
}
class Tree extends nnx.Module {
  readonly items: nnx.List<Leaf>;
  readonly named: nnx.Dict<nnx.Variable>;
  readonly twin: Leaf;
  readonly tied: nnx.Param;
  readonly bare = jnp.zeros([2]);
  readonly label = "tree";
  readonly sizes: readonly number[] = [1, 2];
  constructor() {
    super();
    this.items = new nnx.List(Array.from({ length: 12 }, () => new Leaf(2)));
    this.named = new nnx.Dict<nnx.Variable>({ b: new nnx.Param(jnp.ones([1])), a: new nnx.BatchStat(jnp.zeros([3])) });
    this.twin = this.items[0];
    this.tied = this.items[1].weight;
  }
}
const paths = (state: nnx.State): string[] => [...state].map(([path]) => path.join("."));

test("state is sorted by path, numbers by size, and has what is shared once", () => {
  const found = paths(nnx.state(new Tree()));
  assert.equal(found.slice(0, 3), ["bare", "items.0.weight", "items.1.weight"]);
  assert.equal(found.slice(-3), ["items.11.weight", "named.a", "named.b"]);
  assert.is(found.length, 15);
});

test("merge makes the same module again: classes, static values and sharing", () => {
  const tree = new Tree();
  const [graphdef, state] = nnx.split(tree);
  const made = nnx.merge(graphdef, state);
  assert.instance(made, Tree);
  assert.is(made.twin, made.items[0]);
  assert.is(made.tied, made.items[1].weight);
  assert.equal([made.label, made.sizes, made.items.length], ["tree", [1, 2], 12]);
  assert.is(made.items[3].weight, tree.items[3].weight);
});

test("graphdefs of equal structures are one object, of others not", () => {
  const one = nnx.graphdef(new Tree());
  assert.is(nnx.graphdef(new Tree()), one);
  const other = new Tree();
  other.items[3] = new Leaf(3);
  assert.is.not(nnx.graphdef(other), one);
  assert.not.ok(nnx.graphdef(other).equals(one));
});

test("clone has Variables of its own", async () => {
  const tree = new Tree();
  const copy = nnx.clone(tree);
  copy.items[0].weight.set(jnp.zeros([2]));
  assert.equal(await tree.items[0].weight.get().toList(), [1, 1]);
  assert.is(copy.twin, copy.items[0]);
});

test("states may be split by any filter; the first that holds decides", () => {
  const tree = new Tree();
  const [, stats, weights, rest] = nnx.split(tree, nnx.BatchStat, nnx.PathContains("items"), true);
  assert.equal([paths(stats), weights.size, paths(rest)], [["named.a"], 12, ["bare", "named.b"]]);
  assert.throws(
    () => nnx.split(tree, nnx.BatchStat),
    /split: filters must take every leaf; got none for bare \(DeviceArray\), items\.0\.weight \(Param\), .* and 9 more\. Let the last filter be true/,
  );
  assert.throws(
    () => nnx.split(tree, true, nnx.Param),
    /a filter for everything must be the last; got it as filter 0 of 2/,
  );
});

test("filters: kinds with subclasses, tags, predicates, lists, All, Any, Not, OfType, PathContains", () => {
  const block = new Block(2, { rngs: new nnx.Rngs(0, { dropout: 1 }) });
  const found = (filter: nnx.Filter): string => paths(nnx.state(block, filter)).join(" ");
  assert.is(found(nnx.RngState), "dropout.rngs.count dropout.rngs.key");
  assert.is(found("dropout"), "dropout.rngs.count dropout.rngs.key");
  assert.is(found("params"), "");
  assert.is(
    found((path) => path.at(-1) === "bias"),
    "up.bias",
  );
  assert.is(found([nnx.RngKey, nnx.BatchStat]), "calls dropout.rngs.key");
  assert.is(found(nnx.All(nnx.RngState, nnx.Not(nnx.RngKey))), "dropout.rngs.count");
  assert.is(found(nnx.Any(nnx.BatchStat, "dropout")), "calls dropout.rngs.count dropout.rngs.key");
  assert.is(found(nnx.All(nnx.OfType(nnx.Param), nnx.PathContains("norm"))), "norm.scale");
  assert.is(found(nnx.PathContains("ow", { exact: false })), "down.kernel");
  assert.is(found(false), "");
  assert.is(found(null), "");
  assert.is(nnx.state(block, true).size, nnx.state(block, nnx.Everything).size);
  assert.throws(() => nnx.state(block, 3 as never), /nnx: a filter must be a kind of Variable, a tag/);
});

test("a plain array or object with modules is refused, with its path and the remedy", () => {
  class Outer extends nnx.Module {
    readonly inner = new Leaf(1);
  }
  const outer = new Outer();
  Object.assign(outer.inner, { layers: [1, { deep: new Leaf(1) }] });
  const message =
    /got a plain array at (0\.)?inner\.layers of Leaf, with a Leaf at layers\.1\.deep\. Write this\.layers = new nnx\.List\(…\)/;
  assert.throws(() => nnx.split(outer), message);
  assert.throws(() => nnx.jit((m: Outer) => m.inner.weight.get())(outer), message);
  assert.throws(() => jax.jit((m: Outer) => m.inner.weight.get())(outer), /got a plain array at layers of Leaf/);
  Object.assign(outer.inner, { layers: { a: jnp.ones([1]) } });
  assert.throws(() => nnx.state(outer), /got a plain object at inner\.layers .* a DeviceArray at layers\.a.*nnx\.Dict/);
  Object.assign(outer.inner, { layers: [1, 2, "x"] });
  assert.is(nnx.state(outer).size, 1);
});

test("update sets Variables in place, adds what is new, and names a path that leads nowhere", async () => {
  const tree = new Tree();
  const { weight } = tree.items[2];
  nnx.update(tree, {
    items: { 2: { weight: jnp.zeros([5]) } },
    bare: jnp.ones([1]),
    extra: new nnx.Param(jnp.ones([1])),
  });
  assert.equal(await weight.get().toList(), [0, 0, 0, 0, 0]);
  assert.equal(tree.bare.shape, [1]);
  assert.ok(paths(nnx.state(tree)).includes("extra"));
  assert.throws(
    () => nnx.update(tree, { items: { 40: { weight: jnp.ones([1]) } } }),
    /update: a path must lead through modules; got items\.40\.weight, where items\.40 is nothing/,
  );
  assert.throws(
    () => nnx.update(tree, { label: "x" }),
    /update: a value must be an array or a Variable; got string for label/,
  );
});

test("pop takes Variables out", () => {
  const tree = new Tree();
  const popped = nnx.pop(tree, nnx.BatchStat);
  assert.equal(paths(popped), ["named.a"]);
  assert.not.ok(tree.named.has("a"));
  assert.throws(() => nnx.pop(tree), /pop: there must be a filter/);
});

test("merge names values that are missing or too many", () => {
  const [graphdef, state] = nnx.split(new Leaf(2));
  assert.throws(() => nnx.merge(graphdef, {}), /merge: .* got none for weight/);
  assert.throws(
    () => nnx.merge(graphdef, state, { more: { x: jnp.ones([1]) } }),
    /merge: .* got one too many for more\.x/,
  );
  assert.instance(nnx.merge(graphdef, { weight: jnp.ones([2]) }).weight, nnx.Param);
});

test("a State is read by path, and says what there is", async () => {
  const state = nnx.state(new Tree());
  assert.is(state.get("items", 3, "weight").size, 2);
  assert.equal(paths(state.sub("items", 3)), ["weight"]);
  assert.ok(state.has("named", "a"));
  assert.throws(
    () => state.get("items", 3),
    /there must be a leaf at the path; got items\.3, where there is a State with weight/,
  );
  assert.throws(() => state.get("named", "c"), /got named\.c, where there is nothing, but above it a State with a, b/);
  const doubled = jax.tree.map((x) => x.mul(2), nnx.filterState(state, nnx.PathContains("items")));
  assert.equal(await doubled.get("items", 0, "weight").get().toList(), [2, 2]);
  assert.is(doubled.get("items", 0, "weight").constructor, nnx.Param);
  const merged = nnx.mergeState(state, doubled);
  assert.is(merged.get("items", 0, "weight"), doubled.get("items", 0, "weight"));
  assert.is(nnx.fromFlatState(nnx.toFlatState(state)).size, state.size);
  assert.equal(Object.keys(nnx.toPureDict(state)), ["bare", "items", "named"]);
  assert.throws(
    () =>
      nnx.fromFlatState([
        [["a"], jnp.ones([1])],
        [["a", "b"], jnp.ones([1])],
      ]),
    /paths must be distinct and end in leaves; got a and a\.b/,
  );
});

test("a module is a pytree with JAX's key paths", () => {
  const named = jax.tree.leavesWithPath(new Tree()).map(({ path }) => jax.tree.keystr(path));
  assert.equal(named.slice(0, 2), [".bare", ".items[0].weight.value"]);
  // Shared leaves count each time, as in JAX.
  assert.is(named.length, 17);
});

test("jax.jit and jax.grad take modules, and lose what they set", async () => {
  const leaf = new Leaf(2);
  const f = jax.jit((m: Leaf) => {
    m.weight.set(m.weight.get().mul(3));
    return m.weight.get().sum();
  });
  assert.is(await f(leaf).item(), 6);
  assert.equal(await leaf.weight.get().toList(), [1, 1]);
  const gradient = jax.grad((m: Leaf) => jnp.sum(m.weight.get().mul(m.weight)))(leaf);
  assert.instance(gradient, Leaf);
  assert.equal(await gradient.weight.get().toList(), [2, 2]);
});

test("Variables stand for their arrays in array functions", async () => {
  const p = new nnx.Param(jnp.array([1, 2], { dtype: "float32" }));
  const x = jnp.array([3, 4], { dtype: "float32" });
  assert.equal(await x.mul(p).toList(), [3, 8]);
  assert.equal(await jnp.add(p, 1).toList(), [2, 3]);
  assert.equal(await jnp.stack([p, x] as never).toList(), [
    [1, 2],
    [3, 4],
  ]);
  assert.is(await x.dot(p).item(), 11);
  assert.is(jnp.asarray(p), p.get());
  assert.equal([p.shape, p.dtype, p.ndim, p.size, String(p)], [[2], "float32", 1, 2, "Param(float32[2])"]);
  assert.throws(
    () => jnp.add(new nnx.RngKey(jax.random.key(0)) as never, 1),
    /RngKey: only one that holds an array stands for it/,
  );
});

test("a Variable is written only at the trace level that made it", () => {
  const p = new nnx.Param(jnp.ones([2]));
  const set = (): jax.Array => {
    p.set(jnp.zeros([2]));
    return p.get();
  };
  const message =
    /Variable.set: a Variable can be written only at the trace level that made it; got Param\(float32\[2\]\)/;
  assert.throws(() => jax.jit(set)(), message);
  assert.throws(() => nnx.jit(set)(), message);
  assert.throws(() => jax.grad((x: jax.Array) => set().mul(x).sum())(jnp.ones([2])), message);
});

test("attributes are set by name in all modules that have them", () => {
  const block = new Block(2, { rngs: new nnx.Rngs(0) });
  block.eval();
  assert.is(block.dropout.deterministic, true);
  block.train();
  assert.is(block.dropout.deterministic, false);
  block.setAttributes({ deterministic: true }, nnx.Linear, nnx.Dropout);
  assert.is(block.dropout.deterministic, true);
  assert.throws(
    () => block.setAttributes({ missing: 1 }),
    /at least one module must have each attribute; got none with missing in Block/,
  );
});

test("lists and dicts behave as such", () => {
  const list = new nnx.List([1, 2, 3]);
  list.push(4);
  assert.equal([[...list], list.length, list.at(-1), list.map((x) => x * 2)], [[1, 2, 3, 4], 4, 4, [2, 4, 6, 8]]);
  const dict = new nnx.Dict({ a: 1 });
  dict.set("b", 2);
  assert.equal(
    [...dict],
    [
      ["a", 1],
      ["b", 2],
    ],
  );
  assert.throws(() => dict.get("c"), /nnx.Dict: there must be an item of that name; got c, not one of a, b/);
  assert.throws(() => dict.set("train", 1), /nnx.Dict: a name must not be that of a member; got train/);
});

test.run();
