/** `jaxscale verify-kvcache`: decoding with caches against recomputing every token. */
import { type CacheVerification, openCheckpoint, type VerifiedWay, verifyCaches } from "@jaxscale/models";
import type { Command } from "commander";
import { integer } from "../flags.ts";
import { loadModel } from "../load-model.ts";
import { addCheckFlags, type CheckFlags } from "../model-flags.ts";
import { formatTable, scientific } from "../table.ts";

interface VerifyFlags extends CheckFlags {
  readonly prompt?: string;
  readonly max_new_tokens: number;
}

export function addVerifyKvcache(program: Command): void {
  const command = program
    .command("verify-kvcache")
    .description("compare cached decoding with full recomputation: token by token, in chunks and all at once");
  addCheckFlags(command)
    .option("--prompt <text>", "prompt (default: 24 tokens spread over the vocabulary)")
    .option("--max_new_tokens <n>", "steps of decoding", integer(1), 16)
    .addHelpText(
      "after",
      "\nWith bfloat16, the model is loaded in float32 first. The exit code is 1 if a difference exceeds its tolerance.",
    )
    .action(run);
}

async function run({ model_path, dtype, tp, dp, ep, prompt, max_new_tokens, json }: VerifyFlags): Promise<void> {
  const { config, tokenizer } = await openCheckpoint(model_path);
  const ids = prompt === undefined ? spread(config.vocabSize) : (await tokenizer()).encodePrompt(prompt);
  const verification = await verifyCaches((dtype) => loadModel({ model_path, dtype, tp, dp, ep }), {
    prompt: ids,
    newTokens: max_new_tokens,
    dtype,
  });
  console.log(json ? JSON.stringify({ model_path, dtype, ...verification }, null, 1) : report(verification));
  if (!verification.passed) process.exitCode = 1;
}

/** Token ids spread over the vocabulary. */
const spread = (vocabSize: number): number[] =>
  Array.from({ length: 24 }, (_, i) => Math.floor(((i * 0.618034) % 1) * vocabSize));

function report({ tokens, ways, passed }: CacheVerification): string {
  const [decoded] = ways;
  return [
    formatTable(
      ["place", "token", "max abs", "next token", ""],
      decoded.steps.map(({ place, maxAbs, agrees, judged }) => [
        `${place}`,
        `${tokens[place]}`,
        scientific(maxAbs),
        agrees ? "same" : "other",
        judged ? "" : "not judged: other experts",
      ]),
    ),
    "",
    formatTable(
      ["logits through the caches", "tokens", "max abs", "rms rel", "allowed max", "allowed rms", ""],
      ways.map(rowOf),
    ),
    "",
    passed ? "caches agree with recomputation" : "caches differ from recomputation",
  ].join("\n");
}

function rowOf({ name, steps, maxAbs, rmsRelative, allowed, passed }: VerifiedWay): string[] {
  const judged = steps.filter((step) => step.judged).length;
  return [
    name,
    judged === steps.length ? `${judged}` : `${judged} of ${steps.length}`,
    scientific(maxAbs),
    scientific(rmsRelative),
    scientific(allowed.maxAbs),
    scientific(allowed.rmsRelative),
    passed ? "ok" : 2 * judged < steps.length ? "UNDECIDED: most tokens chose other experts" : "OVER",
  ];
}
