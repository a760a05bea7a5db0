/** Sample calls of primitives, for tests that hold of all of them. Every other file here exports `samples`. */
import { readdirSync } from "node:fs";
import { type DType, isBool, isFloat, kindOf } from "../../../packages/jaxscale/src/base/dtypes.ts";
import { roundTo } from "../../../packages/jaxscale/src/base/rounding.ts";
import { type Shape, sizeOf } from "../../../packages/jaxscale/src/base/shapes.ts";
import { type HostTensor, hostTensor } from "../../../packages/jaxscale/src/base/tensor-data.ts";
import { type Params, type ShapedArray, shapedArray } from "../../../packages/jaxscale/src/jaxpr/ir.ts";
import {
  type LoweringContext,
  type PrimitiveRules,
  primitiveNamed,
} from "../../../packages/jaxscale/src/primitives/primitive.ts";

export interface Sample {
  readonly primitive: { readonly name: string };
  readonly inputs: readonly HostTensor[];
  readonly params: Params;
}

/** Loads every primitive there is and every sample. */
export async function loadSamples(): Promise<readonly Sample[]> {
  await importAll(new URL("../../../packages/jaxscale/src/primitives/", import.meta.url));
  const files = await importAll(new URL("./", import.meta.url));
  return files.flatMap((file) => (file as { samples: readonly Sample[] }).samples);
}

function importAll(folder: URL): Promise<unknown[]> {
  const files = readdirSync(folder).filter((name) => name.endsWith(".ts") && name !== "sample.ts");
  return Promise.all(files.map((name) => import(new URL(name, folder).href)));
}

/** A tensor of small scattered values of the dtype, the same at every run: floats in [-2, 2), integers in [-4, 4) or [0, 8). */
export function scattered(dtype: DType, shape: Shape, seed = 1): HostTensor {
  const out = hostTensor(shape, dtype);
  let state = seed;
  for (let i = 0; i < sizeOf(shape); i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const unit = state / 2 ** 32;
    const value = isBool(dtype) ? Number(unit < 0.5) : isFloat(dtype) ? 4 * unit - 2 : Math.floor(8 * unit);
    out.values[i] = roundTo(dtype, kindOf(dtype) === "signed" ? value - 4 : value);
  }
  return out;
}

export const tensor = (dtype: DType, shape: Shape, values: readonly number[]): HostTensor => {
  const out = hostTensor(shape, dtype);
  out.values.set(values);
  return out;
};

export const rulesOf = (sample: Pick<Sample, "primitive">): PrimitiveRules => primitiveNamed(sample.primitive.name);

const avalOf = ({ shape, dtype }: HostTensor): ShapedArray => shapedArray(shape, dtype);

export function contextOf(
  rules: PrimitiveRules,
  inputs: readonly HostTensor[],
  params: Params,
): LoweringContext<Params> {
  const avals = inputs.map(avalOf);
  return { params, inputs: avals, outputs: rules.abstractEval(avals, params) };
}

/** Results of the reference, rounded as the interpreter does. */
export function evaluate(rules: PrimitiveRules, inputs: readonly HostTensor[], params: Params): readonly HostTensor[] {
  const { outputs } = contextOf(rules, inputs, params);
  return rules.reference(inputs, params).map(({ values }, i) => {
    const { shape, dtype } = outputs[i];
    return hostTensor(
      shape,
      dtype,
      values.map((x) => roundTo(dtype, x)),
    );
  });
}

/** `name`, dtypes and params, for test names. */
export const describe = ({ primitive, inputs, params }: Sample): string =>
  `${primitive.name} ${inputs.map((x) => `${x.dtype}[${x.shape}]`).join(", ")} ${JSON.stringify(params)}`;
