import { jit, numpy as jnp, namedScope, profiler, ready } from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";

const target = await ready();
const origin = (scope: string, flops: number, bytes: number) => ({
  scope,
  operations: ["dot_general"],
  flops,
  bytes,
  transcendentals: 0,
});
const timing = (kernel: string, scope: string, elapsedMs: number, flops: number, bytes: number) => ({
  program: "f",
  kernel,
  origin: origin(scope, flops, bytes),
  elapsedMs,
  startMs: 0,
  workgroups: [1, 1, 1] as const,
});
const roofs = {
  readGigabytesPerSecond: 10,
  copyGigabytesPerSecond: 5,
  bfloat16GigabytesPerSecond: 8,
  gigaflopsPerSecond: 100,
  variants: { read: "", copy: "", bfloat16: "", flops: "" },
};

test("dispatches of one kernel add up, and those of another scope stay apart", () => {
  const timings = [timing("gemm", "a", 1, 10e6, 4e6), timing("gemm", "a", 3, 10e6, 4e6), timing("gemm", "b", 2, 1, 1)];
  const [a, b] = profiler.summarize(timings, roofs);
  assert.is(a.count, 2);
  assert.is(a.elapsedMs, 4);
  assert.is(a.gigaflopsPerSecond, 5);
  assert.is(a.gigabytesPerSecond, 2);
  assert.is(b.count, 1);
});

test("the share of the roof is of the roof that is nearer", () => {
  const [gemm] = profiler.summarize([timing("gemm", "", 1, 50e6, 1e6)], roofs);
  assert.equal([gemm.shareOfRoof, gemm.boundBy], [0.5, "arithmetic"]);
  const [gemv] = profiler.summarize([timing("gemv", "", 1, 5e6, 9e6)], roofs);
  assert.equal([gemv.shareOfRoof, gemv.boundBy], [0.9, "memory"]);
});

test("a table is sorted by time, aligned, and ends with the total", () => {
  const timings = [timing("quick", "", 1, 1e6, 1e6), timing("slow_one", "block/mlp", 3, 1e6, 1e6)];
  const lines = String(new profiler.Profile(profiler.summarize(timings, roofs), roofs)).split("\n");
  assert.match(lines[1], /^slow_one {2}block\/mlp {2,}1 {2,}3\.000 {2,}75%/);
  assert.match(lines[2], /^quick /);
  assert.match(lines[3], /^total .* 4\.000 {2,}100%/);
  assert.is(new Set(lines.slice(0, 4).map((l) => l.length)).size, 1);
  assert.match(lines[4], /roofs: 10\.0 GB\/s, 100\.0 GFLOP\/s/);
});

if (target.features.timestamps)
  test("a jitted product of two scopes shows its kernels, with their work", async () => {
    const f = jit((x, w) => {
      const y = namedScope("up", () => jnp.dot(x, w));
      return namedScope("down", () => jnp.dot(y, w));
    });
    const x = jnp.ones([32, 32]);
    const profile = await profiler.kernels(() => f(x, x), { runs: 2, roofs: false });
    assert.equal(profile.kernels.map((k) => k.scope).sort(), ["down", "up"]);
    for (const k of profile.kernels) {
      assert.is(k.count, 2);
      assert.is(k.flops, 2 * 2 * 32 ** 3);
      assert.is(k.bytes, 2 * 3 * 4 * 32 ** 2);
      assert.ok(k.operations.includes("dot_general"));
      assert.ok(k.elapsedMs > 0);
      assert.ok(Number.isNaN(k.shareOfRoof));
    }
  });

test.run();
