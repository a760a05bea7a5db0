/** Greedy tokens of a tiny checkpoint against the reference's, on any platform. */
import type { GenerateOptions } from "../../packages/models/src/generate/generate.ts";
import type { LanguageModel } from "../../packages/models/src/language-model.ts";
import type { Golden, GoldenCase } from "./golden.ts";

/** One generation, with the tokens of each row that the reference gives in float32. */
export interface GreedyRun {
  readonly name: string;
  readonly golden: GoldenCase;
  readonly options: GenerateOptions;
  readonly expected: readonly (readonly number[])[];
}

/** Prompts of several lengths in one batch and one alone; without an end, with ends, with a penalty, without caches. */
export function greedyRuns({ cases }: Golden): GreedyRun[] {
  const forever = { maxNewTokens: 24, eosTokenIds: [] };
  const { batch2 } = cases;
  const uncached = {
    name: "batch2, ending, without caches",
    golden: batch2,
    options: { maxNewTokens: 24, useCache: false },
    expected: batch2.greedy.f32_stopping_at_eos,
  };
  const runs = (["batch2", "single"] as const).flatMap((name) => {
    const golden = cases[name];
    const { greedy } = golden;
    return [
      { name, golden, options: forever, expected: greedy.f32 },
      { name: `${name}, ending`, golden, options: { maxNewTokens: 24 }, expected: greedy.f32_stopping_at_eos },
      {
        name: `${name}, with a penalty`,
        golden,
        options: { ...forever, repetitionPenalty: 1.2 },
        expected: greedy["f32_repetition_penalty_1.2"],
      },
    ];
  });
  return [...runs, uncached];
}

/** Tokens of each row. */
export async function generatedRows(
  model: LanguageModel,
  { golden, options }: Pick<GreedyRun, "golden" | "options">,
): Promise<number[][]> {
  const rows: number[][] = golden.input_ids.map(() => []);
  for await (const { tokens } of model.generate(promptsOf(golden), { doSample: false, ...options }))
    tokens.forEach((token, row) => {
      rows[row].push(token);
    });
  return rows;
}

const promptsOf = ({ input_ids, attention_mask }: GoldenCase): number[][] =>
  input_ids.map((row, b) => row.slice(attention_mask[b].indexOf(1)));
