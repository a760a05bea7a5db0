/** `npm run conformance:wgpu -- [DIR] [--share 0.12] [--family F] [--op X] [--model M] [--schedules hardware] [--verbose]`: golden cases and models' greedy tokens on wgpu. */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { fixtureFolder } from "../conformance/fixture-files.ts";
import { familyNames } from "../conformance/fixtures.ts";
import { fixture } from "../models/fixtures.ts";
import { runInDeno } from "./deno.ts";
import type { Settings } from "./golden.ts";
import { describeVerdict, describeVerdicts } from "./report.ts";
import type { Verdict } from "./suite.ts";

const checkpoints = ["glm-tiny", "glm4-tiny", "glm4_moe_lite-tiny"];
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    share: { type: "string", default: "1" },
    family: { type: "string", multiple: true },
    op: { type: "string", multiple: true },
    model: { type: "string", multiple: true },
    schedules: { type: "string", default: "adapter" },
    verbose: { type: "boolean", default: false },
  },
});
const share = Number(values.share);
if (!(share > 0 && share <= 1)) throw new Error(`--share must be more than 0 and at most 1; got ${values.share}`);

/** @throws Error for a name that is none of `known` */
function chosen(flag: string, names: readonly string[] | undefined, known: readonly string[]): readonly string[] {
  const unknown = names?.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`--${flag} must be one of ${known.join(", ")}; got ${unknown}`);
  return names ?? known;
}

const families = chosen("family", values.family, [...familyNames, "models"]);
const withModels = families.includes("models") && values.op === undefined;
const models = withModels ? chosen("model", values.model, checkpoints).map(fixture) : [];
const [schedules] = chosen("schedules", [values.schedules], ["adapter", "hardware"]) as [Settings["schedules"]];
const cases = resolve(positionals[0] ?? fixtureFolder);
const selection = { families, ops: values.op, backends: ["gpu"], fraction: share } as const;

const verdicts: Verdict[] = [];
const adapter = await runInDeno("golden.ts", {
  settings: { cases, selection, models, schedules } satisfies Settings,
  folders: [cases, ...models],
  onVerdict(verdict) {
    verdicts.push(verdict);
    if (verdict.status === "failed" || values.verbose) console.log(describeVerdict(verdict));
  },
});
console.log(`Deno's wgpu on ${adapter}\n${describeVerdicts(verdicts)}`);
process.exitCode = verdicts.length === 0 || verdicts.some(({ status }) => status === "failed") ? 1 : 0;
