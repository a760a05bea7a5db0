/**
 * What a recording costs a decode step: generations with and without one, in turn.
 * `npx tsx bench/real-widths/profile-overhead.ts FOLDER [--tokens=8] [--rounds=7]`; exits with 1 above 10 %.
 */
import { parseArgs } from "node:util";
import { LanguageModel } from "@jaxscale/models";
import { profiler } from "jaxscale";
import { median } from "../statistics.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { tokens: { type: "string", default: "8" }, rounds: { type: "string", default: "7" } },
});
const language = await LanguageModel.load(positionals[0]);
const prompt = Array.from({ length: 16 }, (_, i) => (7919 * (i + 1)) % language.config.vocabSize);

/** Milliseconds of a decode step. */
async function decode(): Promise<number> {
  const options = { maxNewTokens: Number(values.tokens) + 1, eosTokenIds: [], doSample: false };
  const stream = language.generate([prompt], options);
  let turn = await stream.next();
  while (!turn.done) turn = await stream.next();
  return 1000 / turn.value.decodeTokensPerSecond;
}

async function recorded(): Promise<number> {
  let ms = 0;
  await profiler.record(
    async () => {
      ms = await decode();
    },
    { roofs: false },
  );
  return ms;
}

await decode();
await recorded();
const plain: number[] = [];
const profiled: number[] = [];
for (let round = 0; round < Number(values.rounds); round++) {
  plain.push(await decode());
  profiled.push(await recorded());
}
const list = (all: readonly number[]): string => all.map((ms) => ms.toFixed(1)).join(" ");
const overhead = median(profiled) / median(plain) - 1;
console.log(`decode step, not recorded: median ${median(plain).toFixed(2)} ms of ${list(plain)}`);
console.log(`decode step, recorded:     median ${median(profiled).toFixed(2)} ms of ${list(profiled)}`);
console.log(`overhead ${(100 * overhead).toFixed(1)} % (to reach: 10 % at most)`);
language.dispose();
process.exit(overhead <= 0.1 ? 0 : 1);
