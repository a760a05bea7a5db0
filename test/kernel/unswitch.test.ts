/** Loops over an array that lies in several windows: which window is read is decided before them. */
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { DType } from "../../packages/jaxscale/src/base/dtypes.ts";
import { wgslText } from "../../packages/jaxscale/src/compile.ts";
import { type ArrayFunction, agreesScheduled, type Operands, programOf, type Schedule } from "../fuse/scheduled-as.ts";
import { randomNumbers, tensorOf } from "../tensors.ts";

type A = jax.Array;

/** Windows of 4 KiB. */
const small: Schedule = { limits: { maxStorageBufferBindingSize: 4096 } };

const floats = (shape: readonly number[], dtype: DType, seed: number) => {
  const next = randomNumbers(seed);
  return tensorOf(shape, dtype, () => 2 * next() - 1);
};

/** Chosen matrices times a vector, as experts have it. */
const gathered: ArrayFunction = (x, w, ids) => jax.numpy.einsum("h,kih->ki", x, w.at(ids).get());
const argsOf = (inner: number, depth: number, dtype: DType): Operands => [
  floats([depth], dtype, 1),
  floats([7, inner, depth], dtype, 2),
  tensorOf([4], "int32", (i) => [6, 0, 3, 2][i]),
];

/** The greatest depth of loops that a branch between windows is inside of. */
function branchesInLoops(wgsl: string): number {
  let [depth, most] = [0, 0];
  const open: boolean[] = [];
  for (const line of wgsl.split("\n")) {
    if (/^\s*}/.test(line) && open.pop()) depth--;
    if (/^\s*if \(/.test(line)) most = Math.max(most, depth);
    if (!line.trimEnd().endsWith("{")) continue;
    const isLoop = /^\s*for \(/.test(line);
    open.push(isLoop);
    if (isLoop) depth++;
  }
  return most;
}

test("rows that windows hold whole are read in loops without a branch", async () => {
  const wgsl = wgslText(await programOf(gathered, argsOf(8, 64, "float32"), small));
  assert.match(wgsl, "in2_1");
  assert.is(branchesInLoops(wgsl), 0);
});

test("rows that cross windows are still right, and so are dtypes, odd sizes and sums of columns", async () => {
  const coarse = { abs: 0.05, rel: 0.02 };
  await agreesScheduled(gathered, argsOf(8, 64, "float32"), small);
  await agreesScheduled(gathered, argsOf(12, 48, "float32"), small);
  await agreesScheduled(gathered, argsOf(9, 33, "float32"), small);
  await agreesScheduled(gathered, argsOf(12, 96, "bfloat16"), small, coarse);
  await agreesScheduled((a: A) => a.sum({ axis: 0 }), [floats([80, 64], "float32", 3)], small);
});

test("lanes that share what they load choose together", async () => {
  const f: ArrayFunction = (x, w) => x.dot(w);
  const args = [floats([12, 96], "float32", 4), floats([96, 40], "float32", 5)];
  for (const parameters of [{ tileShared: true, tileRows: 8 }, { tileShared: false }, { tileStaged: 8 }])
    await agreesScheduled(f, args, { ...small, parameters });
});

test.run();
