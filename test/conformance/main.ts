/** `npm run conformance -- [DIR] [--backend reference|gpu|both] [--family F] [--op X] [--verbose]`: the table on golden cases from any folder. */
import { parseArgs } from "node:util";
import * as jax from "jaxscale";
import { readFamily } from "./fixtures.ts";
import { isLater } from "./later.ts";
import type { BackendName } from "./run-case.ts";
import { describeCounts, describeOutcome, runFamily, type Selection, selectedFamilies } from "./run-table.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    backend: { type: "string", default: "both" },
    family: { type: "string", multiple: true },
    op: { type: "string", multiple: true },
    verbose: { type: "boolean", default: false },
  },
});
const choices: Readonly<Record<string, readonly BackendName[]>> = {
  reference: ["reference"],
  gpu: ["gpu"],
  both: ["reference", "gpu"],
};
const backends = choices[values.backend];
if (!backends) throw new Error(`--backend must be reference, gpu or both; got ${values.backend}`);
const selection: Selection = { folder: positionals[0], families: values.family, ops: values.op, backends };

// Without an adapter, one sentence instead of one a case.
if (backends.includes("gpu")) await jax.ready();

let passed = 0;
let failed = 0;

for (const name of selectedFamilies(selection)) {
  const family = readFamily(name, selection.folder);
  if (!family) continue;
  const outcomes = await runFamily(name, selection);
  const wrong = outcomes.filter(({ status }) => status === "failed");
  passed += outcomes.length - wrong.length;
  failed += wrong.length;
  for (const outcome of values.verbose ? outcomes : wrong)
    console.log(`${outcome.status === "failed" ? "FAIL" : outcome.status.padEnd(4)} ${describeOutcome(outcome)}`);
  const later = family.cases.filter(({ op }) => isLater(op)).length;
  const statuses = outcomes.map(({ status }) => status);
  console.log(describeCounts(name, statuses, later));
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
