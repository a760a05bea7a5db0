/** Answers of the trained checkpoints: tokens against transformers, and how many are right against their model cards. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { evaluate } from "../../packages/models/src/evaluate/evaluate.ts";
import { parseQuestions, type Question } from "../../packages/models/src/evaluate/questions.ts";
import { LanguageModel } from "../../packages/models/src/language-model.ts";
import type { ChatMessage } from "../../packages/models/src/tokenizer/chat-template.ts";
import "../setup.ts";
import { checkpoints } from "./golden.ts";

const full = process.env.JAXSCALE_FULL === "1";

interface Answer {
  readonly name: string;
  readonly messages: readonly ChatMessage[];
  readonly enable_thinking?: boolean;
  readonly prompt_ids: readonly number[];
  readonly output_ids: readonly number[];
}

/** In both dtypes, all questions as one batch of prompts of many lengths; then questions of the evaluation, in float32. */
export function testAnswers(name: string): void {
  const folder = join(checkpoints, name);
  const cases: readonly Answer[] = JSON.parse(readFileSync(join(folder, "golden.json"), "utf8")).cases;

  for (const dtype of ["bfloat16", "float32"] as const)
    test(`${name} in ${dtype} answers with the tokens of transformers`, async () => {
      const model = await LanguageModel.load(folder, { dtype });
      const tokenizer = await model.tokenizer();
      const prompts = cases.map(({ messages, enable_thinking }) =>
        tokenizer.encodeChat(messages, { enableThinking: enable_thinking }),
      );
      assert.equal(
        prompts,
        cases.map(({ prompt_ids }) => prompt_ids),
      );
      const rows: number[][] = cases.map(() => []);
      for await (const { tokens, active } of model.generate(prompts, { doSample: false, maxNewTokens: 96 }))
        tokens.forEach((token, row) => {
          if (active[row]) rows[row].push(token);
        });
      cases.forEach((answer, row) => {
        assert.equal(rows[row], answer.output_ids, answer.name);
      });
      if (dtype === "float32") await (full ? checkCard : checkSample)(model, folder, cases.length);
      model.dispose();
    });
}

/** Questions of the evaluation. */
export const questionsOf = (folder: string): Question[] =>
  parseQuestions(readFileSync(join(folder, "eval.jsonl"), "utf8"), "eval.jsonl", "float32");

/** `eval.jsonl held_out | 38 of 41 (92.7 %)` in the model card. */
export function cardOf(folder: string, split: string): { readonly right: number; readonly of: number } {
  const row = new RegExp(`eval\\.jsonl ${split} \\| (\\d+) of (\\d+)`).exec(
    readFileSync(join(folder, "README.md"), "utf8"),
  );
  assert.ok(row, `${folder} has a card`);
  return { right: Number(row[1]), of: Number(row[2]) };
}

/** All questions: as many right as transformers counted. */
async function checkCard(model: LanguageModel, folder: string, batchSize: number): Promise<void> {
  const answers = await evaluate(model, questionsOf(folder), { batchSize });
  for (const split of ["trained", "held_out"]) {
    const of = answers.filter(({ question }) => question.split === split);
    assert.equal({ right: of.filter(({ passed }) => passed).length, of: of.length }, cardOf(folder, split), split);
  }
}

/** One batch of trained wordings with short answers, from all domains: no more are wrong than in all of them. */
async function checkSample(model: LanguageModel, folder: string, batchSize: number): Promise<void> {
  const trained = questionsOf(folder).filter(({ split, expected }) => split === "trained" && expected.length <= 60);
  const sample = Array.from({ length: batchSize }, (_, i) => trained[Math.floor((i * trained.length) / batchSize)]);
  const wrong = (await evaluate(model, sample, { batchSize })).filter(({ passed }) => !passed);
  const { right, of } = cardOf(folder, "trained");
  assert.ok(wrong.length <= of - right, JSON.stringify(wrong));
}
