/** The largest of short rows, where the invocations of a team count what comes before each element. */
import { lax } from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Shape } from "../../packages/jaxscale/src/base/shapes.ts";
import type { HostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import { randomNumbers, tensorOf } from "../tensors.ts";
import { agreesScheduled, kernelsOf, type Schedule, smallestLimits } from "./scheduled-as.ts";

const random = randomNumbers(37);
const specials = [Number.NaN, -0, 0, Infinity, -Infinity];
const among = (values: readonly number[]): number => values[Math.floor(values.length * random())];
/** Many ties; floats with NaN, zeros of both signs and infinities among them. */
const tied = (shape: Shape, dtype: "float32" | "bfloat16" | "int32"): HostTensor =>
  tensorOf(shape, dtype, () => (dtype !== "int32" && random() < 0.3 ? among(specials) : Math.floor(16 * random()) - 8));

const onGpu: Schedule = { onGpu: true, limits: smallestLimits };

async function agrees(x: HostTensor, k: number, schedule = onGpu, axis = -1): Promise<void> {
  for (const result of [0, 1]) await agreesScheduled((a) => lax.topK(a, k, { axis })[result], [x], schedule, {});
}

const kernels = (shape: Shape, schedule?: Schedule, axis = -1): Promise<readonly string[]> =>
  kernelsOf((a) => lax.topK(a, 1, { axis })[0], [tied(shape, "float32")], schedule);

test("a team takes a short row on GPUs only", async () => {
  assert.equal(await kernels([3, 64], onGpu), ["top_k_ranks_float32"]);
  assert.equal(await kernels([3, 64]), ["top_k_float32"]);
  assert.equal(await kernels([3, 513], onGpu), ["top_k_chunks_float32", "top_k_float32"]);
  assert.equal(await kernels([64, 3], onGpu, 0), ["top_k_float32"]);
});

for (const columns of [1, 2, 37, 64, 257, 512])
  test(`rows of ${columns}, of which one, some and all are taken`, async () => {
    for (const k of new Set([1, Math.min(8, columns), columns]))
      for (const dtype of ["float32", "bfloat16", "int32"] as const) await agrees(tied([7, columns], dtype), k);
  });

test("rows that fill the last workgroup in part, and more of them than a grid is wide", async () => {
  for (const rows of [1, 5, 129]) await agrees(tied([rows, 64], "float32"), 4);
  await agrees(tied([3, 11, 5], "bfloat16"), 3);
  await agrees(tied([701, 3], "float32"), 2, {
    ...onGpu,
    limits: { ...smallestLimits, maxComputeWorkgroupsPerDimension: 4 },
  });
});

test("a team smaller than its row", () =>
  agrees(tied([5, 37], "float32"), 6, { ...onGpu, parameters: { rowWorkgroup: 8 } }));

test("NaN first, then infinity; of equal elements the first; -0 after 0", async () => {
  const row = [-0, 0, 1, -Infinity, Number.NaN, 0, Infinity, 1, -0, Number.NaN];
  const x = tensorOf([1, row.length], "float32", (i) => row[i]);
  await agrees(x, row.length);
  await agrees(
    tensorOf([2, 64], "int32", () => -(2 ** 31)),
    5,
  );
});

test("no rows, and none of their elements", async () => {
  await agrees(tied([0, 64], "float32"), 4);
  await agrees(tied([3, 64], "float32"), 0);
});

test.run();
