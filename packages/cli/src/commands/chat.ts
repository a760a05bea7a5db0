/** `jaxscale chat`: a conversation at the terminal, or with lines piped in. */
import type { Chat } from "@jaxscale/models";
import { type Command, InvalidArgumentError } from "commander";
import { Conversation } from "../conversation.ts";
import { integer } from "../flags.ts";
import { interruptedCode, interruptible } from "../interrupt.ts";
import { loadModel } from "../load-model.ts";
import { addModelFlags, addSamplingFlags, type ModelFlags, type SamplingFlags, samplingOf } from "../model-flags.ts";

interface ChatFlags extends ModelFlags, SamplingFlags {
  readonly system?: string;
  readonly enable_thinking?: boolean;
  readonly capacity?: number;
}

export function addChat(program: Command): void {
  const command = program.command("chat").description("talk with a model; /reset, /stats and /exit are commands");
  addModelFlags(command);
  addSamplingFlags(command, { maxNewTokens: 512 })
    .option("--system <text>", "system message", nonEmpty)
    .option("--enable_thinking", "let the model think first, if its chat format supports it")
    .option("--capacity <n>", "initial capacity of the caches in tokens; they grow", integer(1))
    .action(run);
}

function nonEmpty(text: string): string {
  if (text === "") throw new InvalidArgumentError("It must not be empty.");
  return text;
}

async function run(flags: ChatFlags): Promise<void> {
  const chat = await interruptible(async (signal): Promise<Chat> => {
    const settings = samplingOf(flags);
    const model = await loadModel(flags, { signal });
    const { system, capacity, enable_thinking: enableThinking } = flags;
    return model.chat({ ...settings, system, capacity, enableThinking });
  });
  if (chat === "interrupted") {
    process.exitCode = interruptedCode;
    return;
  }
  try {
    process.exitCode = await new Conversation(chat, process.stdin, process.stdout).run();
  } finally {
    chat.dispose();
  }
}
