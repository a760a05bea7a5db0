/** Attention kernels against the formula, run by the reference interpreter. */
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { DType } from "../../packages/jaxscale/src/base/dtypes.ts";
import type { HostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import { randomNumbers, tensorOf } from "../tensors.ts";
import {
  agreesScheduled,
  kernelsOf,
  type Operands,
  runScheduled,
  type Schedule,
  smallestLimits,
} from "./scheduled-as.ts";

const { nn, lax } = jax;
type A = jax.Array;
type Options = Parameters<typeof nn.dotProductAttention>[3];

const floats = (shape: number[], dtype: DType, seed: number): HostTensor => {
  const next = randomNumbers(seed);
  return tensorOf(shape, dtype, () => 4 * next() - 2);
};
const bools = (shape: number[], seed: number): HostTensor => {
  const next = randomNumbers(seed);
  return tensorOf(shape, "bool", () => Number(next() < 0.6));
};
const integers = (...values: number[]): HostTensor => tensorOf([values.length], "int32", (i) => values[i]);

/** @param sizes B, T, S, N, K, H, V */
const operands = ([b, t, s, n, k, h, v]: readonly number[], dtype: DType = "float32"): Operands => [
  floats([b, t, n, h], dtype, 1),
  floats([b, s, k, h], dtype, 2),
  floats([b, s, k, v], dtype, 3),
];
const attend =
  (options: (others: A[]) => Options = () => ({})) =>
  (...[q, k, v, ...others]: A[]): A =>
    nn.dotProductAttention(q, k, v, options(others));

const coarse = { abs: 0.03, rel: 0.02 };
const exactZeros = { abs: 2e-5, rel: 1e-5, anyZero: true };

/** Slow where each workgroup of many invocations runs on a CPU. */
const onGpus: Readonly<Record<string, Schedule>> = {
  "as on a GPU": { onGpu: true, limits: smallestLimits },
  "as on a GPU with little shared memory and no subgroups": {
    onGpu: true,
    withoutSubgroups: true,
    parameters: { attentionRows: 3, attentionLanes: 64, attentionDepth: 8, attentionPart: 64 },
    limits: { maxComputeWorkgroupStorageSize: 4096 },
  },
};

/** The ways in which a kernel may be scheduled. */
const schedules: Readonly<Record<string, Schedule>> = {
  "the keys split": { parameters: { attentionWorkgroups: 64 } },
  "the keys whole": { parameters: { attentionWorkgroups: 1 } },
  "no subgroups, wide workgroups": { withoutSubgroups: true, parameters: { attentionLanes: 32, attentionRows: 5 } },
  ...(process.env.JAXSCALE_FULL === "1" ? onGpus : {}),
};
for (const [name, schedule] of Object.entries(schedules)) {
  test(`grouped heads, head sizes that differ, odd lengths: ${name}`, async () => {
    await agreesScheduled(attend(), operands([2, 5, 13, 6, 2, 12, 20]), schedule);
    await agreesScheduled(attend(), operands([1, 3, 301, 3, 3, 7, 5]), schedule);
  });

  test(`heads wider than a vector for each lane, rows that see nothing: ${name}`, async () => {
    const f = attend(([keyValueSeqLengths]) => ({ keyValueSeqLengths }));
    for (const dtype of ["float32", "bfloat16"] as const) {
      const args = operands([2, 1, 300, 5, 1, 36, 332], dtype);
      await agreesScheduled(f, [...args, integers(270, 0)], schedule, dtype === "float32" ? undefined : coarse);
    }
    const args = operands([1, 3, 150, 2, 1, 6, 201]);
    const nothingInRow1 = tensorOf([1, 1, 3, 150], "bool", (i) => Number(i < 150 || i >= 300));
    await agreesScheduled(
      attend(([mask]) => ({ mask })),
      [...args, nothingInRow1],
      schedule,
    );
  });

  test(`packed types are rounded once: ${name}`, async () => {
    await agreesScheduled(attend(), operands([2, 3, 13, 6, 2, 16, 24], "bfloat16"), schedule, coarse);
    await agreesScheduled(attend(), operands([1, 3, 270, 2, 1, 6, 3], "float16"), schedule, coarse);
  });

  test(`causal from offsets on the device: ${name}`, async () => {
    const args = operands([2, 7, 300, 4, 2, 8, 8]);
    const f = attend(([queryOffset]) => ({ isCausal: true, queryOffset }));
    for (const offsets of [integers(0, 288), integers(-3, 297), integers(-50, 2 ** 30)])
      await agreesScheduled(f, [...args, offsets], schedule);
  });

  test(`windows: ${name}`, async () => {
    const args = operands([1, 9, 290, 2, 1, 8, 8]);
    const f = attend(([queryOffset]) => ({ localWindowSize: [3, 2], queryOffset }));
    for (const offset of [0, 140, 285, 1000])
      await agreesScheduled(f, [...args, tensorOf([], "int32", () => offset)], schedule);
  });

  test(`bias and mask, rows that see nothing: ${name}`, async () => {
    const args = operands([2, 3, 150, 4, 2, 8, 12]);
    const both = attend(([bias, mask]) => ({ bias, mask }));
    const nothingInRow1 = tensorOf([1, 1, 3, 150], "bool", (i) => Number(i < 150 || i >= 300));
    await agreesScheduled(both, [...args, floats([1, 4, 1, 150], "bfloat16", 5), nothingInRow1], schedule);
  });

  test(`lengths of queries and keys: ${name}`, async () => {
    const args = operands([3, 4, 280, 4, 2, 8, 8]);
    const f = attend(([querySeqLengths, keyValueSeqLengths]) => ({ querySeqLengths, keyValueSeqLengths }));
    await agreesScheduled(f, [...args, integers(4, 2, 0), integers(280, 3, 7)], schedule, exactZeros);
    await agreesScheduled(f, [...args, integers(1, 9, -2), integers(0, 1000, -5)], schedule, exactZeros);
  });
}

test("as on a GPU of the smallest limits: heads shared by few and by all, lengths, packed", async () => {
  const smallest: Schedule = { onGpu: true, limits: smallestLimits };
  const f = attend(([keyValueSeqLengths]) => ({ keyValueSeqLengths }));
  await agreesScheduled(f, [...operands([1, 1, 100, 20, 1, 72, 64], "bfloat16"), integers(70)], smallest, coarse);
  await agreesScheduled(f, [...operands([2, 5, 13, 6, 2, 7, 5]), integers(13, 0)], smallest, exactZeros);
});

test("all masks together, of any broadcast", async () => {
  const args = operands([3, 4, 280, 4, 2, 8, 8]);
  const f = attend(([bias, mask, querySeqLengths, keyValueSeqLengths, queryOffset]) => ({
    bias,
    mask,
    querySeqLengths,
    keyValueSeqLengths,
    queryOffset,
    isCausal: true,
    localWindowSize: 90,
  }));
  const others = [floats([3, 1, 4, 1], "float32", 5), bools([3, 1, 1, 280], 8)];
  const lengths = [integers(4, 2, 3), integers(280, 3, 1), integers(3, 1, 200)];
  await agreesScheduled(f, [...args, ...others, ...lengths], {}, exactZeros);
});

test("nothing to attend to gives zeros, and no queries nothing", async () => {
  for (const sizes of [
    [1, 2, 0, 2, 1, 4, 4],
    [2, 0, 3, 2, 1, 4, 4],
    [0, 2, 3, 2, 1, 4, 4],
    [1, 2, 3, 0, 0, 4, 4],
    [1, 2, 3, 2, 1, 4, 0],
  ])
    await agreesScheduled(attend(), operands(sizes));
});

test("infinite and missing numbers go where the formula takes them", async () => {
  const args = operands([1, 3, 20, 2, 2, 4, 4]);
  const bias = tensorOf([1, 1, 3, 20], "float32", (i) =>
    i < 20 ? Number.NEGATIVE_INFINITY : i === 25 ? Number.POSITIVE_INFINITY : i === 45 ? Number.NaN : 0,
  );
  await agreesScheduled(
    attend(([b]) => ({ bias: b })),
    [...args, bias],
  );
});

test("a cache is read where it lies, in a slice of a stack", async () => {
  const stack = floats([3, 2, 1, 200, 2, 8], "bfloat16", 4);
  const f = (q: A, cache: A, lengths: A): A => {
    const part = (i: number): A =>
      lax.squeeze(
        lax.slice(cache, { startIndices: [1, i, 0, 0, 0, 0], limitIndices: [2, i + 1, 1, 200, 2, 8] }),
        [0, 1],
      );
    const [k, v] = [part(0), part(1)];
    return nn.dotProductAttention(q, k, v, { keyValueSeqLengths: lengths });
  };
  const args = [floats([1, 1, 4, 8], "bfloat16", 1), stack, integers(150)];
  assert.equal(
    (await kernelsOf(f, args)).filter((name) => !name.startsWith("dot_product_attention")),
    [],
  );
  await agreesScheduled(f, args, {}, coarse);
});

test("few queries split the keys, many do not", async () => {
  const parts = (name: string): boolean => name.includes("_parts") || name.includes("_merge");
  const decode = await kernelsOf(attend(), operands([1, 1, 2048, 8, 8, 16, 16]));
  assert.ok(decode.length === 2 && decode.every(parts), String(decode));
  const prefill = await kernelsOf(attend(), operands([1, 512, 512, 8, 8, 16, 16]));
  assert.ok(prefill.length === 1 && !prefill.some(parts), String(prefill));
});

test("what lies beyond the lengths does not matter", async () => {
  const args = operands([1, 1, 600, 2, 2, 8, 8]);
  const poisoned = args.map((x, i) =>
    i === 0 ? x : tensorOf(x.shape, x.dtype, (j) => (j < 130 * 16 ? x.values[j] : Number.NaN)),
  );
  const f = attend(([keyValueSeqLengths]) => ({ keyValueSeqLengths }));
  const [clean, dirty] = await Promise.all([args, poisoned].map((a) => runScheduled(f, [...a, integers(128)])));
  assert.equal([...dirty.values], [...clean.values]);
});

test.run();
