/** `jaxscale verify-kvcache`: decoding with caches against recomputing every token. */
import {
  type CacheSpeed,
  type CacheVerification,
  type LanguageModel,
  measureCache,
  openCheckpoint,
  type VerifiedWay,
  verifyCaches,
} from "@jaxscale/models";
import type { Command } from "commander";
import { integer } from "../flags.ts";
import { loadModel } from "../load-model.ts";
import { addCheckFlags, type CheckFlags } from "../model-flags.ts";
import { formatTable, scientific } from "../table.ts";

interface VerifyFlags extends CheckFlags {
  readonly prompt?: string;
  readonly max_new_tokens?: number;
  readonly full?: boolean;
}

/** Of the prompt and of what follows it; the second pair is that of the verification of JaxScale in Python. */
const sizes = { brief: { promptTokens: 24, newTokens: 16 }, full: { promptTokens: 128, newTokens: 32 } } as const;

export function addVerifyKvcache(program: Command): void {
  const command = program
    .command("verify-kvcache")
    .description(
      "compare cached decoding with full recomputation: token by token, in chunks and all at once; and the speed of both",
    );
  addCheckFlags(command)
    .option("--prompt <text>", "prompt (default: 24 tokens spread over the vocabulary, with --full 128)")
    .option("--max_new_tokens <n>", "steps of decoding (default: 16, with --full 32)", integer(1))
    .option("--full", "a longer run, and a row for every place of every way through the caches")
    .addHelpText(
      "after",
      "\nWith bfloat16, the model is loaded in float32 first. The exit code is 1 if a difference exceeds its tolerance.",
    )
    .action(run);
}

async function run({ prompt, max_new_tokens, full, json, ...flags }: VerifyFlags): Promise<void> {
  const { model_path, dtype } = flags;
  if (flags.kv_dtype !== undefined)
    throw new RangeError(
      `verify-kvcache: caches must be of the model's dtype, for narrower ones round what recomputation does not; got --kv_dtype ${flags.kv_dtype}`,
    );
  const { promptTokens, newTokens } = full ? sizes.full : sizes.brief;
  const { config, tokenizer } = await openCheckpoint(model_path);
  const ids = prompt === undefined ? spread(promptTokens, config.vocabSize) : (await tokenizer()).encodePrompt(prompt);
  const size = { prompt: ids, newTokens: max_new_tokens ?? newTokens };
  // The last model is measured behind the verification.
  const loaded: LanguageModel[] = [];
  const load = async (dtype: VerifyFlags["dtype"]) => {
    loaded.pop()?.dispose();
    loaded.push(await loadModel({ ...flags, dtype }));
    return { model: loaded[0].model, dispose: () => {} };
  };
  const verification = await verifyCaches(load, { ...size, dtype });
  const speed = await measureCache(loaded[0], size);
  // In bfloat16 both ways round at different places, and near ties may fall differently.
  const passed = verification.passed && (dtype !== "float32" || speed.firstDifference === undefined);
  const found = { ...verification, passed };
  console.log(
    json ? JSON.stringify({ model_path, dtype, ...found, speed }, null, 1) : report(found, speed, full ?? false),
  );
  if (!passed) process.exitCode = 1;
}

/** Token ids spread over the vocabulary. */
const spread = (count: number, vocabSize: number): number[] =>
  Array.from({ length: count }, (_, i) => Math.floor(((i * 0.618034) % 1) * vocabSize));

function report({ tokens, ways, passed }: CacheVerification, speed: CacheSpeed, full: boolean): string {
  const shown = full ? ways : ways.slice(0, 1);
  return [
    ...shown.flatMap((way) => [...(full ? [way.name] : []), stepsOf(way, tokens), ""]),
    formatTable(
      ["logits through the caches", "tokens", "max abs", "rms rel", "allowed max", "allowed rms", ""],
      ways.map(rowOf),
    ),
    "",
    speedText(speed),
    passed ? "caches agree with recomputation" : "caches differ from recomputation",
  ].join("\n");
}

const stepsOf = ({ steps }: VerifiedWay, tokens: readonly number[]): string =>
  formatTable(
    ["place", "token", "max abs", "next token", ""],
    steps.map(({ place, maxAbs, agrees, judged }) => [
      `${place}`,
      `${tokens[place]}`,
      scientific(maxAbs),
      agrees ? "same" : "other",
      judged ? "" : "not judged: other experts",
    ]),
  );

function speedText({ withCache, withoutCache, repeats, firstDifference }: CacheSpeed): string {
  const rates = `${withCache.toFixed(1)} tokens/s with the cache, ${withoutCache.toFixed(1)} without: ${(withCache / withoutCache).toFixed(2)} x`;
  const same = firstDifference === undefined ? "the same tokens" : `other tokens behind ${firstDifference}`;
  return `${rates} (best of ${repeats}, prompt included), ${same}`;
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
