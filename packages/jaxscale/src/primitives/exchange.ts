/** What GPUs do together: collectives over axes of GPUs are made of one op, which the runtime does between two segments. */
import { bitsOf, type DType, kindOf } from "../base/dtypes.ts";
import { invariant } from "../base/errors.ts";
import { type Shape, sizeOf } from "../base/shapes.ts";
import { shapedArray } from "../jaxpr/ir.ts";
import type { ExchangeStep } from "../kernel/program.ts";
import { replicatedRule } from "./factors.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import { definePrimitive } from "./primitive.ts";
import { tuple } from "./python-text.ts";

/** What the runtime is asked to do; see `ExchangeStep` for what `from` and `to` hold. */
export type ExchangePlan = Pick<ExchangeStep, "collective" | "axes" | "combine" | "pairs">;

export type GpuExchangeParams = ExchangePlan & {
  /** GPUs in the group, where the result's shape depends on it. */
  readonly groupSize?: number;
};

/** Shape of the result: parts, where there are some, lie along a first axis. */
function exchangedShape(shape: Shape, { collective, groupSize = 1 }: GpuExchangeParams): Shape {
  if (collective === "allGather") return [groupSize, ...shape];
  return collective === "reduceScatter" ? shape.slice(1) : shape;
}

/** The operand folded over, or moved between, the GPUs of a group. Parts are whole words. */
export const exchange = definePrimitive<GpuExchangeParams>("exchange", {
  abstractEval: ([x], params) => [shapedArray(exchangedShape(x.shape, params), x.dtype, x.weakType)],
  reference: (_, { collective, axes }) => {
    invariant(false, `${collective} over ${axes.join(", ")} takes several GPUs`);
  },
  axisNames: ({ axes }) => axes,
  lowering: {
    kind: "exchange",
    plan: ({ collective, axes, combine, pairs }) => ({ collective, axes, combine, pairs }),
  },
  sharding: replicatedRule,
  printParams: ({ collective, axes, combine }) => ({
    axes: tuple(axes.map((axis) => `'${axis}'`)),
    collective,
    ...(combine && { combine }),
  }),
});

const words: Readonly<Record<ReturnType<typeof kindOf>, DType>> = {
  float: "float32",
  signed: "int32",
  unsigned: "uint32",
  bool: "int32",
};

/** The dtype of a word's elements that holds every value of another, if folds or parts that begin inside a word ask for it. */
function exchangedDType({ aval: { shape, dtype } }: Operand, { collective, combine }: GpuExchangeParams): DType {
  const part = collective === "allToAll" ? sizeOf(shape.slice(1)) : sizeOf(shape);
  const isWhole = collective === "permute" || (part * bitsOf(dtype)) % 32 === 0;
  return combine === undefined && isWhole ? dtype : words[kindOf(dtype)];
}

/** The exchange of an operand of any dtype and size. */
export function exchanged(ops: OpBuilder, x: Operand, params: GpuExchangeParams): Operand {
  const { shape, dtype, weakType } = x.aval;
  const result = shapedArray(exchangedShape(shape, params), dtype, weakType);
  // GPUs need not meet over nothing.
  if (sizeOf(result.shape) === 0) return ops.convert(ops.zeros(result), dtype, weakType);
  const wide = ops.convert(x, exchangedDType(x, params), weakType);
  return ops.convert(ops.bind1("exchange", [wide], params), dtype, weakType);
}

/** Exchanges of operands that are folded element by element: those of one dtype together, laid end to end. */
export function exchangedTogether(ops: OpBuilder, xs: readonly Operand[], params: GpuExchangeParams): Operand[] {
  if (xs.length === 1) return [exchanged(ops, xs[0], params)];
  const dtypes = xs.map((x) => exchangedDType(x, params));
  const results: Operand[] = [];
  for (const dtype of new Set(dtypes)) {
    const alike = xs.flatMap((_, i) => (dtypes[i] === dtype ? [i] : []));
    const flat = alike.map((i) => ops.reshape(ops.convert(xs[i], dtype), [sizeOf(xs[i].aval.shape)]));
    const all = exchanged(ops, ops.concatenate(flat, 0), params);
    let start = 0;
    for (const i of alike) {
      const { shape, dtype: own, weakType } = xs[i].aval;
      const part = ops.slice(all, [start], [(start += sizeOf(shape))]);
      results[i] = ops.convert(ops.reshape(part, shape), own, weakType);
    }
  }
  return results;
}

/** The immediate of kernels that holds the GPU's place along an axis. */
export const gpuImmediate = (axis: string): string =>
  `gpu_${axis.replace(/[^A-Za-z0-9]/gu, (character) => `_${character.codePointAt(0)?.toString(16)}_`)}`;
