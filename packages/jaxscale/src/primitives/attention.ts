/** dot_product_attention: one kernel for what JAX writes as some thirty equations. */
import { type DType, isFloat } from "../base/dtypes.ts";
import { DTypeError, ShapeError } from "../base/errors.ts";
import { interpret } from "../jaxpr/interpret.ts";
import { type ClosedJaxpr, formatAval, type ShapedArray, shapedArray } from "../jaxpr/ir.ts";
import { spread } from "./call.ts";
import { type Dimension, newFactors } from "./factors.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import { type AttentionOperand, type AttentionPlan, definePrimitive, type LoweringContext } from "./primitive.ts";

export type AttentionParams = {
  /** Operands after query, key and value, in order. */
  readonly optional: readonly AttentionOperand[];
  readonly scale: number;
  readonly isCausal: boolean;
  readonly window: readonly [number, number] | null;
  /** The formula in other ops, for operands of these types: always the same function. */
  readonly formula: (params: AttentionParams, inputs: readonly ShapedArray[]) => ClosedJaxpr;
};

/** JAX's spelling, for messages. */
const spelled: Readonly<Record<AttentionOperand, string>> = {
  bias: "bias",
  mask: "mask",
  queryLengths: "query_seq_lengths",
  keyLengths: "key_value_seq_lengths",
  queryOffset: "query_offset",
};

const isSet = <T>(x: T | null): x is T => x !== null;

function checkShape(name: string, x: ShapedArray, shapes: readonly (readonly number[])[], type?: DType): void {
  const fits = (shape: readonly number[]): boolean =>
    shape.length === x.shape.length && shape.every((size, axis) => size < 0 || size === x.shape[axis]);
  if (!shapes.some(fits)) {
    const wanted = shapes.map((s) => `[${s.map((n) => (n < 0 ? "any" : n)).join(",")}]`).join(" or ");
    throw new ShapeError(`dot_product_attention: ${name} shape should be ${wanted}; got ${formatAval(x)}`);
  }
  if (type !== undefined && x.dtype !== type)
    throw new DTypeError(`dot_product_attention: ${name} dtype should be ${type}; got ${formatAval(x)}`);
}

/** Type of the result. @throws ShapeError, DTypeError */
export function attentionAval(inputs: readonly ShapedArray[], optional: readonly AttentionOperand[]): ShapedArray {
  const [query, key, value, ...others] = inputs;
  checkShape("key", key, [[-1, -1, -1, -1]]);
  const [batch, keys, keyHeads, size] = key.shape;
  checkShape("value", value, [[batch, keys, keyHeads, -1]], key.dtype);
  checkShape("query", query, [[batch, -1, -1, size]], key.dtype);
  if (!isFloat(key.dtype))
    throw new DTypeError(`dot_product_attention: query, key and value must be floats; got ${formatAval(key)}`);
  const [, queries, heads] = query.shape;
  if (keyHeads === 0 ? heads !== 0 : heads % keyHeads !== 0)
    throw new ShapeError(
      `dot_product_attention: the number of query heads must be a multiple of key/value heads; got ${heads} and ${keyHeads}`,
    );
  optional.forEach((kind, i) => {
    const x = others[i];
    if (kind === "bias" || kind === "mask") {
      const wanted = [batch, heads, queries, keys];
      const broadcasts = x.shape.map((n, axis) => (n === 1 ? 1 : wanted[axis]));
      checkShape(kind, x, [x.shape.length === 4 ? broadcasts : wanted], kind === "mask" ? "bool" : undefined);
    } else checkShape(spelled[kind], x, kind === "queryOffset" ? [[], [batch]] : [[batch]], "int32");
  });
  return shapedArray([batch, queries, heads, value.shape[3]], key.dtype);
}

function planOf({ optional, scale, isCausal, window }: AttentionParams): AttentionPlan {
  return { scale, isCausal, window, operands: Object.fromEntries(optional.map((kind, i) => [kind, i + 3])) };
}

/** Places that a query's place in the sequence matters for. */
const knowsPlaces = ({ isCausal, window, optional }: AttentionParams): boolean =>
  isCausal || window !== null || optional.includes("queryLengths");

