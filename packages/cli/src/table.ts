/** Tables for the terminal. */

/** Aligns the first column and a last one without heading to the left, the others to the right. */
export function formatTable(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heading.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i].length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (i === 0 || heading[i] === "" ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
      .join("  ")
      .trimEnd();
  return [heading, ...rows].map(line).join("\n");
}

/** Two significant digits, `1.2e-6`; `0` and NaN as they are; empty for undefined. */
export const scientific = (x: number | undefined): string =>
  x === undefined ? "" : x === 0 || !Number.isFinite(x) ? String(x) : x.toExponential(1);
