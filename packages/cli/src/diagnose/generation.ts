/** `jaxscale diagnose generation`: how answers end, whether they repeat themselves, whether they equal a reference's. */
import { readFileSync, writeFileSync } from "node:fs";
import {
  diagnoseGeneration,
  encodeRuns,
  type GenerationCase,
  type GenerationDiagnosis,
  type NamedToken,
  parseQuestions,
  type Question,
  type Repetition,
} from "@jaxscale/models";
import type { Command } from "commander";
import { CheckpointError } from "jaxscale";
import { integer } from "../flags.ts";
import { addCheckFlags, type CheckFlags } from "../model-flags.ts";
import { formatTable, scientific } from "../table.ts";
import { addDump, withModel } from "./flags.ts";

interface GenerationFlags extends CheckFlags {
  readonly reference?: string;
  readonly max_new_tokens: number;
  readonly texts?: boolean;
  readonly dump?: string;
}

export function addGeneration(group: Command): void {
  const command = group
    .command("generation")
    .description(
      "greedy answers to five prompts, or to those of a reference: end tokens, repetition, first divergence",
    );
  addDump(addCheckFlags(command), "the logits of every step, {case}.{f32|bf16}.decode_logits [steps,1,V],")
    .option(
      "--reference <file>",
      "JSON with cases of prompt_ids, messages or prompt, and output_ids or expected: texts.json of tools/write_goldens.py",
    )
    .option("--max_new_tokens <n>", "maximum number of tokens in an answer", integer(1), 256)
    .option("--texts", "print the answers")
    .addHelpText(
      "after",
      "\nThe exit code is 1 if answers do not end, repeat themselves, or leave the reference by more than rounding.",
    )
    .action(run);
}

async function run(flags: GenerationFlags): Promise<void> {
  const { reference: path, max_new_tokens: maxNewTokens, dump, dtype } = flags;
  const reference = path === undefined ? undefined : readReference(path, dtype);
  const diagnosis = await withModel(flags, async (model) => {
    const found = await diagnoseGeneration(model, { maxNewTokens, reference, keepsLogits: dump !== undefined });
    if (dump !== undefined)
      writeFileSync(
        dump,
        await encodeRuns(
          found.cases.map(({ name, logits }) => ({ name, run: { dtype, tensors: logits ?? new Map() } })),
        ),
      );
    return found;
  });
  if (flags.json) {
    const cases = diagnosis.cases.map(({ logits: _, ...one }) => one);
    console.log(JSON.stringify({ ...flags, ...diagnosis, cases }, null, 1));
  } else console.log(report(diagnosis, flags));
  if (!diagnosis.passed) process.exitCode = 1;
}

function readReference(path: string, dtype: string): Question[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    throw new CheckpointError(`${path}: must be a file of prompts and answers; got no readable file`);
  }
  return parseQuestions(text, path, dtype);
}

function report({ endTokens, cases, passed }: GenerationDiagnosis, flags: GenerationFlags): string {
  const findings = [
    ...endTokens.findings,
    ...cases.flatMap((one) => one.findings.map((finding) => `${one.name}: ${finding}`)),
  ];
  return [
    `end tokens: ${endTokens.used.map(nameOf).join(", ") || "none"}`,
    "",
    formatTable(
      ["prompt", "tokens", "ended by", "words", "unique", "bigrams", "trigrams", "longest", ""],
      cases.map(({ name, tokens, stop, repetition }) => [
        name,
        `${tokens.length}`,
        stop ? nameOf(stop) : "length",
        ...cellsOf(repetition),
        repetition?.isHigh ? "REPEATS" : "",
      ]),
    ),
    ...(cases.some(({ reference }) => reference) ? ["", tableOfReference(cases)] : []),
    ...(flags.texts ? cases.map(({ name, text }) => `\n${name}: ${JSON.stringify(text)}`) : []),
    "",
    ...findings,
    `verdict: ${passed ? "good" : "bad"}`,
  ].join("\n");
}

const nameOf = ({ id, text }: NamedToken): string => `${id} ${text}`;

function cellsOf(repetition: Repetition | undefined): string[] {
  if (!repetition) return ["", "", "", "", ""];
  const { words, unique, bigrams, trigrams, longestRepeat } = repetition;
  return [`${words}`, ...[unique, bigrams, trigrams].map((x) => `${(100 * x).toFixed(1)} %`), `${longestRepeat}`];
}

/** Exact or not, tokens to the first divergence, and how near the two tokens were there. */
function tableOfReference(cases: readonly GenerationCase[]): string {
  const rows = cases.flatMap(({ name, reference }) => {
    if (!reference) return [];
    const { tokens, divergence, repetition } = reference;
    const trigrams = repetition ? `${(100 * repetition.trigrams).toFixed(1)} %` : "";
    if (!divergence) return [[name, `${tokens}`, trigrams, "exact", "", "", "", ""]];
    const { at, got, expected, gap } = divergence;
    const text = (token: NamedToken | undefined): string => (token ? nameOf(token) : "end");
    return [
      [name, `${tokens}`, trigrams, `${at}`, text(got), text(expected), Number.isNaN(gap) ? "" : scientific(gap), ""],
    ];
  });
  const exact = rows.filter((row) => row[3] === "exact").length;
  return [
    formatTable(["prompt", "reference", "trigrams", "same tokens", "then", "reference", "gap", ""], rows),
    `${exact} of ${rows.length} answers are the reference's, token by token`,
  ].join("\n");
}
