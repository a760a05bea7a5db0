import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  broadcastPrefix,
  flatten,
  flattenWithPath,
  formatKeyPath,
  formatSimpleKeyPath,
  formatTreedef,
  registerPytreeNode,
  sameTreedef,
  treeLeaves,
  treeMap,
  treeStructure,
  unflatten,
} from "../../packages/jaxscale/src/base/pytree.ts";

// JAX's kinds that JavaScript lacks are mapped: a tuple to an array, an OrderedDict to a Map, a namedtuple to a registered
// class, a dict with number keys to an object, whose keys are strings. Printed forms are mapped the same way.
class Point {
  readonly y: unknown;
  readonly x: unknown;
  constructor(y: unknown, x: unknown) {
    this.y = y;
    this.x = x;
  }
}
registerPytreeNode(Point, {
  flatten: (point) => [[point.y, point.x], "namedtuple"],
  unflatten: (_, [y, x]) => new Point(y, x),
  names: () => ["y", "x"],
});

type Described =
  | { leaf: number }
  | { none: true }
  | { list: Described[] }
  | { tuple: Described[] }
  | { dict: [string | number, Described][] }
  | { ordered_dict: [string, Described][] }
  | { namedtuple: string; fields: [string, Described][] };

function build(tree: Described): unknown {
  if ("leaf" in tree) return tree.leaf;
  if ("none" in tree) return null;
  if ("list" in tree) return tree.list.map(build);
  if ("tuple" in tree) return tree.tuple.map(build);
  if ("dict" in tree) return Object.fromEntries(tree.dict.map(([key, value]) => [key, build(value)]));
  if ("ordered_dict" in tree) return new Map(tree.ordered_dict.map(([key, value]) => [key, build(value)]));
  const [y, x] = tree.fields.map(([, value]) => build(value));
  return new Point(y, x);
}

function mapPrinted(treedef: string): string {
  const inside = treedef.slice("PyTreeDef(".length, -1);
  const mapped = inside.startsWith("CustomNode")
    ? inside.replace("OrderedDict[", "Map[").replace("namedtuple[Point]", "Point['namedtuple']")
    : inside
        .replaceAll("(", "[")
        .replace(/,?\)/g, "]")
        .replace(/(?<=[{ ])(\d+):/g, "'$1':");
  return `PyTreeDef(${mapped})`;
}

interface Golden {
  tree: Described;
  leaves: number[];
  treedef: string;
  num_leaves: number;
  num_nodes: number;
  paths: string[];
  simple_paths: string[];
  none_as_leaf: { leaves: (number | null)[] };
}
const golden = JSON.parse(readFileSync(new URL("../fixtures/jax/pytrees.json", import.meta.url), "utf8")) as {
  trees: Golden[];
};

for (const { tree, leaves, treedef, num_leaves, num_nodes, paths, simple_paths, none_as_leaf } of golden.trees) {
  test(`${treedef} flattens as in JAX`, () => {
    const built = build(tree);
    const flat = flatten(built);
    assert.equal(flat.leaves, leaves);
    assert.is(formatTreedef(flat.treedef), mapPrinted(treedef));
    assert.is(flat.treedef.numLeaves, num_leaves);
    assert.is(flat.treedef.numNodes, num_nodes);
    assert.equal(unflatten(flat.treedef, flat.leaves), built);
    const found = flattenWithPath(built).leaves.map(({ path }) => path);
    const quoted = JSON.stringify(tree).includes('[[2,{"leaf"') ? paths.map((p) => p.replace(/\d/, "'$&'")) : paths;
    assert.equal(found.map(formatKeyPath), quoted);
    assert.equal(
      found.map((path) => formatSimpleKeyPath(path)),
      simple_paths,
    );
    assert.equal(treeLeaves(built, { isLeaf: (at) => at === null }), none_as_leaf.leaves);
  });
}

test("treeMap takes subtrees where the first tree has a leaf", () => {
  const paired = treeMap((leaf, other) => [leaf, other], { a: 1, b: [2] }, [{ b: [{ c: 3 }], a: null }]);
  assert.equal(paired, { a: [1, null], b: [[2, { c: 3 }]] });
});

