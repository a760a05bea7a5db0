/** What every suite does beside measuring: it reports to the process that started it, or prints a table if a person did. */
import { loadavg } from "node:os";
import type { Measurement } from "./record.ts";
import { align, tableHead, tableRow } from "./report.ts";

/** From a suite to the process that started it. */
export type SuiteMessage =
  | { readonly kind: "measured"; readonly measurement: Measurement }
  | { readonly kind: "leftOut"; readonly what: string }
  | { readonly kind: "failed"; readonly error: string };

/** What a suite says while it runs; `load` is filled in. */
export interface Reporter {
  add(measurement: Pick<Measurement, "name" | "unit" | "samples"> & Partial<Measurement>): void;
  leaveOut(what: string): void;
}

const currentLoad = (): number => loadavg()[0];

/** Runs a suite and ends the process: with 1 if a measurement of this library failed. */
export async function runSuite(measure: (report: Reporter) => Promise<void>): Promise<never> {
  const rows: string[][] = [];
  const sent: Promise<void>[] = [];
  let failed = false;
  const tell = (message: SuiteMessage): void => {
    if (process.send)
      sent.push(new Promise((resolve) => process.send?.(message, undefined, undefined, () => resolve())));
  };
  const report: Reporter = {
    add(given) {
      const measurement: Measurement = { figures: [], errors: {}, load: currentLoad(), ...given };
      const row = tableRow(measurement);
      rows.push(row);
      failed ||= "jaxscale" in measurement.errors;
      console.error(row.filter(Boolean).join(", "));
      tell({ kind: "measured", measurement });
    },
    leaveOut(what) {
      console.error(`left out: ${what}`);
      tell({ kind: "leftOut", what });
    },
  };
  if (!process.send) console.error(`load average: ${currentLoad().toFixed(2)}`);
  try {
    await measure(report);
  } catch (error) {
    failed = true;
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    console.error(process.send ? text : error);
    tell({ kind: "failed", error: text });
  }
  await Promise.all(sent);
  if (!process.send && rows.length > 0)
    console.log(`\n${align([tableHead, ...rows])}\n\nload average: ${currentLoad().toFixed(2)}`);
  process.exit(failed ? 1 : 0);
}
