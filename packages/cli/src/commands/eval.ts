/** `jaxscale eval`: exact matches of a model's answers to the questions of a file. */
import { basename, dirname } from "node:path";
import { type Answer, evaluate, folderFiles, parseQuestions, readTextFile } from "@jaxscale/models";
import type { Command } from "commander";
import { CheckpointError } from "jaxscale";
import { integer } from "../flags.ts";
import { loadModel } from "../load-model.ts";
import { addCheckFlags, type CheckFlags } from "../model-flags.ts";
import { formatTable } from "../table.ts";

interface EvalFlags extends CheckFlags {
  readonly file: string;
  readonly batch_size: number;
  readonly max_new_tokens: number;
}

export function addEval(program: Command): void {
  const command = program.command("eval").description("answer the questions of a file, and count the exact matches");
  addCheckFlags(command)
    .requiredOption("--file <file>", "JSON lines with messages, prompt or prompt_ids, and expected or output_ids")
    .option("--batch_size <n>", "questions at a time", integer(1), 16)
    .option("--max_new_tokens <n>", "maximum number of tokens in a text answer", integer(1), 128)
    .addHelpText("after", "\nThe exit code is 1 if an answer is not the expected one.")
    .action(run);
}

async function run(flags: EvalFlags): Promise<void> {
  const { file, dtype } = flags;
  const text = await readTextFile(folderFiles(dirname(file)), basename(file));
  if (text === undefined) throw new CheckpointError(`${file}: must be a file of questions; got no such file`);
  const questions = parseQuestions(text, file, dtype);
  const model = await loadModel(flags);
  const answers = await evaluate(model, questions, {
    batchSize: flags.batch_size,
    maxNewTokens: flags.max_new_tokens,
    onProgress: drawProgress,
  });
  model.dispose();
  console.log(flags.json ? JSON.stringify(asJson(answers, flags), null, 1) : report(answers));
  if (answers.some(({ passed }) => !passed)) process.exitCode = 1;
}

function drawProgress(done: number, total: number): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${total} answered${done === total ? "\n" : ""}`);
}

interface Count {
  passed: number;
  total: number;
}

function countsBy(answers: readonly Answer[], keyOf: (answer: Answer) => string): ReadonlyMap<string, Count> {
  const counts = new Map<string, Count>();
  for (const answer of answers) {
    const count = counts.get(keyOf(answer)) ?? { passed: 0, total: 0 };
    count.total++;
    if (answer.passed) count.passed++;
    counts.set(keyOf(answer), count);
  }
  return counts;
}

const splitOf = ({ question }: Answer): string => question.split ?? "";
const domainOf = ({ question }: Answer): string => question.domain;

function report(answers: readonly Answer[]): string {
  const failed = answers.filter(({ passed }) => !passed);
  const hasSplits = answers.some(({ question }) => question.split !== undefined);
  return [
    ...failed.map(
      ({ question, got }) => `${askedOf(question)}\n  expected ${shown(question.expected)}\n  got      ${shown(got)}`,
    ),
    ...(failed.length > 0 ? [""] : []),
    tableOf("domain", countsBy(answers, domainOf)),
    "",
    ...(hasSplits ? [tableOf("split", countsBy(answers, splitOf)), ""] : []),
    `${answers.length - failed.length} passed, ${failed.length} failed`,
  ].join("\n");
}

const tableOf = (heading: string, counts: ReadonlyMap<string, Count>): string =>
  formatTable(
    [heading, "passed", "of", "share"],
    [...counts].map(([key, { passed, total }]) => [
      key,
      `${passed}`,
      `${total}`,
      `${((100 * passed) / total).toFixed(1)} %`,
    ]),
  );

const shown = (value: readonly number[] | string): string =>
  typeof value === "string" ? JSON.stringify(value) : value.join(" ");

function askedOf({ name, prompt }: Answer["question"]): string {
  const last = prompt[prompt.length - 1];
  const text = typeof prompt === "string" ? prompt : typeof last === "object" ? last.content : "";
  return text === "" ? name : `${name}: ${text}`;
}

function asJson(answers: readonly Answer[], { model_path, file, dtype }: EvalFlags): object {
  const passed = answers.filter((answer) => answer.passed).length;
  return {
    model_path,
    file,
    dtype,
    passed,
    failed: answers.length - passed,
    domains: Object.fromEntries(countsBy(answers, domainOf)),
    splits: Object.fromEntries(countsBy(answers, splitOf)),
    answers: answers.map(({ question: { name, domain, split, expected }, got, passed }) => ({
      name,
      domain,
      split,
      passed,
      expected,
      got,
    })),
  };
}
