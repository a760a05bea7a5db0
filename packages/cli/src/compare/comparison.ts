/** Reports of several benchmarks, configuration by configuration, against the first of them. */
import { judge, quantile } from "@jaxscale/models";
import type { Place } from "../benchmark-report.ts";
import {
  type ComparedCell,
  type ComparedConfiguration,
  type ComparedTimes,
  type Comparison,
  hasTimes,
} from "./comparison-data.ts";
import type { ComparedReport, ComparedRow } from "./read-report.ts";

/** @param reports at least two @throws RangeError if no configuration was measured by the first and another */
export function compareReports(reports: readonly ComparedReport[]): Comparison {
  const names = [...new Set(reports.flatMap(({ rows }) => rows.map(nameOf)))];
  const configurations = names.map((name): ComparedConfiguration => {
    const rows = reports.map((report) => report.rows.find((row) => nameOf(row) === name));
    return {
      name,
      cells: rows.map((row, i) => row && cellOf(row, i === 0 ? undefined : rows[0])).map((c) => c ?? null),
    };
  });
  const isShared = ({ cells: [first, ...others] }: ComparedConfiguration): boolean =>
    hasTimes(first) && others.some(hasTimes);
  if (!configurations.some(isShared)) {
    const measured = reports.map(
      ({ file, rows }) =>
        `${file} ${
          rows
            .filter((row) => !("error" in row))
            .map(nameOf)
            .join("; ") || "none"
        }`,
    );
    throw new RangeError(
      `compare: the first file and another must have measured the same configuration; got ${measured.join(" | ")}`,
    );
  }
  return {
    files: reports.map(({ rows: _, ...report }) => report),
    differences: differencesOf(reports),
    configurations,
  };
}

const nameOf = ({ tp, dp, ep, batch, promptTokens }: Place): string =>
  `tp ${tp} · dp ${dp} · ep ${ep}, batch ${batch}, prompt ${promptTokens}`;

function cellOf(row: ComparedRow, first: ComparedRow | undefined): ComparedCell {
  if ("error" in row) return { error: row.error };
  const before = first && !("error" in first) ? first : undefined;
  return {
    prefill: timesOf(row.prefillMs, before?.prefillMs),
    decode: timesOf(row.stepsMs.map(medianOf), before?.stepsMs.map(medianOf)),
    peakBytes: row.peakBytes,
  };
}

const medianOf = (values: readonly number[]): number => quantile(values, 0.5);

function timesOf(samples: readonly number[], before: readonly number[] | undefined): ComparedTimes {
  const times = {
    low: quantile(samples, 0.25),
    median: medianOf(samples),
    high: quantile(samples, 0.75),
    repeats: samples.length,
  };
  if (!before) return times;
  const { noise, ...judgement } = judge(before, samples);
  return { ...times, change: { ...judgement, noise: Number.isFinite(noise) ? noise : null } };
}

const facts: Readonly<Record<string, (report: ComparedReport) => string | number>> = {
  model: ({ model }) => model,
  dtype: ({ dtype }) => dtype,
  adapter: ({ environment }) => environment.adapter,
  devices: ({ environment }) => environment.devices,
  processor: ({ environment }) => environment.processor,
  threads: ({ environment }) => environment.threads,
  memory: ({ environment }) => `${(environment.memoryBytes / 2 ** 30).toFixed(1)} GiB`,
  system: ({ environment }) => environment.system,
  node: ({ environment }) => environment.node,
};

function differencesOf(reports: readonly ComparedReport[]): string[] {
  const different = Object.entries(facts).flatMap(([name, of]) => {
    const values = reports.map(of);
    return new Set(values).size > 1
      ? [`other ${name}: ${reports.map(({ file }, i) => `${file} ${values[i]}`).join(", ")}`]
      : [];
  });
  const loads = reports.map(({ environment: { load } }) => load);
  // A process more or less that wanted to run.
  if (Math.max(...loads) - Math.min(...loads) <= 1) return different;
  return [...different, `other load: ${reports.map(({ file }, i) => `${file} ${loads[i].toFixed(1)}`).join(", ")}`];
}

/** A comparison as a page: one file that needs nothing else. */
export async function comparisonPage(comparison: Comparison): Promise<string> {
  // Only who wants a page loads what it is made of.
  const { pageOf } = await import("./page-asset.ts");
  return pageOf(comparison);
}
