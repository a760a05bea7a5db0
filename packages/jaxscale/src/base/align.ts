/** Tables for a terminal. */

/** Rows as lines with aligned columns: text to the left, the columns in `right` to the right. */
export function align(rows: readonly (readonly string[])[], right: (column: number) => boolean = () => false): string {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((r) => r[i].length)));
  const lines = rows.map((cells) =>
    cells.map((cell, i) => (right(i) ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join("  "),
  );
  return lines.map((line) => line.trimEnd()).join("\n");
}
