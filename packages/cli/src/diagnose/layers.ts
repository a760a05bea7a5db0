/** `jaxscale diagnose layers`: two runs, tensor by tensor. */
import {
  diagnoseAccumulation,
  diagnoseLayers,
  type LayersDiagnosis,
  type LayerTensor,
  openCheckpoint,
  type ProductDiagnosis,
  partOf,
  type RunPair,
} from "@jaxscale/models";
import type { Command } from "commander";
import { integer } from "../flags.ts";
import { addCheckFlags } from "../model-flags.ts";
import { formatTable, scientific } from "../table.ts";
import { type AgainstFlags, addAgainstFlags, againstText, dumpPairs, hasAgainst, runPairs } from "./flags.ts";

interface LayersFlags extends AgainstFlags {
  readonly layer?: number;
}

export function addLayers(group: Command): void {
  const command = group
    .command("layers")
    .description(
      "two dtypes, two meshes, or the model and golden tensors, layer by layer; the first below cosine 0.99",
    );
  addAgainstFlags(addCheckFlags(command))
    .option("--layer <i>", "every part of this layer, and how its products are summed", integer(0))
    .addHelpText(
      "after",
      "\nWithout --golden and --against_*, against the other dtype. The exit code is 1 if a tensor lies below 0.99.",
    )
    .action(run);
}

async function run(given: LayersFlags): Promise<void> {
  const otherDtype = given.dtype === "float32" ? "bfloat16" : "float32";
  const flags: LayersFlags =
    given.golden === undefined && !hasAgainst(given) ? { ...given, against_dtype: otherDtype } : given;
  const { layer } = flags;
  const pairs = await runPairs(flags, wantedOf(layer), ({ config }) => requireLayer(layer, config.numHiddenLayers));
  await dumpPairs(flags, pairs);
  const cases = await Promise.all(
    pairs.map(async (pair) => ({ name: pair.name, ...compared(pair), products: await productsOf(flags, pair) })),
  );
  const passed = cases.every((one) => one.passed && one.products.every((product) => product.passed));
  if (flags.json) {
    const plain = cases.map((one) => ({ ...one, otherExperts: Object.fromEntries(one.otherExperts) }));
    console.log(JSON.stringify({ ...flags, cases: plain, passed }, null, 1));
  } else {
    console.log(`${flags.dtype} on tp ${flags.tp}, dp ${flags.dp}, ep ${flags.ep} against ${againstText(flags)}`);
    for (const one of cases) console.log(`\n${report(one, flags)}`);
    console.log(`\nverdict: ${passed ? "good" : "bad"}`);
  }
  if (!passed) process.exitCode = 1;
}

const overview = new Set(["attn", "router_logits", "expert_ids", "mlp", "out"]);

/** Attention, MLP and result of each layer; or all of one, with what comes into it, and the experts of those before. */
const wantedOf =
  (wanted: number | undefined) =>
  (name: string): boolean => {
    const { layer, part } = partOf(name);
    if (wanted === undefined) return layer === undefined || overview.has(part);
    if (layer === undefined) return wanted === 0 && part === "embed";
    return layer === wanted || (layer === wanted - 1 && part === "out") || (layer < wanted && part === "expert_ids");
  };

function requireLayer(layer: number | undefined, count: number): void {
  if (layer !== undefined && layer >= count)
    throw new RangeError(`diagnose: --layer must be below the model's ${count} layers; got ${layer}`);
}

const compared = ({ run, other }: RunPair): LayersDiagnosis =>
  diagnoseLayers(run.tensors, other.tensors, {
    columns: other.columns,
    toleratesOtherExperts: run.dtype !== other.dtype,
  });

/** Of one layer. */
async function productsOf({ model_path, layer }: LayersFlags, { run }: RunPair): Promise<ProductDiagnosis[]> {
  return layer === undefined ? [] : diagnoseAccumulation(await openCheckpoint(model_path), run, layer);
}

interface Case extends LayersDiagnosis {
  readonly name: string;
  readonly products: readonly ProductDiagnosis[];
}

function report({ name, tensors, firstBelow, otherExperts, tokens, products }: Case, { dtype }: LayersFlags): string {
  const others = [...otherExperts].map(([layer, count]) => `layer ${layer}: ${count}`).join(", ");
  return [
    `${name}, ${tokens} tokens`,
    formatTable(
      ["tensor", "max abs", "rms rel", "cosine", "mean", "std", "other mean", "other std", ""],
      tensors.map(rowOf),
    ),
    ...(others === "" ? [] : [`tokens with other experts, by layer: ${others}`]),
    firstBelow === undefined ? "no tensor below cosine 0.99" : `first below cosine 0.99: ${placeOf(firstBelow)}`,
    ...(products.length === 0 ? [] : ["", sumsOf(products, dtype)]),
  ].join("\n");
}

const placeOf = (tensor: string): string => {
  const { layer } = partOf(tensor);
  return layer === undefined ? tensor : `layer ${layer}, tensor ${tensor}`;
};

function rowOf({ name, errors, problem, passed }: LayerTensor): string[] {
  const verdict = problem ?? (passed ? "" : "BELOW");
  if (!errors) return [name, "", "", "", "", "", "", "", passed ? verdict : `BAD: ${verdict}`];
  const { maxAbs, rmsRelative, cosine, actual, expected } = errors;
  const moments = [actual.mean, actual.std, expected.mean, expected.std].map((x) => x.toFixed(4));
  return [name, scientific(maxAbs), scientific(rmsRelative), cosine.toFixed(6), ...moments, verdict];
}

const sumsOf = (products: readonly ProductDiagnosis[], dtype: string): string =>
  [
    `products of the last token in ${dtype}, error rms ÷ rms: the model's, sums in float32, sums in bfloat16`,
    formatTable(
      ["weight", "terms", "model", "float32", "bfloat16", ""],
      products.map(({ name, terms, model, float32, bfloat16, passed }) => [
        name,
        `${terms}`,
        ...[model, float32, bfloat16].map(scientific),
        passed ? "sums in float32" : "SUMS IN BFLOAT16",
      ]),
    ),
  ].join("\n");
