/** `jaxscale profile`: the time of prefill and decoding by parts of the model, and kernel by kernel. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { profileModel } from "@jaxscale/models";
import type { Command } from "commander";
import { environmentOf } from "../benchmark-report.ts";
import { integer } from "../flags.ts";
import { loadMeasured } from "../load-model.ts";
import { addMeasuredFlags, type MeasuredFlags, measuredFrom } from "../model-flags.ts";
import { profileText } from "../profile-report.ts";

interface ProfileFlags extends MeasuredFlags {
  readonly batch: number;
  readonly prompt_tokens: number;
  readonly decode_steps: number;
  readonly warmup: number;
  readonly repeats: number;
  readonly output?: string;
  readonly json?: boolean;
}

export function addProfile(program: Command): void {
  const command = program
    .command("profile")
    .description("where the time of prefill and decode goes: by parts of the model, on the host, and kernel by kernel");
  addMeasuredFlags(command)
    .option("--batch <n>", "rows", integer(1), 1)
    .option("--prompt_tokens <n>", "tokens of each prompt", integer(1), 128)
    .option("--decode_steps <n>", "steps of decoding in a run", integer(1), 8)
    .option("--warmup <n>", "runs before the recorded ones", integer(0), 1)
    .option("--repeats <n>", "recorded runs, of which means are given", integer(1), 3)
    .option("--output <dir>", "write index.html, a page of all kernels, and trace.json for Perfetto")
    .option("--json", "print JSON instead of tables")
    .addHelpText("after", "\ndocs/profiling.md says what each row is, and to which part a fused kernel counts.")
    .action(run);
}

async function run(flags: ProfileFlags, command: Command): Promise<void> {
  const from = measuredFrom(flags, command);
  const { batch, prompt_tokens: promptTokens, decode_steps: decodeSteps, warmup, repeats, output, json } = flags;
  if (output !== undefined) makeFolder(output, command);
  const model = await loadMeasured(flags, from);
  const { modelType } = model.config;
  const given = { batch, promptTokens, decodeSteps, warmup, repeats };
  const { recording, ...profile } = await profileModel(model, given, { folder: output, name: modelType });
  const environment = await environmentOf();
  const { roofs, clock } = recording;
  model.dispose();
  if (json) console.log(JSON.stringify({ model: from, modelType, environment, clock, roofs, ...profile }, null, 1));
  else console.log(profileText({ environment, clock, roofs, profile }));
  const said = json ? console.error : console.log;
  if (output !== undefined)
    said(`\nto look at: ${join(output, "index.html")}; for https://ui.perfetto.dev: ${join(output, "trace.json")}`);
}

/** Before a model is loaded in vain. */
function makeFolder(folder: string, command: Command): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    command.error(`error: --output must be a folder that can be written; got ${folder}: ${(error as Error).message}`);
  }
}
