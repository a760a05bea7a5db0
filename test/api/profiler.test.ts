import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type * as jax from "jaxscale";
import { arrayFromChunks, jit, numpy as jnp, lax, namedScope, nn, profiler, ready } from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { rejection } from "../rejection.ts";

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

test("a table of the top kernels takes the others together", () => {
  const timings = [timing("a", "", 4, 1, 4e6), timing("b", "", 3, 1, 3e6), timing("c", "", 2, 1, 2e6)];
  const lines = new profiler.Profile(profiler.summarize(timings, roofs), roofs).table({ top: 1 }).split("\n");
  assert.is(lines.length, 5);
  assert.match(lines[1], /^a /);
  assert.match(lines[2], /^2 others +2 +5\.000 +56% +2\.500 +5\.00 /);
  assert.match(lines[3], /^total +3 +9\.000 +100% /);
});

test("a trace is three files: a page, a trace for Perfetto, data that a later page can show beside its own", async () => {
  const folder = mkdtempSync(join(tmpdir(), "jaxscale-trace-"));
  const read = (name: string) => readFileSync(join(folder, "runs", name), "utf8");
  try {
    const f = jit((x: jax.Array) => x.dot(x), { name: "square" });
    const run = () => f(jnp.ones([8, 8]));
    await profiler.trace(join(folder, "runs"), run, { roofs: false, name: "first" });
    const first = JSON.parse(read("profile.json")) as profiler.RunData;
    assert.equal([first.name, first.kernels.map(({ program }) => program).includes("square")], ["first", true]);
    assert.ok(
      JSON.parse(read("trace.json")).traceEvents.some(({ name }: { name: string }) => /dot_general/.test(name)),
    );
    await profiler.trace(join(folder, "runs"), run, { roofs: false, name: "second", beside: [first] });
    assert.match(read("index.html"), /id="data">\[\{[^\n]*"name":"second"[^\n]*"name":"first"/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a table says when the host took the times", () => {
  const kernels = profiler.summarize([timing("gemm", "a", 1, 10e6, 4e6)], roofs);
  assert.match(String(new profiler.Profile(kernels, roofs, "submits")), /no timestamps: .* timed by the host$/);
  assert.not.match(String(new profiler.Profile(kernels, roofs)), /timestamps/);
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
  const roofColumn = lines[0].indexOf("of roof") + "of roof".length;
  assert.equal(
    lines.slice(1, 4).map((l) => l[roofColumn - 1]),
    ["%", "%", "%"],
  );
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
      assert.match(k.site, /profiler\.test\.ts:\d+:\d+$/);
      assert.match(k.schedule, /workgroups of .*; contraction .*tileRows=/);
      const { jaxpr, kernel, wgsl } = k.texts();
      assert.match(jaxpr, /:f32\[32,32\] = dot_general\[/);
      assert.match(kernel, /^kernel dot_general/);
      assert.match(wgsl, /@compute/);
    }
  });

test("a recording has the phases of the host, in their order", async () => {
  const f = jit(function twice(x: jax.Array) {
    return x.dot(x).add(1);
  });
  const x = jnp.ones([16, 16]);
  await x.blockUntilReady();
  const run = () => profiler.annotate("step", async () => (await f(x)).data());
  const recording = await profiler.record(run, { roofs: false });
  const { host } = recording.data();
  const phases = (all: typeof host) => new Set(all.map(({ phase }) => phase));
  for (const phase of ["call", "trace", "lower", "compile", "encode", "submit", "readback", "annotation"] as const)
    assert.ok(phases(host).has(phase), phase);
  const of = (phase: string) => host.filter((total) => total.phase === phase);
  assert.equal(
    of("trace").map(({ name, count }) => [name, count]),
    [["twice", 1]],
  );
  assert.is(of("readback")[0].bytes, 4 * 16 * 16);
  const again = await profiler.record(run, { roofs: false });
  const later = phases(again.data().host);
  for (const phase of ["trace", "lower", "compile"] as const) assert.not(later.has(phase), `${phase} again`);
  assert.equal(
    again.kernels.map(({ program, count }) => [program, count]),
    [["twice", 1]],
  );
});

test("what is recorded agrees with costAnalysis, copies and loops included", async () => {
  const step = jit(
    (cache: jax.Array, x: jax.Array) => {
      const doubled = lax.foriLoop(0, 5, (_: unknown, y: jax.Array) => jnp.tanh(y.dot(y)), x);
      return [lax.dynamicUpdateSlice(cache, doubled, [3, 0]), nn.softmax(x.dot(x))] as const;
    },
    { name: "step" },
  );
  const args = [jnp.zeros([64, 16]), jnp.full([16, 16], 0.01)] as const;
  const compiled = await step.lower(...args).compile();
  const { flops, transcendentals, bytesAccessed } = compiled.costAnalysis();
  const { kernels } = await profiler.kernels(() => step(...args), { roofs: false });
  const sum = (of: (k: profiler.KernelProfile) => number) => kernels.reduce((n, k) => n + of(k), 0);
  assert.ok(
    kernels.some(({ name }) => name === "copy"),
    "the cache that is not donated is copied",
  );
  assert.equal(
    [sum((k) => k.flops), sum((k) => k.transcendentals), sum((k) => k.bytes)],
    [flops, transcendentals, bytesAccessed],
  );
});

test("a loop that the device ends counts as many iterations as are given, one otherwise", async () => {
  const f = jit((x: jax.Array) => {
    const halve = (y: jax.Array) => jnp.dot(y, y).mul(0.5);
    return lax.whileLoop((y: jax.Array) => y.at(0, 0).get().greater(1), halve, x);
  });
  const compiled = await f.lower(jnp.ones([16, 16])).compile();
  const [none, one, five] = [0, 1, 5].map((iterations) => compiled.costAnalysis({ iterations }));
  // A product, a multiplication of each element, and a comparison that decides on the next iteration.
  assert.is(one.flops - none.flops, 2 * 16 ** 3 + 16 ** 2 + 1);
  assert.is(five.flops - none.flops, 5 * (one.flops - none.flops));
  assert.equal(compiled.costAnalysis(), one);
  assert.throws(() => compiled.costAnalysis({ iterations: -1 }), /iterations must be at least 0; got -1/);
});

test("memory is said to be held by its owners, from before the recording too", async () => {
  const bytes = async function* () {
    yield new Uint8Array(4 * 64 * 64);
  };
  const w = await arrayFromChunks({ shape: [64, 64], dtype: "float32" }, bytes(), { holder: "weights" });
  const f = jit((x: jax.Array) => x.dot(w).dot(w), { name: "twice" });
  const recording = await profiler.record(async () => (await f(jnp.ones([64, 64]))).data(), { roofs: false });
  const { owners, liveBytes, poolBytes, peakBytes } = recording.data().memory;
  const most = (name: string) => Math.max(...(owners.find((owner) => owner.name === name)?.bytes ?? []));
  assert.is(most("weights"), 4 * 64 * 64);
  assert.is(most("temporaries of twice"), 4 * 64 * 64);
  assert.is(most("float32[64,64] of twice"), 4 * 64 * 64);
  assert.is(Math.max(...liveBytes), peakBytes);
  assert.ok(liveBytes.every((live, i) => live <= poolBytes[i]));
});

test("nothing is recorded, and nothing kept, once a recording has ended", async () => {
  await profiler.start({ roofs: false });
  assert.match((await rejection(profiler.start())).message, /one recording at a time/);
  await profiler.stop();
  assert.match((await rejection(profiler.stop())).message, /stop must follow a start/);
  const recording = await profiler.record(() => {}, { roofs: false });
  await jnp.ones([4]).add(1).data();
  assert.is(recording.kernels.length, 0);
});

test("a run that fails ends its recording, and its error is the user's", async () => {
  const failing = profiler.record(() => {
    throw new Error("the user's");
  });
  assert.is((await rejection(failing)).message, "the user's");
  await profiler.record(() => {}, { roofs: false });
});

test.run();
