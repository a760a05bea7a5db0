/** Kernels whose accesses can be counted by hand. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { analyzeKernel, type KernelModel } from "../../packages/jaxscale/src/analyze/analyze-kernel.ts";
import { type ModelledGpu, modelledGpus } from "../../packages/jaxscale/src/analyze/gpus.ts";
import { registersOf } from "../../packages/jaxscale/src/analyze/registers.ts";
import { KernelBuilder } from "../../packages/jaxscale/src/kernel/builder.ts";
import type { BufferDecl, Kernel, Value } from "../../packages/jaxscale/src/kernel/ir.ts";

interface Parts {
  readonly k: KernelBuilder;
  readonly x: BufferDecl;
  readonly y: BufferDecl;
  readonly lane: Value;
  readonly group: Value;
}

const lanes = 32;
const groups = 1024;

function kernel(write: (parts: Parts) => void, workgroupSize = lanes): Kernel {
  const k = new KernelBuilder();
  const x = k.buffer("x", "f32", "read", 2 ** 20);
  const y = k.buffer("y", "f32", "read_write", 2 ** 20);
  write({ k, x, y, lane: k.local(0, workgroupSize), group: k.workgroup(0, groups - 1) });
  return k.finish("sample", [workgroupSize, 1, 1]);
}

const model = (
  written: Kernel,
  { gpu = modelledGpus.rtx4090 as ModelledGpu, workgroups = groups, bytes = 0, flops = 0 } = {},
): KernelModel =>
  analyzeKernel(
    {
      kernel: written,
      workgroups: [workgroups, 1, 1],
      immediates: new Map(),
      origin: { scope: "", operations: [], flops, bytes, transcendentals: 0 },
    },
    gpu,
  );

const copy = (place: (p: Parts) => Value, width: 1 | 4 = 1): Kernel =>
  kernel((p) => p.k.store(p.y, place(p), p.k.load(p.x, place(p), width)));

test("a copy of neighbours asks for no sector too many", () => {
  const found = model(copy(({ k, lane, group }) => k.add(k.mul(group, k.i32(lanes)), lane)));
  assert.is(found.sectorsOverLeast, 1);
  // Each workgroup reads and writes 32 words.
  assert.is(found.bytesIssued, groups * 2 * 32 * 4);
});

test("a copy along columns asks for a sector a lane: eight times as many", () => {
  const found = model(copy(({ k, lane, group }) => k.add(k.mul(lane, k.i32(1024)), group)));
  assert.is(found.sectorsOverLeast, 8);
  assert.is(found.bytesIssued, groups * 2 * 32 * 32);
});

test("vectors of four words a lane are coalesced, and every second word costs twice", () => {
  const vectors = copy(({ k, lane, group }) => k.add(k.mul(group, k.i32(128)), k.mul(lane, k.i32(4))), 4);
  assert.is(model(vectors).sectorsOverLeast, 1);
  const alternate = copy(({ k, lane, group }) => k.add(k.mul(group, k.i32(64)), k.mul(lane, k.i32(2))));
  assert.is(model(alternate).sectorsOverLeast, 2);
});

test("one word that all lanes read is one sector", () => {
  const found = model(
    kernel(({ k, x, y, lane, group }) => k.store(y, k.add(k.mul(group, k.i32(32)), lane), k.load(x, group))),
  );
  // One sector read, four written, where five are the least.
  assert.is(found.sectorsOverLeast, 1);
  assert.is(found.bytesIssued, groups * 5 * 32);
});

/** Each lane stores to shared memory at a stride, and loads there. */
const strided = (stride: number): Kernel =>
  kernel(({ k, y, lane, group }) => {
    const shared = k.shared("tile", "f32", lanes * stride);
    const at = k.mul(lane, k.i32(stride));
    k.storeShared(shared, at, k.cast("f32", lane));
    k.barrier();
    k.store(y, k.add(k.mul(group, k.i32(32)), lane), k.loadShared(shared, at));
  });

for (const [stride, conflicts] of [
  [1, 1],
  [2, 2],
  [3, 1],
  [4, 4],
  [32, 32],
  [33, 1],
] as const)
  test(`shared memory at a stride of ${stride} words takes ${conflicts} passes a pass`, () => {
    assert.is(model(strided(stride)).bankConflicts, conflicts);
  });

test("with sixteen banks and lanes, a stride of sixteen words takes sixteen passes", () => {
  assert.is(model(strided(16), { gpu: modelledGpus.irisxe }).bankConflicts, 16);
  assert.is(model(strided(17), { gpu: modelledGpus.irisxe }).bankConflicts, 1);
});

