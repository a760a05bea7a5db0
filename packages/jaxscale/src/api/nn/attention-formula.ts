/** Attention as a composition of other ops, as JAX traces it. */
import { type ClosedJaxpr, type ShapedArray, varyingAlong } from "../../jaxpr/ir.ts";
import type { AttentionParams } from "../../primitives/attention.ts";
import type { AttentionOperand } from "../../primitives/primitive.ts";
import type { Array } from "../../trace/array.ts";
import { asArray, scalarOf } from "../../trace/operand.ts";
import { traceToJaxpr } from "../../trace/staging.ts";
import { mapOver } from "../../transforms/jaxpr-transforms.ts";
import { placeAxis } from "../../transforms/place-axis.ts";
import * as lax from "../lax/index.ts";
import { tril } from "../numpy/diagonals.ts";
import { einsum } from "../numpy/einsum.ts";
import { add, subtract } from "../numpy/elementwise.ts";
import { convert, filled, insertAxes, reshapeTo, spread } from "../numpy/equations.ts";
import { greaterEqual, less, lessEqual, logicalAnd, where } from "../numpy/logic.ts";
import { arange } from "../numpy/ranges.ts";
import { softmax } from "./normalizers.ts";

type Others = Readonly<Partial<Record<AttentionOperand, Array>>>;
type Settings = Pick<AttentionParams, "scale" | "isCausal" | "window">;

/** Value of masked logits. Not -∞, so that a row without keys is the mean of the values, not NaN. */
const masked = Math.fround(Math.fround(-0.7) * 3.4028234663852886e38);

const kept = new Map<string, ClosedJaxpr>();
const mostKept = 256;

/** The formula for operands of these types; one jaxpr for equal calls. */
export function attentionFormula(params: AttentionParams, inputs: readonly ShapedArray[]): ClosedJaxpr {
  const { optional, scale, isCausal, window } = params;
  const types = inputs.map(({ shape, dtype }) => `${dtype}${shape}`);
  const key = JSON.stringify([optional, scale, isCausal, window, types]);
  let closed = kept.get(key);
  if (!closed) {
    closed = traceToJaxpr(
      "dot_product_attention",
      (query, keys, values, ...rest) => {
        const others = Object.fromEntries(optional.map((kind, i) => [kind, rest[i]]));
        return [grouped(query, keys, values, others, { scale, isCausal, window })];
      },
      // Operands vary alike, so the formula need not know along what.
      inputs.map((aval) => varyingAlong(aval, [])),
    );
    if (kept.size >= mostKept) kept.clear();
    kept.set(key, closed);
  }
  return closed;
}

/** One key head serves a group of query heads: the formula mapped over the groups' members. */
function grouped(query: Array, key: Array, value: Array, others: Others, settings: Settings): Array {
  const [batch, queries, heads, size] = query.shape;
  const keyHeads = key.shape[2];
  const group = keyHeads === 0 ? 0 : heads / keyHeads;
  const split = reshapeTo(query, [batch, queries, keyHeads, group, size]);
  const perGroup = (x: Array): Array => {
    const [b, n, t, s] = x.shape;
    if (n !== 1) return reshapeTo(x, [b, keyHeads, group, t, s]);
    return spread(insertAxes("dot_product_attention", x, [2]), [b, 1, group, t, s], [0, 1, 2, 3, 4]);
  };
  const { bias, mask, ...lengths } = others;
  const mapped = [split, ...[bias, mask].flatMap((x) => (x ? [perGroup(x)] : []))];
  const axis = { name: undefined, size: group };
  const { results, dims } = mapOver(
    (elements) => {
      const [q, ...rest] = elements;
      const own = { ...lengths, bias: bias && rest.shift(), mask: mask && rest.shift() };
      return [attend(q, key, value, own, settings)];
    },
    mapped,
    mapped.map((_, i) => (i === 0 ? 3 : 2)),
    axis,
  );
  return reshapeTo(placeAxis(results[0], dims[0], 3, axis), [batch, queries, heads, value.shape[3]]);
}

/** Attention with equal numbers of query and key heads. */
function attend(query: Array, key: Array, value: Array, others: Others, settings: Settings): Array {
  const products = einsum("BTNH,BSNH->BNTS", query, key, { preferredElementType: "float32" });
  const scaled = lax.mul(products, scalarOf(settings.scale, "float32"));
  const logits = others.bias ? convert(add(scaled, others.bias), "float32") : scaled;
  const probabilities = convert(softmax(applyMasks(logits, others, settings), { axis: -1 }), key.dtype);
  const encoded = einsum("BNTS,BSNH->BTNH", probabilities, value);
  const { queryLengths } = others;
  if (!queryLengths) return encoded;
  const inside = less(row(arange(encoded.shape[1]), [1], 2), row(queryLengths, [0], 2));
  return lax.mul(encoded, convert(row(inside, [0, 1], 4), encoded.dtype));
}

/** x with its axes at these places among `rank`, the others of size 1. */
function row(x: Array, axes: readonly number[], rank: number): Array {
  const missing = globalThis.Array.from({ length: rank }, (_, axis) => axis).filter((axis) => !axes.includes(axis));
  return insertAxes("dot_product_attention", x, missing);
}

function applyMasks(logits: Array, others: Others, { isCausal, window }: Settings): Array {
  const [, , queries, keys] = logits.shape;
  const { mask, queryLengths, keyLengths, queryOffset } = others;
  if (!mask && !isCausal && !window && !queryLengths && !keyLengths) return logits;
  let combined = filled(1, logits.shape, "bool");
  if (mask) combined = logicalAnd(combined, mask);
  if (isCausal)
    combined = logicalAnd(combined, queryOffset ? causalFrom(queries, keys, queryOffset) : causal(queries, keys));
  if (window) combined = logicalAnd(combined, withinWindow(queries, keys, window, queryOffset));
  if (queryLengths || keyLengths)
    combined = logicalAnd(combined, withinLengths(queries, keys, queryLengths, keyLengths));
  return where(combined, logits, scalarOf(masked, "float32"));
}

const causal = (queries: number, keys: number): Array => row(tril(filled(1, [queries, keys], "bool")), [2, 3], 4);

/** Positions of queries `[1|B,T,1]`. */
function queryPlaces(queries: number, offset: Array | undefined): Array {
  const own = row(arange(queries), [1], 3);
  return offset ? add(own, offset.ndim === 0 ? offset : row(offset, [0], 3)) : own;
}
const keyPlaces = (keys: number): Array => row(arange(keys), [2], 3);

const causalFrom = (queries: number, keys: number, offset: Array): Array =>
  row(greaterEqual(queryPlaces(queries, offset), keyPlaces(keys)), [0, 2, 3], 4);

function withinWindow(
  queries: number,
  keys: number,
  [before, after]: readonly [number, number],
  offset: Array | undefined,
): Array {
  const [place, key] = [queryPlaces(queries, offset), keyPlaces(keys)];
  const notBefore = lessEqual(place, add(key, before));
  const notAfter = greaterEqual(place, subtract(key, after));
  return row(logicalAnd(notAfter, notBefore), [0, 2, 3], 4);
}

function withinLengths(
  queries: number,
  keys: number,
  queryLengths: Array | undefined,
  keyLengths: Array | undefined,
): Array {
  const inside = (places: () => Array, lengths: Array | undefined): Array =>
    lengths ? less(places(), row(lengths, [0], 3)) : asArray("dot_product_attention", true);
  const both = logicalAnd(
    inside(() => row(arange(queries), [1], 3), queryLengths),
    inside(() => keyPlaces(keys), keyLengths),
  );
  return row(both, [0, 2, 3], 4);
}
