/**
 * Where the time of a model goes, kernel by kernel, in a prefill and in decode steps:
 * `npx tsx bench/real-widths/profile.ts FOLDER [--prompt_tokens=64] [--steps=4]`.
 */
import { parseArgs } from "node:util";
import { LanguageModel } from "@jaxscale/models";
import { profiler } from "jaxscale";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    prompt_tokens: { type: "string", default: "64" },
    steps: { type: "string", default: "4" },
  },
});
const language = await LanguageModel.load(positionals[0]);
const prompt = Array.from(
  { length: Number(values.prompt_tokens) },
  (_, i) => (7919 * (i + 1)) % language.config.vocabSize,
);
const steps = Number(values.steps);
const generate = async (): Promise<void> => {
  const options = { maxNewTokens: steps + 1, eosTokenIds: [], doSample: false };
  for await (const _ of language.generate([prompt], options));
};
const { kernels, roofs } = await profiler.kernels(generate);
const programs = new Map<string, profiler.KernelProfile[]>();
for (const kernel of kernels) programs.set(kernel.program, [...(programs.get(kernel.program) ?? []), kernel]);
for (const [name, all] of programs)
  console.log(`${name}${name === "decode" ? `, ${steps} steps` : ""}\n${new profiler.Profile(all, roofs)}\n`);
process.exit();
