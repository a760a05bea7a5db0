/** Greedy answers: whether they end, repeat themselves, and equal those of a reference. */

import { questionTokens } from "../evaluate/evaluate.ts";
import type { Question } from "../evaluate/questions.ts";
import type { FinishReason } from "../generate/generate.ts";
import { encodePrompt, type Prompt } from "../generate/generate-text.ts";
import type { LanguageModel } from "../language-model.ts";
import type { HostTensor } from "../safetensors/file.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { ForcedDecoding } from "../verify/forced-decoding.ts";
import { type Repetition, repetitionOf } from "./repetition.ts";
import { type ObservedRun, observeRun } from "./run.ts";

/** The prompts of the generation quality test of JaxScale in Python. */
export const qualityPrompts: readonly string[] = [
  "Please explain what machine learning is in simple terms.",
  "Write a short poem about the ocean.",
  "What are the main differences between Python and Java?",
  "Describe the process of photosynthesis step by step.",
  "Tell me a story about a cat who learned to fly.",
];

/** A token, and its text where there is a tokenizer. */
export interface NamedToken {
  readonly id: number;
  readonly text: string;
}

/** Where an answer leaves that of the reference. */
export interface Divergence {
  /** Tokens before it. */
  readonly at: number;
  /** Undefined if the answer, or the reference's, ends there. */
  readonly got: NamedToken | undefined;
  readonly expected: NamedToken | undefined;
  /** Logit of the token got − logit of the expected one, both behind the same tokens; NaN if one answer ends. */
  readonly gap: number;
  /** Largest gap that rounding explains; undefined if the reference does not say how far its own bfloat16 run lies. */
  readonly allowed: number | undefined;
}

/** An answer against that of the reference. */
export interface AgainstReference {
  readonly tokens: number;
  readonly text: string | undefined;
  readonly repetition: Repetition | undefined;
  readonly divergence: Divergence | undefined;
}

/** One greedy answer. */
export interface GenerationCase {
  readonly name: string;
  readonly tokens: readonly number[];
  /** Without special tokens; undefined without a tokenizer. */
  readonly text: string | undefined;
  readonly finish: FinishReason;
  /** The token that ended it. */
  readonly stop: NamedToken | undefined;
  readonly repetition: Repetition | undefined;
  /** The first special token that did not end the answer: a role token, say, whose id is missing from the list of end tokens. */
  readonly wentOnBehind: (NamedToken & { readonly at: number }) | undefined;
  readonly reference: AgainstReference | undefined;
  /** `decode_logits`, float32 `[steps,1,V]`: those that each token was chosen by, if they were asked for. */
  readonly logits?: ObservedRun["tensors"];
  /** What is wrong, in words; none if nothing is. */
  readonly findings: readonly string[];
}

/** Which tokens end an answer. */
export interface EndTokens {
  /** As generation uses them: those of `generation_config.json`, or of `config.json` if it names none. */
  readonly used: readonly NamedToken[];
  /** Of `config.json`, where `generation_config.json` lacks them. */
  readonly missing: readonly NamedToken[];
  readonly findings: readonly string[];
}

/** What `diagnoseGeneration` found. */
export interface GenerationDiagnosis {
  readonly endTokens: EndTokens;
  readonly cases: readonly GenerationCase[];
  readonly passed: boolean;
}

/** Options of `diagnoseGeneration`. */
export interface GenerationOptions {
  readonly maxNewTokens: number;
  /** Questions with the tokens or texts of a reference; `qualityPrompts` without one if absent. */
  readonly reference?: readonly Question[];
  /** Whether to compute the logits of every step once more; false if absent. */
  readonly keepsLogits?: boolean;
}

/**
 * Answers prompts greedily and looks at how the answers end, whether more than 30 % of their triples of words are repeats, and where
 * they leave the reference. A difference from the reference counts unless the logits of the two tokens are nearer than rounding
 * explains: in float32 4e-5 · max(1, largest logit); in bfloat16 twice the error that the reference recorded of its own bfloat16 run.
 * @throws CheckpointError without a tokenizer, for prompts that are texts; RangeError for prompts that are too long
 */
