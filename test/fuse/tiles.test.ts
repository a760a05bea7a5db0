/** Matrix products whose rows do not fill their tiles, and what follows them in the same kernel. */
import { jit, numpy as jnp, ShapeDtypeStruct } from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { lavapipe } from "../golden/targets.ts";
import { randomNumbers, tensorOf } from "../tensors.ts";
import { type ArrayFunction, agreesScheduled, programOf, type Schedule, smallestLimits } from "./scheduled-as.ts";

const random = randomNumbers(29);
const floats = (...shape: number[]) => tensorOf(shape, "float32", () => random() - 0.5);
const product: ArrayFunction = (x, w, b, r) => jnp.tanh(x.dot(w).add(b)).mul(r);

const schedules: Readonly<Record<string, Schedule["parameters"]>> = {
  "as they are": {},
  "of 4 rows, all written at once": { tileRows: 4, tileRowsWritten: 4 },
  "of 8 rows, written one by one": { tileRows: 8, tileRowsWritten: 1 },
  "of 8 rows, written by threes": { tileRows: 8, tileRowsWritten: 3, tileShared: false },
};

for (const [what, parameters] of Object.entries(schedules))
  test(`products of 3, 7 and 17 rows in tiles ${what}`, async () => {
    for (const rows of [3, 7, 17])
      await agreesScheduled(product, [floats(rows, 5), floats(5, 12), floats(12), floats(rows, 12)], { parameters });
  });

/** Steps along the depth in the text of the kernel of `f` of two matrices of n × n. */
function unrolledSteps(f: ArrayFunction, n: number): number {
  const matrix = new ShapeDtypeStruct([n, n], "float32");
  const text = jit(f).lower(matrix, matrix).asText("wgsl", lavapipe);
  return [...text.matchAll(/subgroupBroadcast\(/g)].length / 16;
}

test("steps along the depth are unrolled only where an operand lies along it, and the product is large", () => {
  assert.is(
    unrolledSteps((x, y) => x.dot(y.T), 256),
    4,
  );
  assert.is(
    unrolledSteps((x, y) => x.dot(y), 256),
    4,
  );
  assert.is(
    unrolledSteps((x, y) => x.T.dot(y), 256),
    1,
  );
  assert.is(
    unrolledSteps((x, y) => x.dot(y.T), 64),
    1,
  );
});

test("a large product whose operands lie along the depth", async () => {
  await agreesScheduled((x, w) => x.dot(w.T), [floats(33, 64), floats(1024, 64)], {});
});

const staged = { tileShared: false, tileStaged: 16, tileRows: 4, tileRowsWritten: 4, tileColumns: 4 };

for (const [what, lanes] of [
  ["large", 16],
  ["small", 8],
] as const)
  test(`products through shared memory in ${what} tiles, whichever way their operands lie`, async () => {
    const parameters = { ...staged, tileLanes: lanes, tileLaneRows: lanes };
    for (const rows of [33, 70]) {
      await agreesScheduled((x, w) => x.dot(w), [floats(rows, 48), floats(48, 132)], { parameters });
      await agreesScheduled((x, w) => x.dot(w.T), [floats(rows, 64), floats(132, 64)], { parameters });
      await agreesScheduled((x, w) => x.T.dot(w), [floats(40, rows), floats(40, 68)], { parameters });
    }
  });

test("products through shared memory in batches, of packed and of whole numbers, with work fused into loads and stores", async () => {
  const parameters = { ...staged, tileLanes: 8, tileLaneRows: 8 };
  const halves = (...shape: number[]) => tensorOf(shape, "bfloat16", () => Math.round(16 * random()) / 16);
  const wholes = (...shape: number[]) => tensorOf(shape, "int32", () => Math.floor(random() * 100) - 50);
  await agreesScheduled((x, w) => jnp.einsum("bqd,bkd->bqk", x, w), [floats(3, 40, 32), floats(3, 36, 32)], {
    parameters,
  });
  await agreesScheduled((x, w) => x.dot(w.T).astype("float32"), [halves(40, 64), halves(72, 64)], { parameters });
  await agreesScheduled((x, w) => x.dot(w), [wholes(40, 24), wholes(24, 64)], { parameters });
  await agreesScheduled(
    (x, w, b, r) => jnp.tanh(jnp.exp(x).dot(w.mul(2)).add(b)).mul(r),
    [floats(41, 16), floats(16, 64), floats(64), floats(41, 64)],
    { parameters },
  );
});

test("products of few columns with long rows have wide workgroups on a GPU, as far as shared memory goes", async () => {
  const smallest: Schedule = { onGpu: true, limits: smallestLimits };
  const f: ArrayFunction = (x, w) => x.dot(w.T);
  const lanes = async (rows: number, columns: number, depth: number): Promise<number> => {
    const { kernels } = await programOf(f, [floats(rows, depth), floats(columns, depth)], smallest);
    return kernels[0].workgroupSize[0];
  };
  assert.is(await lanes(1, 256, 1024), 256);
  assert.is(await lanes(1, 256, 260), 64);
  assert.is(await lanes(1, 8192, 1024), 64);
  // 8 rows × 4 columns × 128 lanes × 4 bytes are all that 16 KiB hold.
  assert.is(await lanes(8, 256, 1024), 128);
  for (const [rows, columns, depth] of [
    [1, 5, 1024],
    [3, 7, 519],
    [8, 9, 516],
  ])
    await agreesScheduled(f, [floats(rows, depth), floats(columns, depth)], smallest);
});

test.run();
