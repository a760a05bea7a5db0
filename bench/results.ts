/** A run as a page for people: `RESULTS.md` and its plots. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { changeHead, changeRow, compareRecords } from "./compare.ts";
import { plotAgainstOthers, plotTimes } from "./plot.ts";
import { type BenchRecord, loads, type SuiteRecord } from "./record.ts";
import { tableHead, tableRow } from "./report.ts";

const cell = (text: string): string => text.replaceAll("|", "\\|");
const table = (rows: readonly (readonly string[])[]): string[] => {
  const [head, ...body] = rows.map((row) => `| ${row.map(cell).join(" | ")} |`);
  return [head, `|${" --- |".repeat(rows[0].length)}`, ...body];
};

function section({ name, seconds, measurements, leftOut, error }: SuiteRecord): string[] {
  const [least, most] = loads([{ measurements } as SuiteRecord]);
  return [
    `## ${name}`,
    "",
    `${seconds.toFixed(0)} s${measurements.length > 0 ? `, load average ${least.toFixed(2)} to ${most.toFixed(2)}` : ""}.`,
    "",
    ...(error ? [`Ended early: ${error}`, ""] : []),
    ...leftOut.map((what) => `- Left out: ${what}`),
    ...(leftOut.length > 0 ? [""] : []),
    ...(measurements.length > 0 ? [...table([tableHead, ...measurements.map(tableRow)]), ""] : []),
  ];
}

/** The text of the page. @param pictures files beside it, with what they show */
export function resultsText(
  record: BenchRecord,
  {
    before,
    pictures = {},
  }: { readonly before?: BenchRecord; readonly pictures?: Readonly<Record<string, string>> } = {},
): string {
  const { date, command, adapter, processors, versions, suites } = record;
  const [least, most] = loads(suites);
  return [
    "# Results",
    "",
    `Written by \`${command}\`; changes by hand are lost. [docs/benchmarks.md](../docs/benchmarks.md) says how it is measured.`,
    "",
    ...table([
      ["", ""],
      ["date", date],
      ["adapter", adapter],
      ["processors", `${processors.length} × ${processors[0]}`],
      ["load average", `${least.toFixed(2)} to ${most.toFixed(2)}: above ${processors.length}, other work took a part`],
      [
        "versions",
        Object.entries(versions)
          .map((entry) => entry.join(" "))
          .join(", "),
      ],
    ]),
    "",
    "Times are medians; `spread` is the distance of the quartiles over the median. Systems of a row took turns.",
    "",
    ...Object.entries(pictures).flatMap(([file, what]) => [`![${what}](${file})`, ""]),
    ...suites.flatMap(section),
    ...(before
      ? [`## Against ${before.date}`, "", ...table([changeHead, ...compareRecords(before, record).map(changeRow)]), ""]
      : []),
  ].join("\n");
}

/** @returns the files that were written */
export function writeResults(folder: string, record: BenchRecord, before?: BenchRecord): string[] {
  const against = plotAgainstOthers(record.suites);
  const drawn = [
    ...(against
      ? [["RESULTS-others.svg", "How many times as fast as other systems: medians and quartiles", against] as const]
      : []),
    ["RESULTS-times.svg", "Median times with their quartiles", plotTimes(record.suites)] as const,
  ];
  const pictures = Object.fromEntries(drawn.map(([file, what]) => [file, what]));
  const files = [
    ["RESULTS.md", resultsText(record, { before, pictures })],
    ...drawn.map(([file, , text]) => [file, text]),
  ];
  return files.map(([file, text]) => {
    const path = join(folder, file);
    writeFileSync(path, text);
    return path;
  });
}
