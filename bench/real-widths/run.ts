/**
 * Loads a checkpoint and generates from it, with what that took: `npx tsx bench/real-widths/run.ts FOLDER [--prompt_tokens=16]
 * [--max_new_tokens=8] [--dtype=bfloat16]`. Ids are drawn from the whole vocabulary, for random weights know no text.
 * With `MESA_SHADER_CACHE_DIR` at an empty folder the first token waits for every pipeline of Mesa's drivers to be compiled.
 */
import { parseArgs } from "node:util";
import { LanguageModel, StepCost } from "@jaxscale/models";
import { ready, statistics } from "jaxscale";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    prompt_tokens: { type: "string", default: "16" },
    max_new_tokens: { type: "string", default: "8" },
    dtype: { type: "string" },
  },
});

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
const peakBytes = (): number => process.resourceUsage().maxRSS * 1024;
const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`;

console.log(`adapter: ${(await ready()).name}`);
const base = peakBytes();
const loading = performance.now();
const dtype = values.dtype as "bfloat16" | "float32" | undefined;
const language = await LanguageModel.load(positionals[0], { dtype });
const weights = new StepCost(language.model).weightBytes;
console.log(`weights: ${megabytes(weights)}, loaded in ${seconds(loading)}`);
console.log(`peak resident: ${megabytes(base)} before, ${megabytes(peakBytes())} loaded`);

const { vocabSize } = language.config;
const prompt = Array.from({ length: Number(values.prompt_tokens) }, (_, i) => (7919 * (i + 1)) % vocabSize);
const started = performance.now();
const stream = language.generate([prompt], {
  maxNewTokens: Number(values.max_new_tokens),
  eosTokenIds: [],
  doSample: false,
});
const ids: number[] = [];
let turn = await stream.next();
console.log(`first token: ${seconds(started)}`);
for (; !turn.done; turn = await stream.next()) ids.push(turn.value.tokens[0]);
const { newTokens, decodeTokensPerSecond } = turn.value;
console.log(`ids: ${ids.join(" ")}`);
console.log(
  `decode: ${newTokens - 1} tokens, ${decodeTokensPerSecond.toFixed(2)} tokens/s, pipelines not yet compiled included`,
);
const { pipelinesCreated, peakBytes: deviceBytes } = statistics();
console.log(`pipelines: ${pipelinesCreated}; peak of arrays ${megabytes(deviceBytes)}`);
const over = peakBytes() - weights;
console.log(`peak resident: ${megabytes(peakBytes())} = weights + ${megabytes(over)} (to reach: 1024 MiB at most)`);
language.dispose();
process.exit(over <= 2 ** 30 ? 0 : 1);
