/** Evaluates a model on questions with expected answers. */

import type { LanguageModel } from "../language-model.ts";
import type { Question } from "./questions.ts";

/** The answer of a model to a question, and whether it is correct. */
export interface Answer {
  readonly question: Question;
  /** The answer: token ids or text, like the expected one. */
  readonly got: readonly number[] | string;
  readonly passed: boolean;
}

/** Options of `evaluate`. */
export interface EvaluateOptions {
  /** Questions per batch. */
  readonly batchSize?: number;
  /** Maximum number of tokens of a text answer. */
  readonly maxNewTokens?: number;
  /** Called after each batch. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Greedy answers to all questions, without a penalty, in batches.
 * @returns in the order of the questions
 * @throws CheckpointError for text without a tokenizer
 */
export async function evaluate(
  model: LanguageModel,
  questions: readonly Question[],
  options: EvaluateOptions = {},
): Promise<Answer[]> {
  const { batchSize = 16, onProgress } = options;
  const answers = new Map<Question, Answer>();
  for (const kind of ["string", "object"]) {
    const asked = await Promise.all(
      questions
        .filter(({ expected }) => typeof expected === kind)
        .map(async (question): Promise<Asked> => ({ question, prompt: await questionTokens(model, question) })),
    );
    // Sorted by length, so that short answers do not wait for long ones.
    asked.sort((a, b) => a.question.expected.length - b.question.expected.length || a.prompt.length - b.prompt.length);
    const size = Math.min(batchSize, asked.length);
    for (let at = 0; at < asked.length; at += size) {
      const batch = asked.slice(at, at + size);
      for (const answer of await answerAll(model, batch, size, maxTokens(asked, options)))
        answers.set(answer.question, answer);
      onProgress?.(answers.size, questions.length);
    }
  }
  return questions.map((question) => answers.get(question) as Answer);
}

interface Asked {
  readonly question: Question;
  readonly prompt: readonly number[];
}

/** Token ids of a question's prompt. @throws CheckpointError for text without a tokenizer */
export async function questionTokens(model: LanguageModel, question: Question): Promise<readonly number[]> {
  const { prompt, enableThinking } = question;
  if (typeof prompt === "string") return (await model.tokenizer()).encodePrompt(prompt);
  if (isIds(prompt)) return prompt;
  return (await model.tokenizer()).encodeChat(prompt, { enableThinking });
}

const isIds = (prompt: Exclude<Question["prompt"], string>): prompt is readonly number[] =>
  typeof prompt[0] === "number";

/** Capacity of all batches, so that they share programs. */
const maxTokens = (asked: readonly Asked[], { maxNewTokens = 128 }: EvaluateOptions): number =>
  Math.max(
    ...asked.map(({ question: { expected } }) => (typeof expected === "string" ? maxNewTokens : expected.length)),
  );

async function answerAll(
  model: LanguageModel,
  batch: readonly Asked[],
  size: number,
  maxNewTokens: number,
): Promise<Answer[]> {
  // A partial batch repeats its last question: another size would compile another program.
  const prompts = Array.from({ length: size }, (_, i) => batch[Math.min(i, batch.length - 1)].prompt);
  const isText = typeof batch[0].question.expected === "string";
  const rows: number[][] = batch.map(() => []);
  const decided = (row: number): boolean => {
    const { expected } = batch[row].question;
    if (typeof expected === "string") return false;
    const got = rows[row];
    return got.length >= expected.length || got[got.length - 1] !== expected[got.length - 1];
  };
  // Expected tokens may continue after an end token.
  const ending = isText ? {} : { eosTokenIds: [] };
  for await (const { tokens, active } of model.generate(prompts, {
    doSample: false,
    repetitionPenalty: 1,
    maxNewTokens,
    ...ending,
  })) {
    rows.forEach((row, i) => {
      if (active[i] && (row.length === 0 || !decided(i))) row.push(tokens[i]);
    });
    if (rows.every((_, i) => decided(i))) break;
  }
  return Promise.all(batch.map(({ question }, i) => judge(model, question, rows[i])));
}

async function judge(model: LanguageModel, question: Question, tokens: readonly number[]): Promise<Answer> {
  const { expected } = question;
  if (typeof expected !== "string") return { question, got: tokens, passed: tokens.join() === expected.join() };
  const ends = tokens.findIndex((token) => model.generation.eosTokenIds.includes(token));
  const answer = ends < 0 ? tokens : tokens.slice(0, ends);
  const got = (await model.tokenizer()).decode(answer, { skipSpecialTokens: true });
  // A truncated answer is wrong even if its text matches.
  return { question, got, passed: ends >= 0 && got === expected };
}
