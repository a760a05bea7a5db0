/** Hand-made JSON files of `jaxscale benchmark`. */

/** Runs of one configuration: a prefill each, and two steps that take as long as they say. */
export const benchmarkRow = (batch: number, prefillMs: readonly number[], stepMs: readonly number[]) => ({
  ...{ tp: 1, dp: 1, ep: 1, batch, promptTokens: 128 },
  runs: prefillMs.map((ms, i) => ({ prefillMs: ms, firstTokenMs: ms, stepsMs: [stepMs[i], stepMs[i]] })),
  peakBytes: 2 ** 20,
});

export const benchmarkFile = (rows: readonly object[], environment: object = {}) => ({
  format: "jaxscale benchmark 1",
  model: "glm-4-tiny",
  dtype: "bfloat16",
  environment: {
    ...{ adapter: "an adapter", devices: 1, processor: "a processor", threads: 2, memoryBytes: 2 ** 34 },
    ...{ system: "linux 6", node: "v22.0.0", date: "2026-01-02T03:04:05.000Z", load: 0.5, ...environment },
  },
  rows,
});

const steady = [10, 10.2, 10.4, 10.1, 10.3];
const times = (factor: number): number[] => steady.map((ms) => factor * ms);

/**
 * Two files. Batch 1: prefill as before, decoding 1.5 × as long. Batch 2: prefill half as long, of decoding one fast step is as
 * fast as ever. Batch 4 failed in the second, batch 8 is in it alone.
 */
export const before = benchmarkFile([
  benchmarkRow(1, steady, steady),
  benchmarkRow(2, times(2), steady),
  benchmarkRow(4, times(4), times(2)),
]);
export const after = benchmarkFile(
  [
    benchmarkRow(1, times(1.001), times(1.5)),
    benchmarkRow(2, steady, [10, 20, 21, 20, 22]),
    { ...benchmarkRow(4, [1], [1]), runs: undefined, error: "memory: arrays must fit 1 GB" },
    benchmarkRow(8, times(8), times(2)),
  ],
  { processor: "another processor", load: 7 },
);
