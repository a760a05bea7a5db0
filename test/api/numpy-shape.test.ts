import { test } from "uvu";
import * as assert from "uvu/assert";
import * as jnp from "../../packages/jaxscale/src/api/numpy/index.ts";
import { DTypeError, ShapeError } from "../../packages/jaxscale/src/base/errors.ts";
import type { Array as TracedArray } from "../../packages/jaxscale/src/trace/array.ts";
import { tensorOf } from "./host-backend.ts";

const { array } = jnp;
const values = (x: TracedArray): number[] => [...tensorOf(x).values];
const typeOf = (x: TracedArray): string => `${x.dtype}${x.weakType ? "*" : ""}[${x.shape}]`;
const six = jnp.reshape(jnp.arange(6), [2, 3]);

test("array types: whole numbers are int32, others float32; only a bare number is weak", () => {
  assert.is(typeOf(array([1, 2])), "int32[2]");
  assert.is(typeOf(array([1, 2.5])), "float32[2]");
  assert.is(typeOf(array([[true], [false]])), "bool[2,1]");
  assert.is(typeOf(array([true, 2])), "int32[2]");
  assert.is(typeOf(array([])), "float32[0]");
  assert.is(typeOf(array(1)), "int32*[]");
  assert.is(typeOf(array(1.5)), "float32*[]");
  assert.is(typeOf(array(true)), "bool[]");
  assert.is(typeOf(array(1, { dtype: "bfloat16" })), "bfloat16[]");
  assert.is(typeOf(array([jnp.ones(2), [1, 2]])), "float32[2,2]");
  assert.is(typeOf(array([Number.NaN])), "float32[1]");
});

test("typed arrays keep their type, 64-bit ones are narrowed", () => {
  assert.is(typeOf(array(new Float64Array([0.1]))), "float32[1]");
  assert.equal(values(array(new Float64Array([0.1]))), [Math.fround(0.1)]);
  assert.is(typeOf(array(new Uint8Array([255]))), "uint8[1]");
  assert.is(typeOf(array(new Int16Array([-5]))), "int16[1]");
  assert.equal(values(array(new BigInt64Array([-3n]))), [-3]);
  assert.equal(values(array(new Float32Array([1.7, -1.7, Number.NaN]), { dtype: "int32" })), [1, -1, 0]);
  assert.equal(values(array(new Float32Array([0.1]), { dtype: "bfloat16" })), [0.10009765625]);
});

test("a list is copied, not watched", () => {
  const source = new Float32Array([1, 2]);
  const x = array(source);
  source[0] = 9;
  assert.equal(values(x), [1, 2]);
});

test("data that cannot be an array is refused", () => {
  assert.throws(
    () => array([[1, 2], [3]]),
    (e: Error) => e instanceof ShapeError && /rows must be of one shape; got \[2\], \[1\]/.test(e.message),
  );
  assert.throws(
    () => array(["a"] as never),
    (e: Error) => e instanceof DTypeError && /data must be numbers/.test(e.message),
  );
  assert.throws(() => array([300], { dtype: "uint8" }), /whole numbers must be in \[0, 255\] for uint8; got 300/);
  assert.throws(() => array([2 ** 31]), /whole numbers must be in .* for int32; got 2147483648/);
  assert.throws(() => jnp.zeros(2, { dtype: "float64" as "float32" }), /dtype must be one that this library has/);
  assert.throws(() => jnp.zeros([-1]), /sizes must be whole numbers/);
});

test("arange has ceil((stop − start) / step) numbers", () => {
  assert.equal(values(jnp.arange(0, 1, 0.1)).length, 10);
  assert.equal(values(jnp.arange(5, 2)), []);
  assert.equal(values(jnp.arange(10, 0, -3)), [10, 7, 4, 1]);
  assert.is(typeOf(jnp.arange(2.5)), "float32[3]");
  assert.throws(() => jnp.arange(0, 1, 0), /step must not be 0/);
  assert.throws(() => jnp.arange(array(3) as unknown as number), /must be numbers; got int32\[\]/);
});

test("linspace ends exactly at stop", () => {
  assert.equal(values(jnp.linspace(0, 1, 5)), [0, 0.25, 0.5, 0.75, 1]);
  assert.is(values(jnp.linspace(0, 0.1, 7)).at(-1), Math.fround(0.1));
  assert.equal(jnp.linspace(jnp.zeros(2), 1, 3).shape, [3, 2]);
  assert.equal(jnp.linspace(jnp.zeros(2), 1, 3, { axis: 1 }).shape, [2, 3]);
  assert.equal(values(jnp.logspace(0, 2, 3, { base: 2 })), [1, 2, 4]);
});

test("reshape finds the one size left open", () => {
  assert.equal(jnp.reshape(six, [3, -1]).shape, [3, 2]);
  assert.equal(jnp.reshape(six, -1).shape, [6]);
  assert.equal(jnp.reshape(jnp.zeros([0, 3]), [3, -1]).shape, [3, 0]);
  assert.throws(() => jnp.reshape(six, [4, -1]), /reshape: sizes must multiply to 6; got \[4,-1\] for int32\[2,3\]/);
  assert.throws(() => jnp.reshape(six, [-1, -1]), /only one size may be -1/);
});

