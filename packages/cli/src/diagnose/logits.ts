/** `jaxscale diagnose logits`: the likeliest next tokens, of one run or of two. */
import {
  cosineBetween,
  type HostTensor,
  type RunPair,
  type Tokenizer,
  type TopToken,
  topTokens,
} from "@jaxscale/models";
import type { Command } from "commander";
import { CheckpointError } from "jaxscale";
import { integer } from "../flags.ts";
import { addCheckFlags } from "../model-flags.ts";
import { formatTable } from "../table.ts";
import { topTokensText } from "../top-tokens.ts";
import { type AgainstFlags, addAgainstFlags, againstText, dumpPairs, hasAgainst, observed, runPairs } from "./flags.ts";

interface LogitsFlags extends AgainstFlags {
  readonly top: number;
}

export function addLogits(group: Command): void {
  const command = group
    .command("logits")
    .description("the likeliest next tokens: id, logit, text; beside those of another dtype, mesh or golden tensors");
  addAgainstFlags(addCheckFlags(command))
    .option("--top <k>", "tokens to show", integer(1), 10)
    .addHelpText(
      "after",
      "\nThe exit code is 1 if logits are not finite, or if the likeliest token differs, or the cosine of all logits lies below 0.99.",
    )
    .action(run);
}

const isLogits = (name: string): boolean => name === "logits";

async function run(flags: LogitsFlags): Promise<void> {
  let tokenizer: Tokenizer | undefined;
  const readTokenizer = async (model: { tokenizer(): Promise<Tokenizer> }): Promise<void> => {
    tokenizer = await model.tokenizer().catch(() => undefined);
  };
  const isPair = flags.golden !== undefined || hasAgainst(flags);
  const pairs: (Pick<RunPair, "name" | "run"> & Partial<RunPair>)[] = isPair
    ? await runPairs(flags, isLogits, readTokenizer)
    : [{ name: "prompt", run: await observed(flags, isLogits, readTokenizer) }];
  await dumpPairs(
    flags,
    pairs.map((pair) => ({ ...pair, other: pair.other ?? noTensors })),
  );
  const rows = pairs.flatMap((pair) => rowsOf(pair, flags.top));
  const passed = rows.every((row) => row.passed);
  if (flags.json) console.log(JSON.stringify({ ...flags, rows, passed }, null, 1));
  else {
    if (isPair) console.log(`${flags.dtype} against ${againstText(flags)}\n`);
    console.log(`${rows.map((row) => report(row, tokenizer)).join("\n\n")}\n\nverdict: ${passed ? "good" : "bad"}`);
  }
  if (!passed) process.exitCode = 1;
}

const noTensors: RunPair["other"] = { dtype: "float32", tensors: new Map(), columns: [] };

interface Row {
  readonly name: string;
  readonly top: readonly TopToken[];
  /** Of the run that it is held against. */
  readonly other?: readonly TopToken[];
  /** Of all logits behind the prompt. */
  readonly cosine?: number;
  readonly notFinite: number;
  readonly passed: boolean;
}

function rowsOf({ name, run, other }: Pick<RunPair, "name" | "run"> & Partial<RunPair>, count: number): Row[] {
  const logits = run.tensors.get("logits") as HostTensor;
  const theirs = other?.tensors.get("logits");
  if (theirs && theirs.shape.join() !== logits.shape.join())
    throw new CheckpointError(
      `${name}: logits: must have the shape [${logits.shape.join()}]; got [${theirs.shape.join()}]`,
    );
  return run.ids.map((ids, b): Row => {
    const own = lastOf(logits, b, ids.length - 1);
    const title = run.ids.length === 1 ? name : `${name} row ${b}`;
    const notFinite = own.reduce((sum, x) => sum + Number(!Number.isFinite(x)), 0);
    const top = topTokens(own, count);
    if (!theirs || !other) return { name: title, top, notFinite, passed: notFinite === 0 };
    const [column] = other.columns[b].slice(-1);
    const expected = lastOf(theirs, b, column);
    const cosine = cosineBetween(own, expected);
    const others = topTokens(expected, count);
    const passed = notFinite === 0 && top[0].id === others[0].id && cosine >= 0.99;
    return { name: title, top, other: others, cosine, notFinite, passed };
  });
}

function lastOf({ shape: [, width, size], values }: HostTensor, row: number, column: number): Float32Array {
  const from = (row * width + column) * size;
  return (values as Float32Array).subarray(from, from + size);
}

function report({ name, top, other, cosine, notFinite }: Row, tokenizer: Tokenizer | undefined): string {
  const problem = notFinite > 0 ? [`${notFinite} logits are NaN or infinite`] : [];
  if (!other) return [name, topTokensText(top, tokenizer), ...problem].join("\n");
  const shared = top.filter(({ id }) => other.some((token) => token.id === id)).length;
  const text = (id: number): string => JSON.stringify(tokenizer?.decode([id]) ?? "");
  const rows = top.map((token, i) => [
    `${i + 1}`,
    ...[token, other[i]].flatMap(({ id, logit }) => [`${id}`, logit.toFixed(4), text(id)]),
    token.id === other[i].id ? "same" : "OTHER",
  ]);
  return [
    name,
    formatTable(["rank", "id", "logit", "text", "id", "logit", "text", ""], rows),
    `${shared} of the ${top.length} likeliest are in both, cosine of all logits ${cosine?.toFixed(6)}`,
    ...problem,
  ].join("\n");
}
