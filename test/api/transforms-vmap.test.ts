import { test } from "uvu";
import * as assert from "uvu/assert";
import { grad } from "../../packages/jaxscale/src/api/grad.ts";
import * as jnp from "../../packages/jaxscale/src/api/numpy/index.ts";
import { vmap } from "../../packages/jaxscale/src/api/vmap.ts";
import { type A, array, counting, near, scalar, values } from "./transforms-arrays.ts";

const dot = (x: A, y: A): A => jnp.dot(x, y);

test("inAxes say which axis of each argument is mapped, null that none is", () => {
  const [m, v] = [counting([2, 3]), array([1, 10, 100])];
  assert.equal(values(vmap(dot, { inAxes: [0, null] })(m, v)), [210, 543]);
  assert.equal(values(vmap(dot, { inAxes: [1, null] })(m, array([1, 10]))), [30, 41, 52]);
  assert.equal(values(vmap(dot, { inAxes: [-1, -1] })(m, m)), [9, 17, 29]);
});

test("outAxes say where results are stacked", () => {
  const f = (x: A): A => x.mul(counting([3]));
  assert.equal(vmap(f)(counting([2])).shape, [2, 3]);
  const turned = vmap(f, { outAxes: 1 })(counting([2]));
  assert.equal(
    [turned.shape, values(turned)],
    [
      [3, 2],
      [0, 0, 0, 1, 0, 2],
    ],
  );
  assert.equal(vmap(f, { outAxes: -1 })(counting([2])).shape, [3, 2]);
  assert.equal(vmap(() => scalar(7), { outAxes: null, axisSize: 4 })().shape, []);
  assert.equal(values(vmap(() => scalar(7), { axisSize: 2 })()), [7, 7]);
});

test("axes may be trees that are prefixes of arguments and results", () => {
  const f = ({ a, b }: { a: A; b: A[] }, c: A): { sum: A; all: A[] } => ({ sum: a.add(b[0]).add(c), all: b });
  const out = vmap(f, { inAxes: [{ a: 0, b: null }, 0], outAxes: { sum: 0, all: null } })(
    { a: counting([2]), b: [scalar(10), scalar(20)] },
    array([100, 200]),
  );
  assert.equal([values(out.sum), ...out.all.map(values)], [[110, 211], [10], [20]]);
  assert.throws(() => vmap(f, { inAxes: [{ a: 0 }, 0] as never })({ a: scalar(1), b: [] }, scalar(1)), TypeError);
});

test("what is not mapped may be no array at all", () => {
  const f = (x: A, mode: string): A => (mode === "double" ? x.mul(2) : x);
  assert.equal(values(vmap(f, { inAxes: [0, null] })(counting([2]), "double")), [0, 2]);
});

test("nested maps are a loop in a loop", () => {
  const outer = vmap(
    vmap((x: A, y: A) => x.mul(y), { inAxes: [null, 0] }),
    { inAxes: [0, null] },
  );
  assert.equal(values(outer(array([1, 2]), array([3, 4, 5]))), [3, 4, 5, 6, 8, 10]);
});

test("a map of a gradient is the gradient of each element, closing over tracers of an outer map", () => {
  const f = (w: A, x: A): A => jnp.sum(jnp.sin(x.mul(w)));
  const rows = counting([2, 2]);
  const each = vmap(grad(f), { inAxes: [null, 0] })(scalar(0.5), rows);
  const want = [
    [0, 1],
    [2, 3],
  ].map((row) => row.reduce((total, x) => total + x * Math.cos(x * 0.5), 0));
  assert.ok(near(each, want));
  const closing = vmap((w: A) => vmap((x: A) => w.mul(x))(rows));
  assert.equal(values(closing(array([1, 10]))), [0, 1, 2, 3, 0, 10, 20, 30]);
});

test("sizes that differ are refused, with the places", () => {
  assert.throws(
    () => vmap(dot)(counting([2, 3]), counting([4, 3])),
    (e: Error) =>
      e.name === "ShapeError" &&
      e.message ===
        "vmap: got inconsistent sizes for array axes to be mapped: axis 0 of args[0] (float32[2,3]) = 2, axis 0 of args[1] (float32[4,3]) = 4",
  );
  assert.throws(() => vmap(dot, { axisSize: 3 })(counting([2]), counting([2])), /inconsistent sizes .*axisSize = 3/);
});

test("an axis that is not there, none at all, and a result that cannot be unmapped are refused", () => {
  assert.throws(
    () => vmap((x: A) => x, { inAxes: 1 })(counting([2])),
    /along axis 1 implies that its rank is at least 2; got rank 1/,
  );
  assert.throws(() => vmap((x: A) => x, { inAxes: null })(counting([2])), /at least one argument must have an axis/);
  assert.throws(() => vmap((x: A) => x, { outAxes: null })(counting([2])), /needs an axis in outAxes; got null/);
  assert.throws(() => vmap((x: A) => x, { outAxes: 2 })(counting([2])), /outAxes must be in \[-1, 1\); got 2/);
});

test("axes of size 0 and 1 are mapped like any other", () => {
  assert.equal(vmap(dot)(counting([0, 3]), counting([0, 3])).shape, [0]);
  assert.equal(values(vmap(dot)(counting([1, 3]), counting([1, 3]))), [5]);
});

test.run();
