/** `jaxscale generate`: streams the answer to one prompt. */
import {
  encodePrompt,
  type GenerateTextOptions,
  type LanguageModel,
  nextTokens,
  type Prompt,
  type Usage,
} from "@jaxscale/models";
import type { Command } from "commander";
import { benchmarkText } from "../benchmark.ts";
import { integer } from "../flags.ts";
import { interruptedCode, interruptible } from "../interrupt.ts";
import { loadModel } from "../load-model.ts";
import { addModelFlags, addSamplingFlags, type ModelFlags, type SamplingFlags, samplingOf } from "../model-flags.ts";
import { printPlan } from "../plan.ts";
import { topTokensText } from "../top-tokens.ts";

interface GenerateFlags extends ModelFlags, SamplingFlags {
  readonly prompt?: string;
  readonly raw?: boolean;
  readonly benchmark?: boolean;
  readonly plan?: boolean;
  readonly enable_thinking?: boolean;
  readonly top_logits?: number;
}

export function addGenerate(program: Command): void {
  const command = program.command("generate").description("answer a prompt with a model");
  addModelFlags(command);
  addSamplingFlags(command, { maxNewTokens: 128 })
    .option("--prompt <text>", "what to answer, in the checkpoint's chat format if it has one")
    .option("--raw", "continue the prompt as it is, without the chat format")
    .option("--enable_thinking", "let the model think first, if its chat format supports it")
    .option(
      "--top_logits <k>",
      "print the k likeliest first tokens, with ids and logits, before the answer",
      integer(1),
    )
    .option("--benchmark", "print times, tokens/s, MFU and MBU after the answer; programs are compiled before it")
    .option("--plan", "print the memory that this would take and whether it fits, and load nothing")
    .action(run);
}

async function run(flags: GenerateFlags, command: Command): Promise<void> {
  const options = { ...samplingOf(flags), enableThinking: flags.enable_thinking };
  const { prompt } = flags;
  if (flags.plan) {
    const promptOf = prompt === undefined ? undefined : (of: Templated) => formatted(prompt, of, flags);
    if (!(await printPlan({ flags, options, promptOf }))) process.exitCode = 1;
    return;
  }
  if (prompt === undefined) return command.error("error: required option '--prompt <text>' not specified");
  const outcome = await interruptible(async (signal) => {
    const model = await loadModel(flags, { signal });
    const question = formatted(prompt, await model.tokenizer(), flags);
    if (flags.top_logits !== undefined) console.log(await topLogits(model, question, flags));
    const compileMs = flags.benchmark ? await warmUp(model, question, { ...options, signal }) : 0;
    const usage = await write(model, question, { ...options, signal });
    if (flags.benchmark) console.log(`\n${await benchmarkText(model, usage, compileMs)}`);
  });
  if (outcome === "interrupted") process.exitCode = interruptedCode;
}

/** The likeliest tokens behind the prompt, as a table with an empty line behind it. */
async function topLogits(model: LanguageModel, prompt: Prompt, flags: GenerateFlags): Promise<string> {
  const tokenizer = await model.tokenizer();
  const ids = encodePrompt(tokenizer, prompt, { enableThinking: flags.enable_thinking });
  return `${topTokensText(await nextTokens(model, ids, flags.top_logits ?? 1), tokenizer)}\n`;
}

interface Templated {
  readonly hasChatTemplate: boolean;
}

/** In the checkpoint's chat format, if it has one. */
const formatted = (prompt: string, { hasChatTemplate }: Templated, { raw }: GenerateFlags): Prompt =>
  raw || !hasChatTemplate ? prompt : [{ role: "user", content: prompt }];

/** Compiles every program by running it. @returns the time that took, in ms */
async function warmUp(model: LanguageModel, prompt: Prompt, options: GenerateTextOptions): Promise<number> {
  const startedAt = performance.now();
  let steps = 0;
  // Prefill, then one decode step.
  for await (const _ of model.generateText([prompt], options)) if (++steps === 2) break;
  return performance.now() - startedAt;
}

/** Streams the answer to standard output; ends with a line feed, also after an error. */
async function write(model: LanguageModel, prompt: Prompt, options: GenerateTextOptions): Promise<Usage> {
  const generated = model.generateText([prompt], options);
  try {
    for (;;) {
      const { done, value } = await generated.next();
      if (done) return value;
      process.stdout.write(value.texts[0]);
    }
  } finally {
    process.stdout.write("\n");
  }
}
