/** Tables for the terminal. */

/** The first column to the left, the others to the right, a last one without a heading to the left again. */
export function formatTable(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heading.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i].length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (i === 0 || heading[i] === "" ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
      .join("  ")
      .trimEnd();
  return [heading, ...rows].map(line).join("\n");
}

/** Two digits, `1.2e-6`; `0` and NaN as they are, nothing for what is not known. */
export const scientific = (x: number | undefined): string =>
  x === undefined ? "" : x === 0 || !Number.isFinite(x) ? String(x) : x.toExponential(1);
