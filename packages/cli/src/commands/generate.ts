/** `jaxscale generate`: an answer to one prompt, as it comes. */
import type { GenerateTextOptions, LanguageModel, Prompt, Usage } from "@jaxscale/models";
import type { Command } from "commander";
import { interruptedCode, interruptible } from "../interrupt.ts";
import { loadModel } from "../load-model.ts";
import { addModelFlags, addSamplingFlags, type ModelFlags, type SamplingFlags, samplingOf } from "../model-flags.ts";

interface GenerateFlags extends ModelFlags, SamplingFlags {
  readonly prompt: string;
  readonly raw?: boolean;
  readonly enable_thinking?: boolean;
}

export function addGenerate(program: Command): void {
  const command = program.command("generate").description("answer a prompt with a model");
  addModelFlags(command);
  addSamplingFlags(command, { maxNewTokens: 128 })
    .requiredOption("--prompt <text>", "what to answer, in the checkpoint's chat format if it has one")
    .option("--raw", "continue the prompt as it is, without the chat format")
    .option("--enable_thinking", "let a model think first, where its chat format knows of it")
    .action(run);
}

async function run(flags: GenerateFlags): Promise<void> {
  const outcome = await interruptible(async (signal) => {
    const options = { ...samplingOf(flags), enableThinking: flags.enable_thinking, signal };
    const model = await loadModel(flags, { signal });
    const prompt = await promptOf(model, flags);
    await write(model, prompt, options);
  });
  if (outcome === "interrupted") process.exitCode = interruptedCode;
}

async function promptOf(model: LanguageModel, { prompt, raw }: GenerateFlags): Promise<Prompt> {
  const { hasChatTemplate } = await model.tokenizer();
  return raw || !hasChatTemplate ? prompt : [{ role: "user", content: prompt }];
}

/** To standard output; a line feed ends it, however it ends. */
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
