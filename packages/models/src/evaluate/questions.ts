/** Files of questions with expected answers. */
import { refused, shown } from "../checkpoint-error.ts";
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from "../json/parse.ts";
import type { ChatMessage } from "../tokenizer/chat-template.ts";

/** A line of a file of questions. */
export interface Question {
  /** Name for messages, or the position in the file. */
  readonly name: string;
  readonly domain: string;
  /** Split of the question, such as whether its wording was in the training data. */
  readonly split: string | undefined;
  readonly prompt: readonly number[] | string | readonly ChatMessage[];
  /** Undefined for the default of the chat template. */
  readonly enableThinking: boolean | undefined;
  /** The whole text, or the first tokens, of the expected answer. */
  readonly expected: readonly number[] | string;
  /** Largest error of the logits of the reference's own bfloat16 run on its answer, where the file has it. */
  readonly bfloat16Error?: number;
}

/**
 * Parses a file with one question a line:
 *
 * - `messages` (and `enable_thinking`), `prompt` or `prompt_ids` ask it;
 * - `output_ids` or `expected` is the answer: token ids, or a text that must equal the whole answer without special tokens;
 * - `domain`, `split` and `name` are for the tables; `bf16_logits_max_abs` is `bfloat16Error`.
 *
 * Also accepts a JSON file with a list `cases` of such objects, or with `cases` as batches by name, each with rows of
 * `input_ids`, an `attention_mask`, and rows `greedy.f32` of expected tokens.
 * @param dtype of the model: bfloat16 is expected to match the first `greedy.bf16_agrees_with_f32_for` tokens of a row
 * @throws CheckpointError naming the line, expected and found
 */
export function parseQuestions(text: string, file: string, dtype: string): Question[] {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const questions = isOneDocument(lines, file)
    ? questionsOf(parseJson(text, { file }), file, dtype)
    : lines.map((line, i) => questionOf(parseJson(line, { file: `${file} line ${i + 1}` }), `${file} line ${i + 1}`));
  if (questions.length === 0) throw refused({ file }, "must hold questions", "none");
  return questions;
}

function isOneDocument(lines: readonly string[], file: string): boolean {
  try {
    const first = parseJson(lines[0] ?? "", { file });
    return lines.length === 1 && isJsonObject(first) && "cases" in first;
  } catch {
    return true;
  }
}

function questionsOf(document: JsonValue, file: string, dtype: string): Question[] {
  const cases = isJsonObject(document) ? document.cases : document;
  if (Array.isArray(cases)) return cases.map((value, i) => questionOf(value, `${file} case ${i + 1}`));
  if (!isJsonObject(cases ?? null)) throw refused({ file, key: "cases" }, "must be a list or an object", shown(cases));
  return Object.entries(cases as JsonObject).flatMap(([name, value]) => rowsOf(name, value, file, dtype));
}

function questionOf(value: JsonValue, place: string): Question {
  if (!isJsonObject(value)) throw refused({ file: place }, "must be an object", shown(value));
  const { messages, prompt, prompt_ids, input_ids, output_ids, expected, enable_thinking } = value;
  const asked = prompt_ids ?? input_ids ?? messages ?? prompt;
  const comes = output_ids ?? expected;
  if (!isText(asked) && !isIds(asked) && !isMessages(asked))
    throw refused({ file: place }, "must have messages, prompt or prompt_ids", shown(asked));
  if (!isText(comes) && !isIds(comes)) throw refused({ file: place }, "must have output_ids or expected", shown(comes));
  return {
    name: isText(value.name) ? value.name : place,
    domain: isText(value.domain) ? value.domain : "all",
    split: isText(value.split) ? value.split : undefined,
    prompt: asked,
    enableThinking: typeof enable_thinking === "boolean" ? enable_thinking : undefined,
    expected: comes,
    ...(typeof value.bf16_logits_max_abs === "number" && { bfloat16Error: value.bf16_logits_max_abs }),
  };
}

const isText = (value: JsonValue | undefined): value is string => typeof value === "string";
const isIds = (value: JsonValue | undefined): value is number[] =>
  Array.isArray(value) && value.length > 0 && value.every(Number.isInteger);
const isMessages = (value: JsonValue | undefined): value is JsonValue[] & readonly ChatMessage[] =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.every((x) => isJsonObject(x) && isText(x.role) && isText(x.content));

/** The rows of a batch, without their padding. */
function rowsOf(name: string, value: JsonValue, file: string, dtype: string): Question[] {
  const batch = isJsonObject(value) ? value : {};
  const greedy: JsonObject = isJsonObject(batch.greedy ?? null) ? (batch.greedy as JsonObject) : {};
  const ids = rows(batch.input_ids);
  const comes = rows(greedy.f32);
  const mask = rows(batch.attention_mask);
  if (!ids || comes?.length !== ids.length)
    throw refused({ file, key: `cases.${name}` }, "must have rows of input_ids and of greedy.f32", shown(value));
  const agreed = dtype === "bfloat16" && isIds(greedy.bf16_agrees_with_f32_for) ? greedy.bf16_agrees_with_f32_for : [];
  return ids.map((row, b) => ({
    name: `${name} row ${b}`,
    domain: name,
    split: undefined,
    prompt: row.filter((_, t) => mask?.[b]?.[t] !== 0),
    enableThinking: undefined,
    expected: comes[b].slice(0, agreed[b]),
  }));
}

const rows = (value: JsonValue | undefined): number[][] | undefined =>
  Array.isArray(value) && value.every(isIds) ? value : undefined;
