/** Compares a model with a reference that ran the same checkpoint, tensor by tensor. */
import * as jax from "jaxscale";
import type { CausalLM } from "../model.ts";
import { filledUp } from "../parallel/model-mesh.ts";
import { int32, padded } from "../token-rows.ts";
import { type Agreement, agreementOf, compareDecoding } from "./decoding.ts";
import type { Places } from "./errors.ts";
import type { GoldenFile } from "./golden.ts";
import { readInputs } from "./inputs.ts";
import { observe } from "./observe.ts";
import { orderOf } from "./order.ts";
import { findFlips } from "./routing.ts";
import { compareTensor, type Running, type TensorComparison } from "./tensor.ts";

/** Result of one case of a golden file: its tensors, and whether all are within tolerance. */
export interface CaseComparison {
  readonly name: string;
  readonly tensors: readonly TensorComparison[];
  readonly tokens: number;
  /** Excluded tokens: near ties, for which bfloat16 chose other experts than float32. */
  readonly otherExperts: number;
  /** Agreement of the likeliest token with the reference, teacher-forced on generated tokens. */
  readonly agreement: Agreement;
  readonly passed: boolean;
}

/** Results of all cases of a golden file. */
export interface Comparison {
  readonly cases: readonly CaseComparison[];
  /** The first tensor over tolerance in the order of computation: `layers.2.attn`. */
  readonly firstDivergence: { readonly case: string; readonly tensor: string } | undefined;
  readonly passed: boolean;
}

/**
 * Runs the model on the golden inputs. Padding of the reference, before or after the tokens, is removed, so that rows begin
 * at position 0. Tolerances: in float32 2e-5 · max(1, largest magnitude), and the same experts and tokens; in bfloat16, against
 * the same float32 tensors, 3 × the largest and 2 × the root mean square error of the reference's own bfloat16 run.
 * @param model in float32 or bfloat16
 * @throws CheckpointError if the file does not define the inputs
 */
export async function compareWithGolden(model: CausalLM, golden: GoldenFile): Promise<Comparison> {
  const wanted = new Set(golden.cases.flatMap(({ tensors }) => tensors));
  const run = jax.jit(
    (m: CausalLM, ids: jax.Array, rows: number) =>
      firstRows(
        observe(m, ids, (name) => wanted.has(name)),
        rows,
      ),
    { name: "observe", staticArgnums: 2 },
  );
  const cases: CaseComparison[] = [];
  for (const one of golden.cases) {
    const { ids, columns } = await readInputs(model, golden, one);
    const values = run(model, int32(filledUp(padded(ids, one.width), model.mesh)), one.batch);
    cases.push(await compareCase({ model, golden, one, ids, columns, values }));
    for (const value of Object.values(values)) value.dispose();
  }
  return { cases, firstDivergence: firstOver(cases), passed: cases.every(({ passed }) => passed) };
}

/** Without the rows that fill a batch up. */
const firstRows = (values: Record<string, jax.Array>, count: number): Record<string, jax.Array> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value.slice(jax.slice(0, count))]));

async function compareCase(running: Running): Promise<CaseComparison> {
  const { model, one, columns } = running;
  const flips = model.dtype === "float32" ? undefined : await findFlips(running);
  const steady: Places = { columns, counts: (row, index) => !flips?.leftOut(row, index) };
  const tensors: TensorComparison[] = [];
  // The gap measures how clear a choice was; models do not compute it.
  const names = one.tensors.filter((name) => !/(^|\.)(routing_gap|decode_logits)$/.test(name));
  for (const name of [...names].sort((a, b) => orderOf(a) - orderOf(b))) {
    const places = name.endsWith("expert_ids") && flips ? { columns, counts: flips.clearIn(name) } : steady;
    tensors.push(await compareTensor(running, name, places));
  }
  const decoded = await compareDecoding(running);
  if (decoded.tensor) tensors.push(decoded.tensor);
  const agreement = decoded.agreement ?? (await agreementOf(running, steady));
  const tokens = columns.reduce((sum, row) => sum + row.length, 0);
  const agrees = model.dtype !== "float32" || agreement.agreeing === agreement.total;
  return {
    name: one.name,
    tensors,
    tokens,
    otherExperts: flips?.count ?? 0,
    agreement,
    passed: agrees && tensors.every(({ passed }) => passed),
  };
}

function firstOver(cases: readonly CaseComparison[]): Comparison["firstDivergence"] {
  const over = cases.flatMap(({ name, tensors }) =>
    tensors.filter(({ passed }) => !passed).map((tensor) => ({ case: name, tensor: tensor.name })),
  );
  return over.reduce<Comparison["firstDivergence"]>(
    (first, one) => (first && orderOf(first.tensor) <= orderOf(one.tensor) ? first : one),
    undefined,
  );
}
