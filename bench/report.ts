/** Measurements as rows of text, and rows as a table for the terminal. */
import type { Figure, Measurement } from "./record.ts";
import { median, spread } from "./statistics.ts";

/** Three digits that count. */
export const shown = (value: number): string =>
  Number.isInteger(value) && Math.abs(value) < 1e15
    ? `${value}`
    : value.toFixed(Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0).replace(/^-(0\.0+)$/, "$1");

export function figureText({ name, value, unit, goals = [] }: Figure): string {
  const said = value === undefined ? "not measured" : `${shown(value)}${unit && ` ${unit}`}`;
  const judged = goals.map(({ goal, met }) => (met === undefined ? goal : `${goal} ${met ? "met" : "missed"}`));
  return `${name} ${said}${judged.length > 0 ? ` (${judged.join(", ")})` : ""}`;
}

/** Times in a row's unit. */
export const tableHead = ["work", "median", "fastest", "spread", "others", "figures"];

export function tableRow({ name, unit, samples, figures, errors }: Measurement): string[] {
  const { jaxscale: ours, ...others } = samples;
  const spreadOfOurs = ours && spread(ours);
  const rates = Object.entries(others).map(([label, times]) => `${label} ${shown(median(times))}`);
  const failures = Object.entries(errors).map(([label, message]) => `${label} failed: ${message}`);
  return [
    name,
    ours ? `${shown(median(ours))} ${unit}` : "failed",
    ours ? shown(Math.min(...ours)) : "",
    spreadOfOurs === undefined ? "" : `${(100 * spreadOfOurs).toFixed(0)} %`,
    [...rates, ...failures].join(", "),
    figures.map(figureText).join("; "),
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
