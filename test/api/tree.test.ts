import { test } from "uvu";
import * as assert from "uvu/assert";
import * as tree from "../../packages/jaxscale/src/api/tree.ts";

const params = {
  layers: [
    { w: 1, b: 2 },
    { w: 3, b: 4 },
  ],
  name: null,
  head: 5,
};

test("leaves come in JAX's order: keys sorted, null holding none", () => {
  assert.equal(tree.leaves(params), [5, 2, 1, 4, 3]);
  const [leaves, treedef] = tree.flatten(params);
  assert.is(
    tree.formatTreedef(treedef),
    "PyTreeDef({'head': *, 'layers': [{'b': *, 'w': *}, {'b': *, 'w': *}], 'name': None})",
  );
  assert.equal(tree.unflatten(treedef, leaves), params);
});

test("map keeps the structure and takes further trees", () => {
  assert.equal(
    tree.map((x: number, y: number) => x + y, { a: 1, b: [2, 3] }, { a: 10, b: [20, 30] }),
    { a: 11, b: [22, 33] },
  );
  assert.throws(() => tree.map((x: unknown) => x, { a: 1 }, { b: 1 }), /tree 2 has another structure/);
});

test("reduce folds from the first leaf or from an initial value", () => {
  assert.is(
    tree.reduce((sum: number, x: number) => sum + x, params),
    15,
  );
  assert.is(
    tree.reduce((text: string, x: number) => text + x, params, ""),
    "52143",
  );
  assert.throws(() => tree.reduce((sum: number) => sum, []), /needs an initial value/);
});

test("all wants every leaf to be true", () => {
  assert.ok(tree.all({ a: true, b: [1, "x"], c: null }));
  assert.not(tree.all({ a: true, b: [0] }));
});

test("paths name each leaf", () => {
  assert.equal(
    tree.leavesWithPath(params).map(({ path }) => tree.keystr(path)),
    ["['head']", "['layers'][0]['b']", "['layers'][0]['w']", "['layers'][1]['b']", "['layers'][1]['w']"],
  );
  assert.equal(
    tree.mapWithPath((path) => tree.keystr(path, { simple: true }), { a: [1, 2] }),
    { a: ["a.0", "a.1"] },
  );
});

test("isLeaf says what else is a leaf, as in JAX", () => {
  const isNull = (at: unknown): boolean => at === null;
  const isList = (at: unknown): boolean => Array.isArray(at);
  assert.equal(
    tree.map((leaf: unknown) => leaf === null, { a: 1, b: null }, { isLeaf: isNull }),
    { a: false, b: true },
  );
  assert.equal(
    tree.map((leaf: number[], other: unknown) => [leaf.length, other], { a: [1, 2] }, { a: 5 }, { isLeaf: isList }),
    { a: [2, 5] },
  );
  assert.equal(
    tree.mapWithPath((path, leaf) => [tree.keystr(path), leaf], [null, 1], { isLeaf: isNull }),
    [
      ["[0]", null],
      ["[1]", 1],
    ],
  );
  assert.is(
    tree.reduce((sum: number, leaf: number[]) => sum + leaf.length, { a: [1, 2], b: [3] }, 0, { isLeaf: isList }),
    3,
  );
  assert.equal(
    tree.reduce((all: number[], leaf: number[]) => [...all, ...leaf], { a: [1, 2], b: [3] }, { isLeaf: isList }),
    [1, 2, 3],
  );
  assert.equal(tree.leaves({ a: [1], b: 2 }, { isLeaf: isList }), [[1], 2]);
});

test("transpose turns a list of trees into a tree of lists", () => {
  const turned = tree.transpose(tree.structure([0, 0]), tree.structure({ a: 0, b: 0 }), [
    { a: 1, b: 2 },
    { a: 3, b: 4 },
  ]);
  assert.equal(turned, { a: [1, 3], b: [2, 4] });
});

test.run();
