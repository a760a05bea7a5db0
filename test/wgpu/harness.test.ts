/** The suites on wgpu find what only Dawn accepts. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { rejection } from "../rejection.ts";
import { findDeno, howToInstall, runInDeno } from "./deno.ts";
import { failureOf, kernelNames } from "./kernels.ts";
import { describeVerdict, describeVerdicts } from "./report.ts";
import type { Verdict } from "./suite.ts";

const all = suite("wgpu");
// Deno is no dependency: it would be the largest of all.
const reason = findDeno() ? undefined : `Deno is not installed; ${howToInstall} installs it`;
if (reason) console.log(`skipped: ${reason}`);
const test = reason ? all.skip : all;

test("a kernel that Tint accepts and naga refuses is a failure that names it", async () => {
  for (const name of kernelNames) assert.is(await failureOf(name), undefined, `${name} on Dawn`);
  const verdicts: Verdict[] = [];
  const adapter = await runInDeno("kernels-in-deno.ts", { onVerdict: (verdict) => verdicts.push(verdict) });
  assert.match(adapter, /\S/);
  assert.equal(
    verdicts.map(({ name, status }) => [name, status]),
    [
      ["tripled", "passed"],
      ["tripled_in_place", "failed"],
      ["tripled_aside", "passed"],
    ],
  );
  const refused = describeVerdict(verdicts[1]);
  assert.match(refused, /^FAIL tripled_in_place on wgpu: DeviceError: .*kernel tripled_in_place, .* must compile on /);
  assert.match(refused, /which can't be passed into functions/);
  assert.is(describeVerdicts(verdicts), "kernels: 2 passed, 1 failed\n2 passed, 1 failed");
});

test("a suite may read the folders it is given and no others, and one that ends early is an error", async () => {
  const settings = { cases: import.meta.dirname, selection: { families: [], backends: ["gpu"] }, models: [] };
  const error = await rejection(runInDeno("golden.ts", { settings, onVerdict: () => {} }));
  assert.match(
    error.message,
    /^wgpu: golden\.ts must come to its end; Deno ended with code 1 before its first case:\n/,
  );
  assert.match(error.message, /Requires read access to /);
});

all.run();