test("a structure that differs is named by its path", () => {
  const pair = (a: unknown, b: unknown) => () => treeMap((x) => x, a, [b]);
  assert.throws(
    pair({ a: [1, 2] }, { a: [1] }),
    /tree 2 has another structure at \['a'\]: must be an array of length 2; got an array of length 1/,
  );
  assert.throws(
    pair({ a: 1 }, { b: 1 }),
    /at its root: must be an object with keys \(a\); got an object with keys \(b\)/,
  );
  assert.throws(pair([null], [1]), /at \[0\]: must be null; got a leaf/);
  assert.throws(pair([[1]], [{ a: 1 }]), /at \[0\]: must be an array of length 1; got an object/);
  assert.throws(() => unflatten(treeStructure([1, 2]), [1]), /takes 2 leaves; got 1/);
});

test("keys are ordered by code point, also beyond the basic plane", () => {
  assert.equal(treeLeaves({ "\u{1f600}": 3, "\uffee": 2, z: 1 }), [1, 2, 3]);
});

test("a key named __proto__ is a key", () => {
  const tree = JSON.parse('{"__proto__": 1, "a": 2}') as unknown;
  const { leaves, treedef } = flatten(tree);
  assert.equal(leaves, [1, 2]);
  assert.equal(JSON.stringify(unflatten(treedef, leaves)), '{"__proto__":1,"a":2}');
});

test("typed arrays, functions, strings and objects of unregistered classes are leaves", () => {
  const leaves = [new Float32Array(2), () => 0, "text", new Date(0)];
  assert.is(treeLeaves(leaves).length, 4);
});

class Base {
  readonly parts: readonly unknown[];
  readonly config: unknown;
  constructor(parts: readonly unknown[], config: unknown) {
    this.parts = parts;
    this.config = config;
  }
}
class Derived extends Base {}
registerPytreeNode(Base, {
  flatten: (node) => [node.parts, node.config],
  unflatten: (config, parts, type) => new (type as unknown as typeof Base)(parts, config),
});

test("a subclass of a registered class is rebuilt as itself", () => {
  const { leaves, treedef } = flatten(new Derived([1, [2]], { eps: 1 }));
  assert.equal(leaves, [1, 2]);
  const rebuilt = unflatten<Base>(treedef, [3, 4]);
  assert.instance(rebuilt, Derived);
  assert.equal(rebuilt.parts, [3, [4]]);
});

test("treedefs are equal when static data is, plain data by content and all else by identity", () => {
  const structure = (config: unknown, type = Base) => treeStructure(new type([1], config));
  const f = () => 0;
  const g = () => 0;
  assert.ok(sameTreedef(structure({ a: 1, b: [2] }), structure({ b: [2], a: 1 })));
  assert.not(sameTreedef(structure({ a: 1 }), structure({ a: 2 })));
  assert.ok(sameTreedef(structure(f), structure(f)));
  assert.not(sameTreedef(structure(f), structure(g)));
  assert.not(sameTreedef(structure(new Date(0)), structure(new Date(0))));
  assert.not(sameTreedef(structure(1), structure(1, Derived)));
  assert.not(sameTreedef(structure(0), structure(-0)));
  assert.not(sameTreedef(treeStructure(new Map([["a", 1]])), treeStructure({ a: 1 })));
  assert.not(sameTreedef(treeStructure(["x"]), treeStructure([null])));
  // A key that imitates the printed form of another structure.
  assert.not(sameTreedef(treeStructure({ "a': *, 'b": 1 }), treeStructure({ a: 1, b: 2 })));
});

test("a prefix gives its leaf to every leaf below it", () => {
  assert.equal(broadcastPrefix([0, { a: 1 }], [[10, 11], { a: [12, null] }], "inAxes"), [0, 0, 1]);
  assert.throws(
    () => broadcastPrefix({ a: 0 }, [1], "inAxes"),
    /^inAxes has another structure than what it is for at its root: must be an array of length 1; got an object with keys \(a\)/,
  );
});

test("a class is registered once", () => {
  assert.throws(
    () => registerPytreeNode(Base, { flatten: () => [[], 0], unflatten: () => new Base([], 0) }),
    /Base again/,
  );
});

test.run();
