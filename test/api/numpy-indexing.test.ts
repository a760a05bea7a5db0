import { test } from "uvu";
import * as assert from "uvu/assert";
import * as jnp from "../../packages/jaxscale/src/api/numpy/index.ts";
import { DTypeError, ShapeError } from "../../packages/jaxscale/src/base/errors.ts";
import type { Array as TracedArray } from "../../packages/jaxscale/src/trace/array.ts";
import { tensorOf } from "./host-backend.ts";

const { array, at, slice } = jnp;
const values = (x: TracedArray): number[] => [...tensorOf(x).values];
const get = (x: TracedArray, ...index: jnp.Index): TracedArray => at(x, ...index).get();
const grid = jnp.reshape(jnp.arange(24), [2, 3, 4]);
const five = jnp.arange(5);

test("slices clip and count from the end as in Python", () => {
  assert.equal(values(get(five, "1:4")), [1, 2, 3]);
  assert.equal(values(get(five, "-2:")), [3, 4]);
  assert.equal(values(get(five, "-100:100:2")), [0, 2, 4]);
  assert.equal(values(get(five, "::-1")), [4, 3, 2, 1, 0]);
  assert.equal(values(get(five, slice(3, null, -2))), [3, 1]);
  assert.equal(values(get(five, "4:1")), []);
  assert.equal(values(get(five, slice(3))), [3, 4]);
});

test("a text, a Slice and null bounds say the same", () => {
  for (const [text, made] of [
    [":", slice()],
    ["1:", slice(1)],
    [":-1", slice(null, -1)],
    ["::3", slice(null, null, 3)],
    ["5:0:-2", slice(5, 0, -2)],
  ] as const)
    assert.equal(values(get(five, text)), values(get(five, made)), text);
});

test("out of range, a read takes the nearest element and a write is dropped", () => {
  assert.equal(values(get(five, 10)), [4]);
  assert.equal(values(get(five, -7)), [0]);
  assert.equal(values(get(five, array([7, -1, -9]))), [4, 4, 0]);
  assert.equal(values(at(five, array([7, -1])).set(9)), [0, 1, 2, 3, 9]);
  assert.equal(values(at(five, 5).set(9)), [0, 1, 2, 3, 4]);
  assert.equal(values(at(five, array([7, 1])).get({ mode: "fill", fillValue: -3 })), [-3, 1]);
  assert.equal(values(at(five, array([7])).get({ mode: "fill" })), [-(2 ** 31)]);
});

test("updates at equal places are all taken by add, min and max", () => {
  const places = array([1, 1, 3]);
  assert.equal(values(at(five, places).add(10)), [0, 21, 2, 13, 4]);
  assert.equal(values(at(five, places).max(array([2, 7, 0]))), [0, 7, 2, 3, 4]);
  assert.equal(values(at(five, places).min(array([2, -7, 9]))), [0, -7, 2, 3, 4]);
  assert.equal(values(at(five, places).multiply(3)), [0, 9, 2, 9, 4]);
  assert.equal(values(at(jnp.ones(3), 1).divide(4)), [1, 0.25, 1]);
});

test("an update keeps the array's dtype and broadcasts", () => {
  const updated = at(jnp.zeros([2, 3], { dtype: "bfloat16" }), ":", 1).set(1 / 3);
  assert.is(updated.dtype, "bfloat16");
  assert.equal(values(updated), [0, 0.333984375, 0, 0, 0.333984375, 0]);
  assert.equal(values(at(jnp.zeros([2, 2], { dtype: "uint8" }), 0).set(300)), [44, 44, 0, 0]);
});

test("two index arrays apart from each other move their axis to the front", () => {
  const ids = array([0, 1, 1]);
  assert.equal(get(grid, ids, ":", ids).shape, [3, 3]);
  assert.equal(values(get(grid, ids, ":", ids)), [0, 4, 8, 13, 17, 21, 13, 17, 21]);
  assert.equal(get(grid, ":", ids, ids).shape, [2, 3]);
});

test("null and newaxis add axes, ... stands for those not named", () => {
  assert.equal(get(grid, null, "...", "newaxis", 0).shape, [1, 2, 3, 1]);
  assert.equal(get(grid, "...", null).shape, [2, 3, 4, 1]);
  assert.equal(values(get(grid, "...", -1)), [3, 7, 11, 15, 19, 23]);
});

