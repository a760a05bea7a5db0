/** Questions put to a model, and its answers held against what is expected. */

import type { LanguageModel } from "../language-model.ts";
import type { Question } from "./questions.ts";

/** What a model answered to a question, and whether that is right. */
export interface Answer {
  readonly question: Question;
  /** Token ids or text, as the question expects. */
  readonly got: readonly number[] | string;
  readonly passed: boolean;
}

/** Options of `evaluate`. */
export interface EvaluateOptions {
  /** Questions at a time. */
  readonly batchSize?: number;
  /** Of an answer in text; the answer that goes on ends there. */
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
      questions.filter(({ expected }) => typeof expected === kind).map((question) => asTokens(model, question)),
    );
    // Like lengths together, so that no short answer waits for a long one.
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

async function asTokens(model: LanguageModel, question: Question): Promise<Asked> {
  const { prompt, enableThinking } = question;
  if (typeof prompt === "string") return { question, prompt: (await model.tokenizer()).encodePrompt(prompt) };
  if (isIds(prompt)) return { question, prompt };
  return { question, prompt: (await model.tokenizer()).encodeChat(prompt, { enableThinking }) };
}

const isIds = (prompt: Exclude<Question["prompt"], string>): prompt is readonly number[] =>
  typeof prompt[0] === "number";

/** The same for all batches, so that they share programs. */
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
  // A batch that is not full asks its last question several times: another size would be another program.
  const prompts = Array.from({ length: size }, (_, i) => batch[Math.min(i, batch.length - 1)].prompt);
  const isText = typeof batch[0].question.expected === "string";
  const rows: number[][] = batch.map(() => []);
  const decided = (row: number): boolean => {
    const { expected } = batch[row].question;
    if (typeof expected === "string") return false;
    const got = rows[row];
    return got.length >= expected.length || got[got.length - 1] !== expected[got.length - 1];
  };
  // Expected tokens may go on behind one that ends an answer.
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
  // What was cut off is not the whole answer, even where it is the same text.
  return { question, got, passed: ends >= 0 && got === expected };
}
