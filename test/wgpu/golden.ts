/** Runs in Deno: golden cases by the code that runs them in Node, and greedy tokens of tiny checkpoints. */
import { blobFiles, LanguageModel } from "@jaxscale/models";
import * as jax from "jaxscale";
import { hardwareTraits } from "../../packages/jaxscale/src/runtime/adapter-kinds.ts";
import { addFixture } from "../browser/fixture-files.ts";
import type { Selection } from "../conformance/run-table.ts";
import { generatedRows, greedyRuns } from "../models/greedy.ts";
import { check, Deno, readFolder, say } from "./suite.ts";

export interface Settings {
  /** Folder of golden cases. */
  readonly cases: string;
  readonly selection: Selection;
  /** Folders of checkpoints with golden tokens. */
  readonly models: readonly string[];
  /** Kernels for this adapter, or as any GPU gets them. */
  readonly schedules: "adapter" | "hardware";
}

async function runCases({ cases, selection }: Settings): Promise<void> {
  for (const [name, bytes] of readFolder(cases)) addFixture(name, bytes);
  // Its table reads fixtures when it is loaded.
  const { runFamily, selectedFamilies } = await import("../conformance/run-table.ts");
  for (const group of selectedFamilies(selection))
    for (const { item, status, message } of await runFamily(group, selection))
      say({ group, name: item.name, status, message });
}

async function runModel(folder: string): Promise<void> {
  const files = Object.fromEntries(readFolder(folder).map(([name, bytes]) => [name, new Blob([bytes])]));
  const runs = greedyRuns(JSON.parse(await files["golden.json"].text()));
  const model = await LanguageModel.load(blobFiles(files), { dtype: "float32" });
  for (const run of runs)
    await check("models", `${folder.split(/[\\/]/).at(-1)} ${run.name}`, async () => {
      const [got, want] = [await generatedRows(model, run), run.expected].map((rows) => JSON.stringify(rows));
      return got === want ? undefined : `got tokens ${got}, wanted ${want}`;
    });
  model.dispose();
}

const settings: Settings = JSON.parse(Deno.args[0]);
const target = await jax.ready();
if (settings.schedules === "hardware") Object.assign(target, { kind: "hardware", traits: hardwareTraits });
await runCases(settings);
for (const folder of settings.models) await runModel(folder);
say({ adapter: target.name });
