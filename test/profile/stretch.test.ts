/** Parts of a recording: each moment is counted once. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { exclusiveTimes, stretchOf } from "../../packages/jaxscale/src/profile/stretch.ts";

const interval = (startMs: number, endMs: number) => ({ startMs, endMs });

test("of intervals that overlap the last one of the list has the time", () => {
  // 0 1 2 3 4 5 6 7: one around two, of which the second lasts longer; then a gap
  assert.equal(exclusiveTimes([interval(0, 4), interval(1, 3), interval(2, 6)]), [1, 1, 4]);
  assert.equal(exclusiveTimes([interval(0, 1), interval(5, 7)]), [1, 2]);
  assert.equal(exclusiveTimes([]), []);
});

const span = (
  phase: "annotation" | "call" | "encode" | "readback" | "exchange",
  name: string,
  start: number,
  end: number,
) => ({
  ...interval(start, end),
  phase,
  name,
  bytes: 0,
  overlaps: false,
});
const kernel = (name: string, encodedMs: number, startMs: number, elapsedMs: number, gpu = 0) => ({
  program: "f",
  kernel: name,
  origin: { scope: name, operations: [name], flops: 100, bytes: 10, transcendentals: 0 },
  encodedMs,
  startMs,
  elapsedMs,
  gpu,
  workgroups: [1, 1, 1] as const,
});

const spans = [
  span("encode", "f", 1, 3),
  span("call", "f", 0, 4),
  span("readback", "x", 5, 12),
  span("annotation", "step", 0, 10),
  span("encode", "f", 21, 22),
  span("annotation", "step", 20, 30),
  span("call", "g", 40, 50),
  span("annotation", "other", 40, 50),
];

test("kernels belong to the span in which they were encoded; the rest of it is overhead", () => {
  const timings = [kernel("a", 2, 4, 3), kernel("b", 21, 25, 2), kernel("c", 41, 42, 5)];
  const { count, wallMs, kernels, exchangeMs, overheadMs } = stretchOf("step", timings, spans, undefined);
  assert.equal([count, wallMs, exchangeMs, overheadMs], [2, 20, 0, 15]);
  assert.equal(
    kernels.map(({ name, elapsedMs, share }) => [name, elapsedMs, share]),
    [
      ["a", 3, 0.6],
      ["b", 2, 0.4],
    ],
  );
});

test("kernels of several GPUs at once, and exchanges between them, count each moment once", () => {
  const exchange = span("exchange", "allReduce", 6, 9);
  const timings = [kernel("a", 1, 2, 4, 0), kernel("b", 1, 3, 4, 1)];
  const { kernels, exchangeMs, overheadMs, wallMs } = stretchOf("step", timings, [...spans, exchange], undefined);
  // a runs from 2 to 6, b from 3 to 7: b has the time from 3 on; of the exchange from 6 to 9 what is left after 7
  assert.equal(
    kernels.map(({ name, elapsedMs }) => [name, elapsedMs]),
    [
      ["b", 4],
      ["a", 1],
    ],
  );
  assert.equal([exchangeMs, overheadMs], [2, wallMs - 5 - 2]);
});

test("phases of the host add up to the spans; one within another is not counted twice", () => {
  const { hostMs, wallMs } = stretchOf("step", [], spans, undefined);
  // The readback is cut where its span ends.
  assert.equal(hostMs, [
    { other: 1, call: 2, encode: 2, readback: 5 },
    { other: 9, encode: 1 },
  ]);
  assert.is(
    hostMs.flatMap((times) => Object.values(times)).reduce((a, b) => a + b, 0),
    wallMs,
  );
});

test("a name that nothing has is refused", () => {
  assert.throws(() => stretchOf("nothing", [], spans, undefined), /annotated nothing; got step, other/);
});

test.run();
