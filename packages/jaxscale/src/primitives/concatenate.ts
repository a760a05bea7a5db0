/** concatenate: arrays laid end to end along one axis. */

import { DTypeError, ShapeError } from "../base/errors.ts";
import { sameShape } from "../base/shapes.ts";
import { type HostTensor, hostTensor } from "../base/tensor-data.ts";
import { formatAval, type ShapedArray, shapedArray } from "../jaxpr/ir.ts";
import type { KernelBuilder } from "../kernel/builder.ts";
import { Index } from "../kernel/index-space.ts";
import type { Value } from "../kernel/ir.ts";
import { checkAxis } from "./axes.ts";
import { newFactors } from "./factors.ts";
import { batched, linearJvp } from "./linear-rules.ts";
import { type DerivedRules, definePrimitive, type Read } from "./primitive.ts";

export type ConcatenateParams = { readonly dimension: number };

const listed = (inputs: readonly ShapedArray[]): string => inputs.map(formatAval).join(", ");

function concatenatedAval(inputs: readonly ShapedArray[], dimension: number): ShapedArray {
  const [first] = inputs;
  if (!first) throw new ShapeError("concatenate: there must be at least one operand; got none");
  checkAxis("concatenate", "dimension", dimension, first);
  if (inputs.some((x) => x.dtype !== first.dtype))
    throw new DTypeError(`concatenate: operands must have one dtype; got ${listed(inputs)}`);
  const across = ({ shape }: ShapedArray): number[] => shape.filter((_, axis) => axis !== dimension);
  if (inputs.some((x) => x.shape.length !== first.shape.length || !sameShape(across(x), across(first))))
    throw new ShapeError(`concatenate: sizes must agree but along axis ${dimension}; got ${listed(inputs)}`);
  const total = inputs.reduce((sum, x) => sum + x.shape[dimension], 0);
  return shapedArray(
    first.shape.with(dimension, total),
    first.dtype,
    inputs.every((x) => x.weakType),
  );
}

function layEndToEnd(inputs: readonly HostTensor[], dimension: number): HostTensor {
  const { shape, dtype } = concatenatedAval(
    inputs.map((x) => shapedArray(x.shape, x.dtype)),
    dimension,
  );
  const out = hostTensor(shape, dtype);
  const outer = shape.slice(0, dimension).reduce((a, b) => a * b, 1);
  let at = 0;
  for (let block = 0; block < outer; block++) {
    for (const { values } of inputs) {
      const run = values.length / outer;
      out.values.set(values.subarray(block * run, (block + 1) * run), at);
      at += run;
    }
  }
  return out;
}

const concatenateRules: DerivedRules<ConcatenateParams> = {
  jvp: linearJvp("concatenate"),
  transpose: ({ bind }, [ct], operands, { inputs, params: { dimension } }) => {
    if (ct === null) return operands.map(() => null);
    if (operands.length === 1) return [ct];
    return bind("split", [ct], { axis: dimension, sizes: inputs.map((x) => x.shape[dimension]) });
  },
  batch: ({ concatenate, batchToFront }, operands, dims, { params, axis }) =>
    batched(
      concatenate(
        operands.map((x, i) => batchToFront(x, dims[i], axis.size)),
        params.dimension + 1,
      ),
      0,
    ),
};

export const concatenate = definePrimitive<ConcatenateParams>("concatenate", {
  ...concatenateRules,
  abstractEval: (inputs, { dimension }) => [concatenatedAval(inputs, dimension)],
  reference: (inputs, { dimension }) => [layEndToEnd(inputs, dimension)],
  lowering: {
    kind: "map",
    movement: true,
    element: (k, index, read, { inputs, params }) => {
      let start = 0;
      const pieces = inputs.map(({ shape }, operand) => {
        const piece = { operand, shape, start, end: start + shape[params.dimension] };
        start = piece.end;
        return piece;
      });
      return choose(
        k,
        index,
        read,
        params.dimension,
        pieces.filter((p) => p.end > p.start),
      );
    },
  },
  sharding: ({ inputs, outputs: [out], params: { dimension } }) => {
    const f = newFactors();
    const shared = out.shape.map((size, axis) => (axis === dimension ? [] : f.parallel(size)));
    const withPiece = (size: number): (readonly string[])[] => shared.with(dimension, f.replicated(size));
    return f.rule(
      inputs.map((x) => withPiece(x.shape[dimension])),
      [withPiece(out.shape[dimension])],
    );
  },
  exact: true,
  stepwise: true,
  printParams: ({ dimension }) => ({ dimension: String(dimension) }),
});

interface Piece {
  readonly operand: number;
  readonly shape: readonly number[];
  /** Where it lies in the result. */
  readonly start: number;
  readonly end: number;
}

/** Reads the piece that the index falls in, found by halving. */
function choose(k: KernelBuilder, index: Index, read: Read, dimension: number, pieces: readonly Piece[]): Value {
  const coord = index.coords[dimension];
  if (pieces.length === 1) {
    const [{ operand, shape, start }] = pieces;
    const within = k.clamp(k.sub(coord, k.i32(start)), k.i32(0), k.i32(shape[dimension] - 1));
    return read(operand, Index.fromCoords(k, shape, index.coords.with(dimension, within)));
  }
  const middle = pieces.length >> 1;
  const [before, after] = [pieces.slice(0, middle), pieces.slice(middle)];
  return k.branch(
    k.lt(coord, k.i32(after[0].start)),
    () => choose(k, index, read, dimension, before),
    () => choose(k, index, read, dimension, after),
  );
}