function shardingRule({ inputs, params }: LoweringContext<AttentionParams>) {
  const [{ shape: q }, { shape: k }, { shape: v }] = inputs;
  const f = newFactors();
  const batch = f.parallel(q[0]);
  const queries = knowsPlaces(params) ? f.replicated(q[1]) : f.parallel(q[1]);
  const keyHeads = f.parallel(k[2]);
  const heads = [...keyHeads, ...f.parallel(k[2] === 0 ? 1 : q[2] / k[2])];
  const keys = f.replicated(k[1]);
  const size = f.replicated(q[3]);
  const width = f.parallel(v[3]);
  const rows: readonly Dimension[] = [batch, heads, queries, keys];
  const others = inputs.slice(3).map((x) => x.shape.map((n, axis) => (n === 1 ? f.parallel(1) : rows[axis])));
  return f.rule(
    [[batch, queries, heads, size], [batch, keys, keyHeads, size], [batch, keys, keyHeads, width], ...others],
    [[batch, queries, heads, width]],
  );
}

/** Pairs of a query and a key that are looked at. */
function pairsOf({ inputs: [q, k], params }: LoweringContext<AttentionParams>): number {
  const [t, s] = [q.shape[1], k.shape[1]];
  if (!params.isCausal || params.optional.includes("queryOffset")) return t * s;
  const full = Math.max(0, t - s);
  const growing = Math.min(t, s);
  return (growing * (growing + 1)) / 2 + full * s;
}

/** The operand with the mapped axis made part of its batch axis; where it has no batch axis, or one of size 1 for all, it may stay as it is. */
function foldIntoBatch(
  ops: OpBuilder,
  x: Operand,
  dim: number | null,
  axisSize: number,
  batch: number,
  broadcasts: boolean,
): Operand {
  const shape = x.aval.shape.filter((_, axis) => axis !== dim);
  if (dim === null && (shape.length === 0 || (broadcasts && shape[0] === 1))) return x;
  const front = ops.batchToFront(x, dim, axisSize);
  const inner = shape.slice(1);
  const whole = [axisSize, batch, ...inner];
  const wide = ops.broadcastInDim(
    front,
    whole,
    front.aval.shape.map((_, axis) => axis),
  );
  return ops.reshape(wide, [axisSize * batch, ...inner]);
}

/**
 * Attention of `[B,T,N,H]` queries over `[B,S,K,H]` keys and `[B,S,K,V]` values, K dividing N. The formula is what JAX traces
 * (logits and softmax in f32; a masked logit is -0.7 · the largest f32, so a row with no key is the mean of the values); the
 * kernel rounds nothing before the end.
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.nn.dot_product_attention.html
 */
export const dotProductAttention = definePrimitive<AttentionParams>("dot_product_attention", {
  abstractEval: (inputs, params) => [attentionAval(inputs, params.optional)],
  decompose: (params, inputs) => params.formula(params, inputs),
  reference: (inputs, params) => {
    const avals = inputs.map(({ shape, dtype }) => shapedArray(shape, dtype));
    return interpret(params.formula(params, avals), inputs);
  },
  lowering: { kind: "attention", plan: ({ params }) => planOf(params) },
  sharding: shardingRule,
  cost: (context) => {
    const { inputs } = context;
    const [[batch, , heads, size], width] = [inputs[0].shape, inputs[2].shape[3]];
    const pairs = batch * heads * pairsOf(context);
    return { flops: 2 * pairs * (size + width), transcendentals: pairs };
  },
  differentiate: ({ transforms }, primals, tangents, { params, inputs }) => {
    const { jaxpr, nonzero } = transforms.jvpJaxpr(params.formula(params, inputs), tangents.map(isSet));
    const out = transforms.evalJaxpr(jaxpr, [...primals, ...tangents.filter(isSet)]);
    return { results: out.slice(0, nonzero.length), tangents: spread(nonzero, out.slice(nonzero.length)) };
  },
  batch: (ops, operands, dims, { params, inputs, axis }) => {
    const batch = inputs[0].shape[0];
    const folded = operands.map((x, i) =>
      foldIntoBatch(ops, x, dims[i], axis.size, batch, x.aval.shape.length > 3 && i >= 3),
    );
    const out = ops.bind1("dot_product_attention", folded, params);
    return { results: [ops.reshape(out, [axis.size, batch, ...out.aval.shape.slice(1)])], dims: [0] };
  },
});
