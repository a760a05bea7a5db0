/** Greedy text of the tiny checkpoints against the reference. */
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { GenerateOptions } from "../../packages/models/src/generate/generate.ts";
import { LanguageModel } from "../../packages/models/src/language-model.ts";
import "../setup.ts";
import { fixtures, type GoldenCase, readGolden } from "./golden.ts";

const promptsOf = ({ input_ids, attention_mask }: GoldenCase): number[][] =>
  input_ids.map((row, b) => row.slice(attention_mask[b].indexOf(1)));

/** Tokens of each row. */
async function textOf(model: LanguageModel, golden: GoldenCase, options: GenerateOptions): Promise<number[][]> {
  const rows: number[][] = golden.input_ids.map(() => []);
  for await (const { tokens } of model.generate(promptsOf(golden), { doSample: false, ...options }))
    tokens.forEach((token, row) => {
      rows[row].push(token);
    });
  return rows;
}

/** In float32; prompts of several lengths in one batch, ends, penalties. */
export function testGreedy(name: string): void {
  test(`greedy tokens of ${name} are those of transformers`, async () => {
    const folder = join(fixtures, name);
    const golden = readGolden(folder);
    const model = await LanguageModel.load(folder, { dtype: "float32" });
    for (const caseName of ["batch2", "single"] as const) {
      const expected = golden.cases[caseName];
      const { greedy } = expected;
      const forever = { maxNewTokens: 24, eosTokenIds: [] };
      assert.equal(await textOf(model, expected, forever), greedy.f32, `${caseName}`);
      assert.equal(
        await textOf(model, expected, { maxNewTokens: 24 }),
        greedy.f32_stopping_at_eos,
        `${caseName}, ending`,
      );
      assert.equal(
        await textOf(model, expected, { ...forever, repetitionPenalty: 1.2 }),
        greedy["f32_repetition_penalty_1.2"],
        `${caseName}, with a penalty`,
      );
    }
    const { batch2 } = golden.cases;
    assert.equal(
      await textOf(model, batch2, { maxNewTokens: 24, useCache: false }),
      batch2.greedy.f32_stopping_at_eos,
      "without caches",
    );
    model.dispose();
  });
}