test("lanes that wait for a quarter of their subgroup are idle", () => {
  const work = ({ k, y, lane, group }: Parts): void => {
    const at = k.add(k.mul(group, k.i32(32)), lane);
    k.if(k.lt(lane, k.i32(8)), () => {
      const sum = k.variable(k.f32(0));
      k.loop(k.i32(0), k.i32(1000), k.i32(1), (i) => k.set(sum, k.add(k.get(sum), k.cast("f32", i))));
      k.store(y, at, k.get(sum));
    });
  };
  const { divergence } = model(kernel(work));
  // All but a handful of instructions run with 8 lanes of 32.
  assert.ok(divergence > 0.745 && divergence < 0.75, `${divergence}`);
});

test("a long loop counts as all its iterations", () => {
  const found = model(
    kernel(({ k, x, y, lane }) => {
      const sum = k.variable(k.f32(0));
      k.loop(k.i32(0), k.i32(1000), k.i32(1), (i) =>
        k.set(sum, k.add(k.get(sum), k.load(x, k.add(k.mul(i, k.i32(32)), lane)))),
      );
      k.store(y, lane, k.get(sum));
    }),
    { workgroups: 1 },
  );
  assert.ok(Math.abs(found.bytesIssued - 1001 * 32 * 4) < 1, `${found.bytesIssued}`);
});

test("a loop ends at the smaller of two bounds, and bounds from memory are what kernels limit them to", () => {
  const found = model(
    kernel(({ k, y, lane }) => {
      const lengths = k.buffer("lengths", "i32", "read", 1);
      const end = k.min(k.load(lengths, k.i32(0)), k.i32(5));
      k.loop(k.i32(0), end, k.i32(1), (i) => k.store(y, k.add(k.mul(i, k.i32(32)), lane), k.f32(1)));
    }),
    { workgroups: 1 },
  );
  // The length, and five rows of 32 words.
  assert.is(found.bytesIssued, 32 + 5 * 32 * 4);
});

test("registers are the words that are live at once", () => {
  const eight = 8;
  const single = kernel(({ k, x, y, lane }) => k.store(y, lane, k.load(x, lane)));
  // The one loaded word.
  assert.is(registersOf(single), eight + 1);
  const tile = kernel(({ k, x, y, lane }) => {
    const sums = Array.from({ length: 16 }, () => k.variable(k.splat(k.f32(0), 4)));
    k.loop(k.i32(0), k.i32(64), k.i32(1), (i) => {
      const loaded = k.load(x, k.mul(i, k.i32(4)), 4);
      for (const sum of sums) k.set(sum, k.fma(loaded, loaded, k.get(sum)));
    });
    sums.forEach((sum, i) => k.store(y, k.add(k.mul(lane, k.i32(64)), k.i32(4 * i)), k.get(sum)));
  });
  // Sixteen sums of four words, the loaded four, the loop's index, the product before it is assigned.
  const found = registersOf(tile) - eight;
  assert.ok(found >= 64 + 4 + 1 && found <= 64 + 4 + 1 + 4 + 2, `${found}`);
});

test("shared memory and registers bound how many invocations a core holds", () => {
  const small = model(copy(({ k, lane, group }) => k.add(k.mul(group, k.i32(lanes)), lane)));
  assert.is(small.occupancy, 1);
  const hungry = kernel(({ k, y, lane }) => {
    const shared = k.shared("all", "f32", 12 * 1024);
    k.storeShared(shared, lane, k.f32(1));
    k.barrier();
    k.store(y, lane, k.loadShared(shared, lane));
  });
  // 48 KiB of 100 a workgroup: two workgroups of 32 among 1536 invocations.
  assert.is(model(hungry).occupancy, 64 / 1536);
});

test("a large copy is bound by memory and takes its bytes over four fifths of the bandwidth", () => {
  const bytes = 2 ** 27;
  const large = copy(({ k, lane, group }) => k.add(k.mul(group, k.i32(256)), lane));
  const found = model({ ...large, workgroupSize: [256, 1, 1] }, { workgroups: 2 ** 16, bytes });
  assert.is(found.boundBy, "memory");
  assert.ok(Math.abs(found.predictedSeconds - bytes / (0.8 * 1008e9)) < 1e-9);
  assert.is(model(large, { workgroups: 1 }).boundBy, "launch");
});

test.run();
