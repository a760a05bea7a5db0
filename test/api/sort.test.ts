import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";

const { grad, jit, lax, numpy: jnp, vmap } = jax;
type A = jax.Array;

const list = (x: A): Promise<unknown> => (x as jax.DeviceArray).toList();
const lists = (xs: readonly A[]): Promise<unknown[]> => Promise.all(xs.map(list));

const x = jnp.array([3, 1, Number.NaN, 2, 1, -Infinity]);

test("sorting puts NaN last, first if descending; equal elements keep their order", async () => {
  assert.equal(await list(jnp.sort(x)), [-Infinity, 1, 1, 2, 3, Number.NaN]);
  assert.equal(await list(jnp.sort(x, { descending: true })), [Number.NaN, 3, 2, 1, 1, -Infinity]);
  assert.equal(await list(jnp.argsort(x)), [5, 1, 4, 3, 0, 2]);
  assert.equal(await list(jnp.argsort(x, { descending: true })), [2, 0, 3, 1, 4, 5]);
});

test("axis null sorts the flattened array", async () => {
  const m = jnp.array([
    [3, 1],
    [2, 0],
  ]);
  assert.equal(await list(jnp.sort(m, { axis: null })), [0, 1, 2, 3]);
  assert.equal(await list(jnp.sort(m, { axis: 0 })), [
    [2, 0],
    [3, 1],
  ]);
});

test("operands move together, ordered by the leading keys", async () => {
  const [a, b] = [jnp.array([1, 0, 1, 0]), jnp.array([2, 9, 1, 8])];
  assert.equal(await lists(lax.sort([a, b], { numKeys: 2 })), [
    [0, 0, 1, 1],
    [8, 9, 1, 2],
  ]);
  assert.equal(await lists(lax.sortKeyVal(a, b)), [
    [0, 0, 1, 1],
    [9, 8, 2, 1],
  ]);
  assert.equal(await list(jnp.lexsort([b, a])), [3, 1, 2, 0]);
});

test("the top k come in falling order, NaN first, of equal ones the first", async () => {
  assert.equal(await lists(lax.topK(jnp.array([1, 5, 5, Number.NaN, 2]), 4)), [
    [Number.NaN, 5, 5, 2],
    [3, 1, 2, 4],
  ]);
});

test("sizes and axes that do not fit are refused, with the sizes", () => {
  assert.throws(
    () => lax.topK(jnp.arange(3), 4),
    /top_k: k must be in \[0, 3\], the size of the axis; got 4 for int32\[3\]/,
  );
  assert.throws(() => lax.topK(jnp.float(1), 1), /top_k: the operand must have an axis; got float32\[\]/);
  assert.throws(
    () => lax.sort([jnp.arange(3), jnp.arange(4)]),
    /operands must have equal shapes; got int32\[3\] and int32\[4\]/,
  );
  assert.throws(() => lax.sort([jnp.arange(3)], { numKeys: 2 }), /num_keys must be in \[1, 1\]/);
  assert.throws(() => jnp.sort(jnp.arange(3), { axis: 1 }), /axis must be in \[-1, 1\); got 1/);
  assert.throws(() => jnp.unique(jnp.arange(3)), /unique: size must be given/);
  assert.throws(() => jnp.nonzero(jnp.arange(3)), /nonzero: size must be given/);
  assert.throws(() => jnp.searchsorted(jnp.zeros([2, 2]), 1), /x must be a vector/);
  assert.throws(() => jnp.partition(jnp.arange(3), 3), /kth must be in \[-3, 3\); got 3/);
});

const sorted = jnp.array([1, 2, 2, 5, Number.NaN]);
const query = jnp.array([0, 2, 5, 6, Number.NaN]);
for (const method of ["scan", "compare_all", "sort"] as const)
  test(`values find their places by method ${method}`, async () => {
    const places = (side: "left" | "right"): Promise<unknown> =>
      list(jnp.searchsorted(sorted, query, { side, method }));
    assert.equal(await places("left"), [0, 1, 3, 4, 4]);
    assert.equal(await places("right"), [0, 3, 4, 4, 5]);
  });

test("values find their places through a sorter, and in falling bins", async () => {
  const mixed = jnp.array([5, 1, 2]);
  assert.equal(await list(jnp.searchsorted(mixed, jnp.array([2, 4]), { sorter: jnp.argsort(mixed) })), [1, 2]);
  assert.equal(await list(jnp.digitize(jnp.array([0.5, 1, 3]), jnp.array([0, 1, 2]))), [1, 2, 3]);
  assert.equal(await list(jnp.digitize(jnp.array([0.5, 1, 3]), jnp.array([2, 1, 0]))), [2, 1, 0]);
});

