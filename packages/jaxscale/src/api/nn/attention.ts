/** Attention. */
import type { DType } from "../../base/dtypes.ts";
import { DTypeError, ShapeError } from "../../base/errors.ts";
import { attentionAval, dotProductAttention as attentionPrimitive } from "../../primitives/attention.ts";
import type { AttentionOperand } from "../../primitives/primitive.ts";
import type { Array, ArrayLike } from "../../trace/array.ts";
import { asArray, scalarOf } from "../../trace/operand.ts";
import { bind1 } from "../../trace/trace.ts";
import { optionsOf } from "../arguments.ts";
import { insertAxes, range, reshapeTo } from "../numpy/equations.ts";
import { attentionFormula } from "./attention-formula.ts";

/** Options of `nn.dotProductAttention`; B sequences, T queries, S keys, N heads. */
export interface AttentionOptions {
  /** Added to the logits; broadcasts with `[B,N,T,S]`. */
  readonly bias?: ArrayLike;
  /** Boolean mask of the keys that each query attends to; broadcasts with `[B,N,T,S]`. */
  readonly mask?: ArrayLike;
  /** Scale of the logits; 1/√H if absent. */
  readonly scale?: number;
  /** Whether query t attends only to the keys up to t (plus `queryOffset`). */
  readonly isCausal?: boolean;
  /** int32`[B]`: number of valid queries; the result is zero for the others. */
  readonly querySeqLengths?: ArrayLike;
  /** int32`[B]`: number of valid keys; the others are masked and not read. */
  readonly keyValueSeqLengths?: ArrayLike;
  /** Number of keys before and after its own position that a query attends to: one number for both, or `[before, after]`. */
  readonly localWindowSize?: number | readonly [number, number];
  /** Position of the first query in the sequence, an int32 scalar or `[B]`, for `isCausal` and `localWindowSize`; 0 if absent. Not in JAX. */
  readonly queryOffset?: ArrayLike;
}

const op = "dot_product_attention";

function integers(name: string, x: ArrayLike, dtype: DType = "int32"): Array {
  if (typeof x === "number" && Number.isInteger(x)) return scalarOf(x, dtype);
  const array = asArray(op, x);
  if (array.dtype !== dtype) throw new DTypeError(`${op}: ${name} dtype should be ${dtype}; got ${array.dtype}`);
  return array;
}

/**
 * softmax(scale · query keyᵀ + bias) value, head by head; with fewer key heads (K) than query heads (N), each serves N/K of them.
 * Logits and softmax are float32; a query whose keys are all masked returns the mean of the values.
 * @param query `[B,T,N,H]` or `[T,N,H]` @param key `[B,S,K,H]` @param value `[B,S,K,V]`, of the same float dtype
 * @returns `[B,T,N,V]`, or without B if the query has none
 * @throws ShapeError, DTypeError
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.nn.dot_product_attention.html
 */
export function dotProductAttention(
  query: ArrayLike,
  key: ArrayLike,
  value: ArrayLike,
  given?: AttentionOptions,
): Array {
  const options = optionsOf(op, given, {
    isCausal: false,
    bias: undefined,
    mask: undefined,
    scale: undefined,
    querySeqLengths: undefined,
    keyValueSeqLengths: undefined,
    localWindowSize: undefined,
    queryOffset: undefined,
  });
  const { scale, isCausal, localWindowSize } = options;
  const inputs = [query, key, value].map((x) => asArray(op, x));
  const [q, k, v] = inputs.map(fourAxes);
  const others: Partial<Record<AttentionOperand, Array>> = {
    ...(options.bias === undefined ? {} : { bias: fourAxes(asArray(op, options.bias)) }),
    ...(options.mask === undefined ? {} : { mask: fourAxes(asArray(op, options.mask)) }),
    ...(options.querySeqLengths === undefined
      ? {}
      : { queryLengths: integers("query_seq_lengths", options.querySeqLengths) }),
    ...(options.keyValueSeqLengths === undefined
      ? {}
      : { keyLengths: integers("key_value_seq_lengths", options.keyValueSeqLengths) }),
    ...(options.queryOffset === undefined ? {} : { queryOffset: integers("query_offset", options.queryOffset) }),
  };
  const optional = Object.keys(others) as AttentionOperand[];
  const operands = [q, k, v, ...Object.values(others)];
  attentionAval(
    operands.map((x) => x.aval),
    optional,
  );
  const out = bind1(attentionPrimitive, operands, {
    optional,
    scale: Math.fround(scale ?? 1 / Math.sqrt(q.shape[3])),
    isCausal,
    window: windowOf(localWindowSize),
    formula: attentionFormula,
  });
  return inputs[0].ndim === 4 ? out : reshapeTo(out, [...inputs[0].shape.slice(0, -1), v.shape[3]]);
}

function fourAxes(x: Array): Array {
  if (x.ndim === 0 || x.ndim >= 4) return x;
  return insertAxes(op, x, range(4 - x.ndim));
}

function windowOf(size: AttentionOptions["localWindowSize"]): readonly [number, number] | null {
  if (size === undefined) return null;
  const [before, after] = typeof size === "number" ? [size, size] : size;
  if (!Number.isInteger(before) || !Number.isInteger(after))
    throw new ShapeError(`${op}: local_window_size must be integers; got ${before}, ${after}`);
  return [before, after];
}
