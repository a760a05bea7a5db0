/**
 * Loads a checkpoint and generates from it, with what that took: `npx tsx bench/real-widths/run.ts FOLDER [--prompt_tokens=16]
 * [--max_new_tokens=8] [--dtype=bfloat16] [--cold]`. Ids are drawn from the whole vocabulary, for random weights know no text.
 * With `--cold` the driver's shader cache is empty, so that the first token waits for every pipeline.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    prompt_tokens: { type: "string", default: "16" },
    max_new_tokens: { type: "string", default: "8" },
    dtype: { type: "string" },
    cold: { type: "boolean", default: false },
  },
});
const cache = values.cold ? mkdtempSync(join(tmpdir(), "shaders-")) : undefined;
// Read by the driver when it opens, so before anything of the library is loaded.
if (cache) process.env.MESA_SHADER_CACHE_DIR = cache;
const { ready, statistics } = await import("jaxscale");
const { LanguageModel, StepCost } = await import("@jaxscale/models");

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
console.log(`first token: ${seconds(started)}${values.cold ? ", cold driver cache" : ""}`);
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
// The driver may still be writing.
if (cache) rmSync(cache, { recursive: true, maxRetries: 10 });
process.exit(over <= 2 ** 30 ? 0 : 1);