test("distinct elements come with their first places, counts and the way back", async () => {
  const values = jnp.array([3, 1, 3, 2, 1, 3]);
  const parts = jnp.unique(values, {
    size: 4,
    fillValue: -1,
    returnIndex: true,
    returnInverse: true,
    returnCounts: true,
  });
  assert.equal(await lists(parts as A[]), [
    [1, 2, 3, -1],
    [1, 3, 0, 1],
    [2, 0, 2, 1, 0, 2],
    [2, 1, 3, 0],
  ]);
  assert.equal(await list(jnp.unique(values, { size: 2 })), [1, 2]);
  assert.equal(await list(jnp.unique(values, { size: 5 })), [1, 2, 3, 1, 1]);
});

test("distinct rows", async () => {
  const rows = jnp.array([
    [1, 2],
    [0, 5],
    [1, 2],
    [0, 3],
  ]);
  assert.equal(await list(jnp.unique(rows, { size: 3, axis: 0 })), [
    [0, 3],
    [0, 5],
    [1, 2],
  ]);
});

test("NaN are one distinct element unless told otherwise", async () => {
  const values = jnp.array([Number.NaN, 1, Number.NaN]);
  assert.equal(await list(jnp.unique(values, { size: 2 })), [1, Number.NaN]);
  assert.equal(await list(jnp.uniqueValues(values, { size: 3 })), [1, Number.NaN, Number.NaN]);
});

test("places of what is not 0 come in row-major order, missing ones filled", async () => {
  const m = jnp.array([
    [0, 7, 0],
    [1, 0, 2],
  ]);
  assert.equal(await lists(jnp.nonzero(m, { size: 4 })), [
    [0, 1, 1, 0],
    [1, 0, 2, 0],
  ]);
  assert.equal(await lists(jnp.nonzero(m, { size: 4, fillValue: [2, -1] })), [
    [0, 1, 1, 2],
    [1, 0, 2, -1],
  ]);
  assert.equal(await list(jnp.flatnonzero(m, { size: 2 })), [1, 3]);
  assert.equal(await list(jnp.argwhere(m, { size: 2 })), [
    [0, 1],
    [1, 0],
  ]);
  assert.equal(await list(jnp.extract(jnp.greater(m, 1), m, { size: 3, fillValue: -1 })), [7, 2, -1]);
});

test("medians and quantiles lie between elements; NaN spoils a row unless skipped", async () => {
  const m = jnp.array([
    [4, 1, 3, 2],
    [5, Number.NaN, 1, 3],
  ]);
  assert.equal(await list(jnp.median(m, { axis: 1 })), [2.5, Number.NaN]);
  assert.equal(await list(jnp.nanmedian(m, { axis: 1, keepdims: true })), [[2.5], [3]]);
  assert.equal(await list(jnp.median(jnp.array([3, 1, 2]))), 2);
  const q = (method: "linear" | "lower" | "higher" | "nearest" | "midpoint"): Promise<unknown> =>
    list(jnp.quantile(jnp.array([10, 20, 30, 40]), 0.25, { method }));
  assert.equal([await q("linear"), await q("lower"), await q("higher"), await q("midpoint")], [17.5, 10, 20, 15]);
  assert.equal(await list(jnp.percentile(jnp.array([0, 10]), jnp.array([0, 50, 100]))), [0, 5, 10]);
});

test("the derivative of a sort is the tangents in its order; of the top k those chosen", async () => {
  const weights = jnp.array([1, 10, 100]);
  const v = jnp.array([2, 3, 1], { dtype: "float32" });
  const bySort = grad((y: A) => jnp.sum(jnp.sort(y).mul(weights)));
  assert.equal(await list(bySort(v) as A), [10, 100, 1]);
  const byTop = grad((y: A) => jnp.sum(lax.topK(y, 2)[0].mul(jnp.array([1, 10]))));
  assert.equal(await list(byTop(v) as A), [10, 1, 0]);
});

test("a batch is sorted row by row, along any axis of it", async () => {
  const m = jnp.array([
    [3, 1, 2],
    [6, 5, 4],
  ]);
  const order = vmap((row: A) => lax.topK(row, 2)[1]);
  assert.equal(await list(order(m) as A), [
    [0, 2],
    [0, 1],
  ]);
  const columns = vmap((column: A) => jnp.sort(column), { inAxes: 1, outAxes: 1 });
  assert.equal(await list(columns(m) as A), [
    [3, 1, 2],
    [6, 5, 4],
  ]);
});

test("sorts fuse what makes their operand, and work under jit", async () => {
  const f = jit((y: A) => jnp.argsort(jnp.abs(y.sub(3)).neg()));
  assert.equal(await list(f(jnp.array([0, 1, 9]))), [2, 0, 1]);
});

test.run();
