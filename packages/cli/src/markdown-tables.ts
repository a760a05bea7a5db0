/** A benchmark as tables of Markdown: a row a batch size, a column a prompt length. */
import { type BenchmarkReport, type BenchmarkRow, type MeasuredRow, placeText } from "./benchmark-report.ts";
import { formatPeaks } from "./peaks.ts";

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;

interface Table {
  readonly title: string;
  readonly text: (row: MeasuredRow) => string;
  /** Left out where no row has it. */
  readonly isKnown?: (row: MeasuredRow) => boolean;
}

const tables: readonly Table[] = [
  {
    title: "prefill: tokens/s, MFU",
    text: (row) => `${row.prefillTokensPerSecond.toFixed(1)}, ${percent(row.prefillMfu)}`,
  },
  {
    title: "decoding: tokens/s, MFU, MBU",
    text: (row) => `${row.decodeTokensPerSecond.toFixed(1)}, ${percent(row.decodeMfu)}, ${percent(row.decodeMbu)}`,
  },
  {
    title: "decoding: speed-up, efficiency",
    text: ({ speedUp = 0, efficiency = 0 }) => `${speedUp.toFixed(2)}, ${percent(efficiency)}`,
    isKnown: ({ speedUp, tp, dp, ep }) => speedUp !== undefined && tp * dp * ep > 1,
  },
];

const distinct = <T>(values: readonly T[]): T[] => [...new Set(values)];
const isMeasured = (row: BenchmarkRow | undefined): row is MeasuredRow => row !== undefined && !("error" in row);

/** Tables of each mesh; then what shares are of, and where it was measured. Configurations that failed are empty. */
export function markdownTables({ peaks, environment, model, dtype, rows }: BenchmarkReport): string {
  const meshes = distinct(rows.map(placeText));
  const parts = meshes.flatMap((mesh) => {
    const own = rows.filter((row) => placeText(row) === mesh);
    const lengths = distinct(own.map(({ promptTokens }) => promptTokens));
    const wanted = tables.filter(({ isKnown }) => !isKnown || own.some((row) => isMeasured(row) && isKnown(row)));
    return wanted.map(({ title, text, isKnown = () => true }) => {
      const cell = (batch: number, promptTokens: number): string => {
        const row = own.find((other) => other.batch === batch && other.promptTokens === promptTokens);
        return isMeasured(row) && isKnown(row) ? text(row) : "";
      };
      const lines = distinct(own.map(({ batch }) => batch)).map((batch) => [
        `batch ${batch}`,
        ...lengths.map((promptTokens) => cell(batch, promptTokens)),
      ]);
      return markdown([`${mesh}; ${title}`, ...lengths.map((length) => `prompt ${length}`)], lines);
    });
  });
  return [
    ...parts,
    `${model}, ${dtype}; shares of ${formatPeaks(peaks)}; ${environment.adapter}, ${environment.processor}, ${environment.threads} threads, load ${environment.load.toFixed(1)}.\n`,
  ].join("\n");
}

function markdown(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) => Math.max(title.length, ...lines.map((cells) => cells[i].length)));
  const line = (cells: readonly string[]): string => `| ${cells.map((c, i) => c.padEnd(widths[i])).join(" | ")} |\n`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...lines.map(line)].join("");
}
