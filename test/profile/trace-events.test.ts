/** trace.json is what Perfetto reads: tracks, arrows, counters. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { HostRecording } from "../../packages/jaxscale/src/profile/recording.ts";
import { traceJson } from "../../packages/jaxscale/src/profile/trace-events.ts";

interface Event {
  readonly ph: string;
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur?: number;
  readonly id?: number;
  readonly args?: Record<string, unknown>;
}

const recording = new HostRecording(new Map([["weights", 100]]), 128);
const call = recording.begin("call", "f");
const encode = recording.begin("encode", "f");
recording.memory("temporaries of f", 50, 256);
const encodedMs = performance.now();
recording.end(encode);
recording.end(call);
const read = recording.begin("readback", "float32[4]");
const wait = recording.begin("wait", "x");
recording.end(read, 16);
recording.end(wait);
recording.memory("temporaries of f", -50, 256);
const origin = { scope: "mlp", operations: ["dot_general"], flops: 2e6, bytes: 1e6, transcendentals: 0 };
const timing = {
  program: "f",
  kernel: "gemm",
  origin,
  elapsedMs: 2,
  startMs: encodedMs + 1,
  encodedMs,
  gpu: 1,
  workgroups: [1, 1, 1],
} as const;
const { traceEvents: events } = JSON.parse(traceJson([timing], recording, "llvmpipe")) as { traceEvents: Event[] };
const named = (name: string) => events.filter((event) => event.name === name);

test("every event has what the format asks of its phase", () => {
  for (const { ph, name, pid, tid, ts, dur, id } of events) {
    assert.ok(name && pid > 0 && tid > 0 && Number.isFinite(ts), `${ph} ${name}`);
    if (ph === "X") assert.ok((dur as number) >= 0);
    if ("besf".includes(ph)) assert.type(id, "number");
  }
});

test("host and each GPU are processes with names", () => {
  const names = named("process_name").map(({ pid, args }) => [pid, args?.name]);
  assert.equal(names, [
    [1, "host"],
    [3, "GPU 1: llvmpipe"],
    [2, "GPU 0: llvmpipe"],
  ]);
});

test("a kernel is a slice on its GPU's track, in microseconds, with what it did", () => {
  const [slice] = named("gemm");
  assert.equal([slice.ph, slice.pid, slice.dur], ["X", 3, 2000]);
  assert.equal([slice.args?.scope, slice.args?.gigabytesPerSecond, slice.args?.gigaflopsPerSecond], ["mlp", 0.5, 1]);
});

test("an arrow goes from within the encoding on the host to the kernel", () => {
  const [from, to] = named("dispatch");
  const [around] = named("encode f");
  assert.equal([from.ph, to.ph, from.id], ["s", "f", to.id]);
  assert.is(from.pid, around.pid);
  assert.ok(from.ts >= around.ts && from.ts <= around.ts + (around.dur as number));
  assert.equal([to.pid, to.ts], [3, named("gemm")[0].ts]);
});

test("phases of one thread nest; waits and transfers back are tracks of their own", () => {
  const [outer] = named("call f");
  const [inner] = named("encode f");
  assert.ok(inner.ts >= outer.ts && inner.ts + (inner.dur as number) <= outer.ts + (outer.dur as number));
  assert.equal(
    [...named("readback"), ...named("wait")].map(({ ph }) => ph),
    ["b", "e", "b", "e"],
  );
  assert.is(named("readback")[0].args?.bytes, 16);
});

test("kernels that overlap, as a GPU may run them, lie on threads of their own", () => {
  const at = (startMs: number, elapsedMs: number) => ({ ...timing, startMs, elapsedMs, gpu: 0 });
  const timings = [at(10, 5), at(12, 1), at(14, 4), at(15, 2), at(18.5, 1)];
  const text = traceJson(timings, recording, "a GPU");
  const slices = (JSON.parse(text) as { traceEvents: Event[] }).traceEvents.filter(({ name }) => name === "gemm");
  assert.equal(
    slices.map(({ tid }) => tid),
    [1, 2, 2, 1, 1],
  );
});

test("memory is a counter: live, peak, and what the pool has", () => {
  assert.equal(
    named("device memory").map(({ args }) => args),
    [
      { live: 100, peak: 100, pool: 128 },
      { live: 150, peak: 150, pool: 256 },
      { live: 100, peak: 150, pool: 256 },
    ],
  );
});

test.run();