export async function diagnoseGeneration(
  model: LanguageModel,
  { maxNewTokens, reference, keepsLogits = false }: GenerationOptions,
): Promise<GenerationDiagnosis> {
  const tokenizer = await tokenizerOf(model, reference);
  const endTokens = endTokensOf(model, tokenizer);
  const cases: GenerationCase[] = [];
  for (const one of reference ?? qualityPrompts)
    cases.push(await answerOne({ model, tokenizer, maxNewTokens, keepsLogits }, one, cases.length));
  const passed = endTokens.findings.length === 0 && cases.every(({ findings }) => findings.length === 0);
  return { endTokens, cases, passed };
}

/** Only a reference of token ids can do without. */
function tokenizerOf(model: LanguageModel, reference: readonly Question[] | undefined): Promise<Tokenizer | undefined> {
  const isAllIds = reference?.every(({ prompt, expected }) =>
    [prompt, expected].every((x) => typeof x !== "string" && typeof x[0] === "number"),
  );
  return isAllIds ? model.tokenizer().catch(() => undefined) : model.tokenizer();
}

function endTokensOf({ generation, config }: LanguageModel, tokenizer: Tokenizer | undefined): EndTokens {
  const ids = generation.eosTokenIds;
  const missing = config.eosTokenIds.filter((id) => !ids.includes(id)).map((id) => named(id, tokenizer));
  const unknown = ids.filter((id) => id >= config.vocabSize || (tokenizer && tokenizer.tokenOf(id) === undefined));
  return {
    used: ids.map((id) => named(id, tokenizer)),
    missing,
    findings: [
      ...(ids.length === 0 ? ["no token ends an answer: eos_token_id is empty"] : []),
      ...unknown.map((id) => `the end token ${id} is no token of the vocabulary`),
      ...missing.map(({ id, text }) => `generation_config.json has no end token ${id} ${text}, which config.json has`),
    ],
  };
}

const named = (id: number, tokenizer: Tokenizer | undefined): NamedToken => ({
  id,
  text: JSON.stringify(tokenizer?.decode([id]) ?? ""),
});

interface Answering {
  readonly model: LanguageModel;
  readonly tokenizer: Tokenizer | undefined;
  readonly maxNewTokens: number;
  readonly keepsLogits: boolean;
}

async function answerOne(answering: Answering, asked: string | Question, index: number): Promise<GenerationCase> {
  const { model, tokenizer } = answering;
  const question = typeof asked === "string" ? undefined : asked;
  const prompt = question
    ? await questionTokens(model, question)
    : encodePrompt(tokenizer as Tokenizer, chatOf(tokenizer as Tokenizer, asked as string));
  const limit = limitOf(answering, question);
  const { tokens, finish } = await greedy(model, prompt, limit);
  const text = tokenizer?.decode(tokens, { skipSpecialTokens: true });
  const repetition = text === undefined ? undefined : repetitionOf(text);
  const strayAt = tokens.findIndex(
    (id, i) => tokenizer?.isSpecial(id) && !(finish === "stop" && i === tokens.length - 1),
  );
  const wentOnBehind = strayAt < 0 ? undefined : { ...named(tokens[strayAt], tokenizer), at: strayAt };
  const reference = question && (await againstReference(answering, question, prompt, tokens));
  const found = { tokens, text, finish, repetition, wentOnBehind, reference };
  return {
    name: question?.name ?? `prompt ${index + 1}`,
    ...found,
    stop: finish === "stop" ? named(tokens[tokens.length - 1], tokenizer) : undefined,
    ...(answering.keepsLogits && { logits: await logitsOf(model, prompt, tokens) }),
    findings: findingsOf(found),
  };
}

/** In the chat format, if there is one. */
const chatOf = ({ hasChatTemplate }: Tokenizer, prompt: string): Prompt =>
  hasChatTemplate ? [{ role: "user", content: prompt }] : prompt;

/** A reference that ran out of tokens says nothing of what comes next. */
function limitOf({ model, tokenizer, maxNewTokens }: Answering, question: Question | undefined): number {
  const { expected } = question ?? {};
  if (expected === undefined || typeof expected === "string") return maxNewTokens;
  const last = expected[expected.length - 1];
  const stops = tokenizer?.isSpecial(last) || model.generation.eosTokenIds.includes(last);
  return stops ? Math.max(maxNewTokens, expected.length) : expected.length;
}

async function greedy(
  model: LanguageModel,
  prompt: readonly number[],
  maxNewTokens: number,
): Promise<{ readonly tokens: readonly number[]; readonly finish: FinishReason }> {
  const tokens: number[] = [];
  let finish: FinishReason = "length";
  for await (const step of model.generate([prompt], { doSample: false, repetitionPenalty: 1, maxNewTokens })) {
    tokens.push(step.tokens[0]);
    finish = step.finished[0] ?? finish;
  }
  return { tokens, finish };
}

