/** `jaxscale chat`: a conversation at the terminal, or of lines that are piped in. */
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
    .option("--system <text>", "what the conversation begins with", nonEmpty)
    .option("--enable_thinking", "let a model think first, where its chat format knows of it")
    .option("--capacity <n>", "tokens that the caches have room for at first; they grow", integer(1))
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