test("a mask of booleans picks its true places; it may stand for several axes", () => {
  assert.equal(values(get(five, [true, false, true, false, true])), [0, 2, 4]);
  const corners = [
    [true, false, false],
    [false, false, true],
  ];
  assert.equal(values(get(grid, corners)), [0, 1, 2, 3, 20, 21, 22, 23]);
  assert.equal(values(get(grid, 1, "...", [false, true, true, false])), [13, 17, 21, 14, 18, 22]);
  assert.equal(values(at(five, [false, true, true, false, false]).set(0)), [0, 0, 0, 3, 4]);
  assert.throws(
    () => get(five, [true, false]),
    /a mask must have the sizes of the axes .* got \[2\] at axis 0 of \[5\]/,
  );
});

test("typed arrays index", () => {
  assert.equal(values(get(five, new Int32Array([3, -1]))), [3, 4]);
  assert.equal(values(get(five, new Uint8Array([3, 0]))), [3, 0]);
});

test("what is no index is refused with what to do", () => {
  const fails = (index: unknown, type: new (message: string) => Error, pattern: RegExp): void => {
    const f = () => get(five, index as jnp.IndexEntry);
    assert.throws(f, (e: Error) => e instanceof type && pattern.test(e.message), String(pattern));
  };
  fails(1.5, DTypeError, /index: an index must be a whole number; got 1.5/);
  fails(true, DTypeError, /a boolean is no index/);
  fails(array([true, false, true, true, true]), DTypeError, /a boolean mask decides the shape .* got bool\[5\]/);
  fails(array([0.5]), DTypeError, /index arrays must be integers; got float32\[1\]/);
  fails([0, 1], DTypeError, /a list in an index must be a mask/);
  fails("abc", DTypeError, /text in an index must be a slice/);
  fails(
    slice(array(1) as unknown as number),
    ShapeError,
    /slice bounds must be whole numbers known while tracing; got int32\[\]/,
  );
  fails("::0", ShapeError, /step must not be 0/);
  assert.throws(() => get(five, 0, 0), /at most one entry an axis; got 2 for \[5\]/);
  assert.throws(() => get(five, "...", "..."), /at most one "\.\.\."/);
  assert.throws(() => get(jnp.zeros([0, 3]), 0), /an empty axis has no element/);
  assert.throws(
    () => at(five, 0).get({ mode: "wrap" as "clip" }),
    /mode must be one of fill, drop, clip, promise_in_bounds; got wrap/,
  );
  assert.throws(() => at(five, 0).set(jnp.zeros([3])), /broadcastTo: sizes must agree/);
});

test("take wraps negative indices and fills beyond the end", () => {
  const x = array([10, 20, 30]);
  assert.equal(values(jnp.take(x, array([0, -1, 3, -4]))), [10, 30, -(2 ** 31), -(2 ** 31)]);
  assert.equal(values(jnp.take(x, array([0, -1, 3]), { mode: "clip" })), [10, 10, 30]);
  assert.equal(values(jnp.take(x, array([-1, 3, 7]), { mode: "wrap" })), [30, 10, 20]);
  assert.equal(jnp.take(grid, array([[0, 1]]), { axis: 1 }).shape, [2, 1, 2, 4]);
  assert.throws(() => jnp.take(x, array([0.5])), /take: indices must be integers/);
  assert.throws(() => jnp.take(jnp.zeros([0]), array([0])), /an empty axis has no elements/);
});

test("takeAlongAxis broadcasts the axes that it does not index", () => {
  const x = array([
    [1, 2, 3],
    [4, 5, 6],
  ]);
  assert.equal(values(jnp.takeAlongAxis(x, array([[2], [0]]), { axis: 1 })), [3, 4]);
  assert.equal(values(jnp.takeAlongAxis(x, array([[1, 0, -1]]), { axis: 0 })), [4, 2, 6]);
  assert.throws(() => jnp.takeAlongAxis(x, array([0]), { axis: 0 }), /indices must have 2 axes/);
});

test("bincount counts, and drops what is beyond its length", () => {
  assert.equal(values(jnp.bincount(array([1, 1, 0, 7, -2]), { length: 3 })), [2, 2, 0]);
  assert.equal(values(jnp.bincount(array([1, 0, 1]), { length: 2, weights: array([0.5, 2, 1.25]) })), [2, 1.75]);
});

test.run();
