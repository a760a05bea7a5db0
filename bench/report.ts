/** Results as a table for people. */
import type { RowResult, Verdict } from "./measure.ts";
import type { Goal } from "./rows.ts";

const figure = (value: number): string => value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);

function goalText(goal: Goal | undefined): string {
  if (!goal) return "";
  switch (goal.kind) {
    case "faster":
      return `${goal.times} × ${goal.than}`;
    case "atMost":
      return `≤ ${goal.value}`;
    case "roof":
      return `${100 * goal.share}% of roof`;
  }
}

function verdictText(goal: Goal | undefined, verdict: Verdict | undefined): string {
  if (!goal || !verdict) return "";
  if (verdict.met === undefined || verdict.figure === undefined) return "not measured";
  const shown = goal.kind === "roof" ? `${(100 * verdict.figure).toFixed(0)}%` : figure(verdict.figure);
  return `${shown}${goal.kind === "faster" ? " ×" : ""} ${verdict.met ? "met" : "missed"}`;
}

/** Medians, but for the second figure. */
export const tableHead = ["work", "JaxScale", "best", "others", "rate", "to reach", "", "stretch", ""];

export function tableRow(result: RowResult): string[] {
  const { row, medians, fastest, errors, facts } = result;
  const ours = medians.jaxscale;
  const others = Object.keys(row.others)
    .filter((label) => label !== "stream")
    .map((label) => (medians[label] === undefined ? `${label} -` : `${label} ${figure(medians[label])}`));
  const rates = [
    row.bytes && ours ? `${figure(row.bytes / ours / 1e6)} GB/s` : "",
    row.flops && ours ? `${figure(row.flops / ours / 1e6)} GFLOP/s` : "",
    ...Object.entries(facts).map(([name, count]) => `${count} ${name}`),
  ];
  return [
    row.name,
    errors.jaxscale ? "failed" : ours === undefined ? "-" : `${figure(ours)} ${row.unit}`,
    fastest.jaxscale === undefined ? "" : figure(fastest.jaxscale),
    others.join(", "),
    rates.filter(Boolean).join(", "),
    goalText(row.reach),
    verdictText(row.reach, result.reach),
    goalText(row.stretch),
    verdictText(row.stretch, result.stretch),
  ];
}

export function align(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((r) => r[i].length)));
  return rows
    .map((r) =>
      r
        .map((cell, i) => cell.padEnd(widths[i]))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