/** Of every step, in one pass without caches. */
async function logitsOf(
  { model }: LanguageModel,
  prompt: readonly number[],
  tokens: readonly number[],
): Promise<ObservedRun["tensors"]> {
  const ids = [...prompt, ...tokens.slice(0, -1)];
  const { tensors } = await observeRun(model, [ids], (name) => name === "logits");
  const { values, dtype } = tensors.get("logits") as HostTensor;
  const size = model.config.vocabSize;
  const shape = [tokens.length, 1, size];
  return new Map([["decode_logits", { shape, dtype, values: values.subarray((prompt.length - 1) * size) }]]);
}

async function againstReference(
  { model, tokenizer }: Answering,
  { expected, bfloat16Error }: Question,
  prompt: readonly number[],
  tokens: readonly number[],
): Promise<AgainstReference> {
  const isText = typeof expected === "string";
  const wanted = isText ? (tokenizer as Tokenizer).encode(expected) : expected;
  const text = isText ? expected : tokenizer?.decode([...expected], { skipSpecialTokens: true });
  const repetition = text === undefined ? undefined : repetitionOf(text);
  // A text does not say which token ended it, nor which tokens it was made of.
  const isSame = isText && tokenizer?.decode([...tokens], { skipSpecialTokens: true }) === expected;
  const longest = Math.max(wanted.length, tokens.length);
  const at = isSame ? longest : indexOfDifference(tokens, wanted);
  if (at === longest) return { tokens: wanted.length, text, repetition, divergence: undefined };
  const [got, other] = [tokens[at], wanted[at]];
  const nearness = await nearnessOf(model, [...prompt, ...tokens.slice(0, at)], { got, other, bfloat16Error });
  const name = (id: number | undefined) => (id === undefined ? undefined : named(id, tokenizer));
  return {
    tokens: wanted.length,
    text,
    repetition,
    divergence: { at, got: name(got), expected: name(other), ...nearness },
  };
}

function indexOfDifference(a: readonly number[], b: readonly number[]): number {
  const length = Math.max(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return i;
  return length;
}

async function nearnessOf(
  { model }: LanguageModel,
  before: readonly number[],
  { got, other, bfloat16Error }: { readonly got?: number; readonly other?: number; readonly bfloat16Error?: number },
): Promise<Pick<Divergence, "gap" | "allowed">> {
  const isKnown = other !== undefined && got !== undefined && other >= 0 && other < model.config.vocabSize;
  if (!isKnown) return { gap: Number.NaN, allowed: undefined };
  const array = new ForcedDecoding(model).recomputeAt([before], [before.length - 1]);
  const logits = await array.data();
  array.dispose();
  let largest = 1;
  for (const logit of logits) largest = Math.max(largest, Math.abs(logit));
  const allowed = model.dtype === "float32" ? 4e-5 * largest : bfloat16Error && 2 * bfloat16Error;
  return { gap: logits[got] - logits[other], allowed };
}

function findingsOf(found: Omit<GenerationCase, "name" | "stop" | "logits" | "findings">): string[] {
  const { wentOnBehind, repetition, reference, finish } = found;
  const findings: string[] = [];
  // What the reference does, too, is the checkpoint's way.
  if (wentOnBehind && !(reference && !reference.divergence))
    findings.push(
      `went on behind the special token ${wentOnBehind.id} ${wentOnBehind.text} at token ${wentOnBehind.at + 1}: it is no end token`,
    );
  if (repetition?.isHigh && !reference?.repetition?.isHigh) findings.push("repeats itself");
  const { divergence } = reference ?? {};
  if (!divergence) return findings;
  const { at, got, expected, gap, allowed } = divergence;
  if (allowed !== undefined && Math.abs(gap) <= allowed) return findings;
  if (expected === undefined) findings.push(`goes on where the reference ends, behind ${at} tokens`);
  else if (got === undefined)
    findings.push(`${finish === "stop" ? "ends" : "is cut off"} behind ${at} tokens, where the reference goes on`);
  else
    findings.push(
      `leaves the reference at token ${at + 1}: ${got.id} ${got.text}, not ${expected.id} ${expected.text}`,
    );
  return findings;
}
