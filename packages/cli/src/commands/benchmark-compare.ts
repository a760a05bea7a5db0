/** `jaxscale benchmark compare`: several JSON files of `benchmark`, and what became worse beyond noise. */
import { writeFileSync } from "node:fs";
import type { Command } from "commander";
import { compareReports, comparisonPage } from "../compare/comparison.ts";
import { readReport } from "../compare/read-report.ts";
import { comparisonTable } from "../compare/table.ts";
import { requireWritable } from "../output.ts";

interface CompareFlags {
  readonly html?: string;
  readonly json?: boolean;
}

export function addBenchmarkCompare(benchmark: Command): void {
  benchmark
    .command("compare")
    .description("files that --output wrote, each against the first: what became better or worse beyond noise")
    .argument("<files...>", "JSON files, at least two")
    .option("--html <file>", "write a page with plots")
    .option("--json", "print JSON instead of a table")
    .addHelpText("after", "\ndocs/benchmarks.md says what noise is.")
    .action(run);
}

async function run(files: readonly string[], _: unknown, command: Command): Promise<void> {
  // `--json` is a flag of `benchmark` too, which takes it first.
  const { html, json } = command.optsWithGlobals<CompareFlags>();
  if (files.length < 2) command.error(`error: compare takes two files or more; got ${files.join(", ")}`);
  const comparison = compareReports(files.map(readReport));
  requireWritable(html, "--html", command);
  if (html !== undefined) writeFileSync(html, await comparisonPage(comparison));
  console.log(json ? JSON.stringify(comparison, null, 1) : comparisonTable(comparison));
  if (html !== undefined) (json ? console.error : console.log)(`\nto look at: ${html}`);
}
