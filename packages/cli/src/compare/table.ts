/** A comparison for the terminal. */
import { formatBytes } from "@jaxscale/models";
import { formatTable } from "../table.ts";
import { type ComparedCell, type ComparedTimes, type Comparison, hasTimes } from "./comparison-data.ts";

const timesHead = (name: string): string[] => [`${name} ms`, "of first", "noise", ""];
const head = ["configuration", "file", ...timesHead("prefill"), ...timesHead("decode"), "memory", ""];

/** A line a configuration and file. */
export function comparisonTable({ files, differences, configurations }: Comparison): string {
  const rows = configurations.flatMap(({ name, cells }) =>
    cells.map((cell, i) => [i === 0 ? name : "", files[i].file, ...cellTexts(cell)]),
  );
  const worse = configurations.flatMap(({ cells }) => cells.filter(isWorse)).length;
  return [
    formatTable(head, rows),
    "",
    ...differences,
    `${worse === 0 ? "nothing is" : `${worse} ${worse === 1 ? "row is" : "rows are"}`} worse beyond noise. of first: median over the first file's; noise: what it may differ from 1 by chance, the larger spread of the two files' repeats.`,
  ].join("\n");
}

const isWorse = (cell: ComparedCell | null): boolean =>
  hasTimes(cell) && [cell.prefill, cell.decode].some(({ change }) => change?.verdict === "worse");

function cellTexts(cell: ComparedCell | null): string[] {
  const nothing = new Array<string>(head.length - 3).fill("-");
  if (cell === null) return [...nothing, "not measured"];
  if (!hasTimes(cell)) return [...nothing, cell.error];
  return [...timesTexts(cell.prefill), ...timesTexts(cell.decode), formatBytes(cell.peakBytes), ""];
}

function timesTexts({ median, change }: ComparedTimes): string[] {
  const time = median.toFixed(median < 100 ? 2 : 0);
  if (!change) return [time, "-", "-", ""];
  const { ratio, noise, verdict } = change;
  const size = noise === null ? "one repeat" : `${(100 * noise).toFixed(0)} %`;
  return [time, ratio.toFixed(2), size, verdict === "noise" ? "" : verdict];
}
