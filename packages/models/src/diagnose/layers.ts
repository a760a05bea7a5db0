/** Two runs of a model, tensor by tensor in the order of computation. */
import { type Errors, errorsBetween, type Places } from "../compare/errors.ts";
import { orderOf, partOf } from "../compare/order.ts";
import type { HostTensor } from "../safetensors/file.ts";

/** One tensor of two runs. */
export interface LayerTensor {
  readonly name: string;
  /** Undefined where nothing was compared; `problem` says why. */
  readonly errors: Errors | undefined;
  readonly problem?: string;
  /** False if the tensors have another shape, or a cosine below the least one or NaN. */
  readonly passed: boolean;
}

/** All tensors that both runs have. */
export interface LayersDiagnosis {
  readonly tensors: readonly LayerTensor[];
  /** The first one below the least cosine. */
  readonly firstBelow: string | undefined;
  /** Tokens for which the runs chose other experts, by layer; only layers with some. */
  readonly otherExperts: ReadonlyMap<number, number>;
  readonly tokens: number;
  readonly passed: boolean;
}

/** A run to be compared: tensors `[B,T,…]` by name. */
export type Tensors = ReadonlyMap<string, HostTensor>;

/** Options of `diagnoseLayers`. */
export interface LayersOptions {
  /** Columns of `expected` that hold tokens; those of `actual` begin their rows. */
  readonly columns: readonly (readonly number[])[];
  /** A tensor below it is a difference; 0.99 if absent. */
  readonly leastCosine?: number;
  /**
   * Whether near ties between experts are expected, as between bfloat16 and float32: behind a layer where a token has other experts,
   * this token and the later ones of its row, which attend to it, are not compared.
   */
  readonly toleratesOtherExperts: boolean;
}

/** Compares tensors that both runs have, in the order of computation. */
export function diagnoseLayers(actual: Tensors, expected: Tensors, options: LayersOptions): LayersDiagnosis {
  const { columns, leastCosine = 0.99, toleratesOtherExperts } = options;
  const names = [...actual.keys()].filter((name) => expected.has(name)).sort((a, b) => orderOf(a) - orderOf(b));
  const tokens = columns.reduce((sum, row) => sum + row.length, 0);
  // Tokens of each row before the first with other experts.
  let clear = columns.map((row) => row.length);
  const otherExperts = new Map<number, number>();
  const tensors: LayerTensor[] = [];
  for (const name of names) {
    const pair = { name, actual: actual.get(name) as HostTensor, expected: expected.get(name) as HostTensor };
    const [own, other] = [pair.actual, pair.expected].map(({ shape }) => shape.join());
    if (own !== other)
      tensors.push({ name, errors: undefined, problem: `has shape [${own}], not [${other}]`, passed: false });
    else if (partOf(name).part === "expert_ids") {
      const { tensor, firsts, count } = compareExperts(pair, columns, clear);
      if (count > 0) otherExperts.set(partOf(name).layer ?? 0, count);
      if (toleratesOtherExperts) clear = clear.map((before, b) => Math.min(before, firsts[b]));
      tensors.push(tensor);
    } else tensors.push(compareOne(pair, { columns, counts: (b, index) => index < clear[b] }, leastCosine));
  }
  const firstBelow = tensors.find(({ passed }) => !passed)?.name;
  return { tensors, firstBelow, otherExperts, tokens, passed: firstBelow === undefined && tensors.length > 0 };
}

interface Pair {
  readonly name: string;
  readonly actual: HostTensor;
  readonly expected: HostTensor;
}

function compareOne({ name, actual, expected }: Pair, places: Places, leastCosine: number): LayerTensor {
  const layout = { shape: expected.shape, alongKeys: partOf(name).part === "probs" };
  const errors = errorsBetween(expected.values, { values: actual.values, atColumns: false }, layout, places);
  if (errors.tokens === 0)
    return { name, errors: undefined, problem: "not compared: the tokens before have other experts", passed: true };
  return { name, errors, passed: errors.cosine >= leastCosine };
}

/** Reported; judged by what the experts give. @returns the first token of each row with other experts, and their number */
function compareExperts(
  { name, actual, expected }: Pair,
  columns: LayersOptions["columns"],
  clear: readonly number[],
): { readonly tensor: LayerTensor; readonly firsts: readonly number[]; readonly count: number } {
  const [, width, k] = expected.shape;
  const differs = (b: number, index: number): boolean =>
    Array.from({ length: k }, (_, i) => i).some(
      (i) => actual.values[(b * width + index) * k + i] !== expected.values[(b * width + columns[b][index]) * k + i],
    );
  const others = columns.map((_, b) =>
    Array.from({ length: clear[b] }, (_, index) => index).filter((index) => differs(b, index)),
  );
  const count = others.reduce((sum, row) => sum + row.length, 0);
  const compared = clear.reduce((sum, length) => sum + length, 0);
  const problem = count === 0 ? "same experts" : `other experts for ${count} of ${compared} tokens`;
  // Near ties concern few tokens: if most of several have other experts, the router is another one.
  const passed = 2 * count <= compared || compared < 4;
  return {
    tensor: { name, errors: undefined, problem, passed },
    firsts: others.map((row) => row[0] ?? Infinity),
    count,
  };
}