test("moveaxis, swapaxes, transpose agree with axis names", () => {
  const x = jnp.zeros([2, 3, 4, 5]);
  assert.equal(jnp.moveaxis(x, 0, -1).shape, [3, 4, 5, 2]);
  assert.equal(jnp.moveaxis(x, [0, 1], [2, 0]).shape, [3, 4, 2, 5]);
  assert.equal(jnp.swapaxes(x, 1, -1).shape, [2, 5, 4, 3]);
  assert.equal(jnp.transpose(x).shape, [5, 4, 3, 2]);
  assert.equal(jnp.transpose(x, [1, 0, -1, 2]).shape, [3, 2, 5, 4]);
  assert.throws(() => jnp.transpose(x, [0, 0, 1, 2]), /axes must be a permutation/);
});

test("squeeze and broadcastTo refuse sizes that do not fit", () => {
  assert.equal(jnp.squeeze(jnp.zeros([1, 2, 1]), -1).shape, [1, 2]);
  assert.throws(() => jnp.squeeze(six, 0), /squeeze/);
  assert.throws(() => jnp.broadcastTo(six, [3, 3]), /broadcastTo: .* got int32\[2,3\] and \[3,3\]/);
});

test("concatenate and stack promote", () => {
  assert.is(typeOf(jnp.concatenate([six, jnp.ones([1, 3])])), "float32[3,3]");
  assert.is(typeOf(jnp.stack([jnp.zeros(2, { dtype: "bfloat16" }), jnp.full(2, 1.5)], 1)), "bfloat16[2,2]");
  assert.throws(() => jnp.concatenate([]), /at least one array/);
  assert.throws(() => jnp.concatenate([six, jnp.zeros([1, 2])]), /sizes must agree/);
  assert.throws(() => jnp.stack([six, jnp.zeros(3)]), /arrays must have one shape; got/);
});

test("split cuts in equal pieces or at points", () => {
  assert.equal(jnp.split(jnp.arange(6), 3).map(values), [
    [0, 1],
    [2, 3],
    [4, 5],
  ]);
  assert.equal(jnp.split(jnp.arange(6), [1, 4]).map(values), [[0], [1, 2, 3], [4, 5]]);
  assert.equal(jnp.arraySplit(jnp.arange(5), 3).map(values), [[0, 1], [2, 3], [4]]);
  assert.throws(() => jnp.split(jnp.arange(5), 2), /must divide the axis; got 2/);
});

test("repeat with counts cuts or fills up to its length", () => {
  const x = array([10, 20, 30]);
  assert.equal(values(jnp.repeat(x, array([1, 0, 2]), { totalRepeatLength: 3 })), [10, 30, 30]);
  assert.equal(values(jnp.repeat(x, array([1, 0, 2]), { totalRepeatLength: 5 })), [10, 30, 30, 30, 30]);
  assert.equal(values(jnp.repeat(x, [2, 1, 0])), [10, 10, 20]);
  assert.throws(() => jnp.repeat(x, array([1, 0, 2])), /totalRepeatLength/);
});

test("tile, roll, flip and rot90 move elements", () => {
  assert.equal(values(jnp.tile(array([1, 2]), [2, 2])), [1, 2, 1, 2, 1, 2, 1, 2]);
  assert.equal(values(jnp.roll(jnp.arange(5), 2)), [3, 4, 0, 1, 2]);
  assert.equal(values(jnp.roll(jnp.arange(5), array(-1))), [1, 2, 3, 4, 0]);
  assert.equal(values(jnp.flip(six)), [5, 4, 3, 2, 1, 0]);
  assert.equal(values(jnp.rot90(six)), [2, 5, 1, 4, 0, 3]);
  assert.equal(values(jnp.rot90(six, -1)), [3, 0, 4, 1, 5, 2]);
});

test("pad takes values from the edges", () => {
  const x = array([1, 2, 3]);
  const padded = (mode: jnp.PadMode, options = {}): number[] => values(jnp.pad(x, [2, 3], { mode, ...options }));
  assert.equal(padded("constant", { constantValues: [7, 8] }), [7, 7, 1, 2, 3, 8, 8, 8]);
  assert.equal(padded("edge"), [1, 1, 1, 2, 3, 3, 3, 3]);
  assert.equal(padded("reflect"), [3, 2, 1, 2, 3, 2, 1, 2]);
  assert.equal(padded("symmetric"), [2, 1, 1, 2, 3, 3, 2, 1]);
  assert.equal(padded("wrap"), [2, 3, 1, 2, 3, 1, 2, 3]);
  assert.equal(padded("maximum"), [3, 3, 1, 2, 3, 3, 3, 3]);
  assert.equal(padded("reflect", { reflectType: "odd" }), [-1, 0, 1, 2, 3, 4, 5, 6]);
  assert.throws(() => jnp.pad(x, -1), /widths must be whole numbers of at least 0/);
  assert.throws(() => jnp.pad(jnp.zeros([0]), 1, { mode: "edge" }), /needs elements/);
});

test("diagonals and triangles", () => {
  assert.equal(values(jnp.eye(2, 3, { k: 1 })), [0, 1, 0, 0, 0, 1]);
  assert.equal(values(jnp.diag(array([1, 2]), -1)), [0, 0, 0, 1, 0, 0, 0, 2, 0]);
  assert.equal(values(jnp.diag(six, 1)), [1, 5]);
  assert.equal(values(jnp.trace(six)), [4]);
  assert.equal(values(jnp.tril(six)), [0, 0, 0, 3, 4, 0]);
  assert.equal(values(jnp.triu(six, 1)), [0, 1, 2, 0, 0, 5]);
  assert.throws(() => jnp.tril(jnp.zeros(3)), /at least 2 axes/);
});

test.run();
