import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compareRecords, judge } from "../../bench/compare.ts";
import type { BenchRecord, Measurement } from "../../bench/record.ts";
import { figureText, tableRow } from "../../bench/report.ts";
import { resultsText } from "../../bench/results.ts";
import { median, quantile, spread, takeTurns } from "../../bench/statistics.ts";

const test = suite("comparison of runs");

const measured = (given: Partial<Measurement>): Measurement => ({
  name: "matmul",
  unit: "ms",
  samples: {},
  figures: [],
  errors: {},
  load: 1,
  ...given,
});
const record = (...measurements: Measurement[]): BenchRecord => ({
  date: "2026-01-01T00:00:00.000Z",
  command: "npm run bench",
  adapter: "an adapter",
  target: {},
  processors: ["a processor", "a processor"],
  versions: { node: "v20" },
  suites: [{ name: "kernels", seconds: 60, measurements, leftOut: [] }],
});

test("medians are of the middle, quartiles between samples", () => {
  assert.is(median([5, 1, 9]), 5);
  assert.is(median([4, 1, 9, 2]), 3);
  assert.is(quantile([0, 4, 8, 12, 16], 0.25), 4);
  assert.is(quantile([0, 10], 0.9), 9);
});

test("spread is the distance of the quartiles over the median, all of the range for few samples, and nothing for one", () => {
  assert.is(spread([8, 9, 10, 11, 100]), 0.2);
  assert.is(spread([9, 10, 12]), 0.3);
  assert.is(spread([7]), undefined);
});

test("works take turns, and the first rounds do not count", async () => {
  const order: string[] = [];
  const work = (name: string) => async (): Promise<number> => order.push(name);
  const samples = await takeTurns({ a: work("a"), b: work("b") }, { rounds: 2, warmup: 1 });
  assert.is(order.join(""), "ababab");
  assert.equal(samples, { a: [3, 5], b: [4, 6] });
});

test("a change counts if median and fastest sample moved further than the larger spread", () => {
  const before = [10, 10.2, 10.4, 10.1, 10.3];
  const times = (factor: number): number[] => before.map((time) => time * factor);
  assert.is(judge(before, times(1.5)).verdict, "worse");
  assert.is(judge(before, times(0.6)).verdict, "better");
  assert.is(judge(before, times(1.01)).verdict, "noise");
  // A busy machine: the median doubled, and one sample was as fast as before.
  assert.is(judge(before, [10, 20, 21, 20, 22]).verdict, "noise");
  // Quartiles of 10 to 30 around 20: half as much again is nothing.
  assert.is(judge(before, [12, 15, 16, 20, 30]).verdict, "noise");
  assert.is(judge([10], [100]).verdict, "noise");
});

test("what another system lost in the same turns is not counted as this library's loss", () => {
  const quiet = measured({
    samples: { jaxscale: [10, 11, 10, 11, 10], other: [20, 22, 20, 22, 20] },
    yardstick: "other",
  });
  const busy = measured({
    samples: { jaxscale: [30, 33, 30, 33, 30], other: [60, 66, 60, 66, 60] },
    yardstick: "other",
  });
  const [change] = compareRecords(record(quiet), record(busy));
  assert.is(change.verdict, "noise");
  assert.is(change.ratio, 1);
  assert.is(change.yardstick, "other");
  // Without it in one of the runs, times are compared.
  const alone = measured({ samples: { jaxscale: busy.samples.jaxscale } });
  assert.is(compareRecords(record(quiet), record(alone))[0].verdict, "worse");
});

test("counts and bytes have no noise", () => {
  const counted = (value: number): BenchRecord =>
    record(measured({ figures: [{ name: "submits", value, unit: "", isExact: true }] }));
  assert.equal(compareRecords(counted(2), counted(2)), []);
  const [change] = compareRecords(counted(1), counted(2));
  assert.is(change.name, "matmul: submits 1 → 2");
  assert.is(change.verdict, "worse");
  assert.is(compareRecords(counted(2), counted(1))[0].verdict, "better");
});

test("works and suites that one of the runs lacks are left out", () => {
  const times = { samples: { jaxscale: [1, 2, 3, 4, 5] } };
  assert.equal(compareRecords(record(measured({ ...times, name: "softmax" })), record(measured(times))), []);
});

test("rows say median, fastest, spread, what others took, and whether goals are met", () => {
  const row = tableRow(
    measured({
      samples: { jaxscale: [10, 9, 11, 8, 12], other: [20, 21, 22] },
      errors: { third: "Error: none" },
      figures: [
        {
          name: "against other",
          value: 2.1,
          unit: "×",
          goals: [
            { goal: "≥ 2 ×", met: true },
            { goal: "≥ 3 ×", met: false },
          ],
        },
      ],
    }),
  );
  assert.equal(row, [
    "matmul",
    "10 ms",
    "8",
    "20 %",
    "other 21, third failed: Error: none",
    "against other 2.10 × (≥ 2 × met, ≥ 3 × missed)",
  ]);
  assert.is(
    figureText({ name: "of the roof", value: undefined, unit: "%", goals: [{ goal: "≥ 85 %", met: undefined }] }),
    "of the roof not measured (≥ 85 %)",
  );
});

test("the page states load, what was left out, and what changed", () => {
  const [before, now] = [10, 20].map((time) =>
    record(measured({ samples: { jaxscale: [time, time, time] }, load: time / 4 })),
  );
  const page = resultsText(
    { ...now, suites: [{ ...now.suites[0], leftOut: ["llama.cpp: not installed"] }] },
    { before, pictures: { "a.svg": "times" } },
  );
  assert.match(page, /load average \| 5\.00 to 5\.00: above 2/);
  assert.match(page, /^- Left out: llama\.cpp: not installed$/m);
  assert.match(page, /^!\[times\]\(a\.svg\)$/m);
  assert.match(page, /^\| kernels \| matmul \| 2\.00 \| ± 0 % \| worse \|/m);
});

test.run();
