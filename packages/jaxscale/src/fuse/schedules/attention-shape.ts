/** What an attention kernel works on: sizes, rows of queries that share keys, and which keys a row sees. */
import { invariant } from "../../base/errors.ts";
import type { Atom, Var } from "../../jaxpr/ir.ts";
import type { KernelBuilder } from "../../kernel/builder.ts";
import { Index } from "../../kernel/index-space.ts";
import type { Value } from "../../kernel/ir.ts";
import type { AttentionOperand, AttentionPlan } from "../../primitives/primitive.ts";
import type { Emitter } from "../emitter.ts";
import { contextOf, rules } from "../graph.ts";
import type { Group } from "../group.ts";

export interface Attention {
  readonly plan: AttentionPlan;
  readonly result: Var;
  readonly query: Atom;
  readonly key: Atom;
  readonly value: Atom;
  readonly others: Readonly<Partial<Record<AttentionOperand, Atom>>>;
  readonly batch: number;
  readonly queries: number;
  readonly keys: number;
  readonly keyHeads: number;
  /** Query heads of a key head. */
  readonly group: number;
  /** Of a query and a key, and of a value. */
  readonly size: number;
  readonly width: number;
  /** Queries of all heads of a group: they share keys and values. */
  readonly rows: number;
}

export function attentionOf(group: Group): Attention {
  const [eqn] = group.members;
  const { lowering } = rules(eqn);
  invariant(lowering.kind === "attention", "an attention group has an attention");
  const plan = lowering.plan(contextOf(eqn));
  const [query, key, value] = eqn.inputs;
  const [batch, queries, heads, size] = query.aval.shape;
  const [, keys, keyHeads, width] = value.aval.shape;
  const perKeyHead = keyHeads === 0 ? 0 : heads / keyHeads;
  const others = Object.entries(plan.operands).map(([kind, i]) => [kind, eqn.inputs[i]]);
  return {
    plan,
    result: eqn.outputs[0],
    query,
    key,
    value,
    others: Object.fromEntries(others),
    batch,
    queries,
    keys,
    keyHeads,
    group: perKeyHead,
    size,
    width,
    rows: queries * perKeyHead,
  };
}

/** The number of a query within its head. */
export interface Row {
  readonly query: Value;
  readonly head: Value;
}

export function rowAt(k: KernelBuilder, a: Attention, keyHead: Value, index: Value): Row {
  const member = k.rem(index, k.i32(a.group));
  return { query: k.div(index, k.i32(a.group)), head: k.add(k.mul(keyHead, k.i32(a.group)), member) };
}

/** One batch's lengths and offset, as the device has them. */
export interface Sequence {
  /** Keys below it are seen. */
  readonly keys: Value;
  /** Queries below it give results. */
  readonly queries: Value | undefined;
  /** Place of query 0 among the keys. */
  readonly offset: Value;
}

export function sequenceOf(emit: Emitter, a: Attention, batch: Value): Sequence {
  const { k } = emit;
  const read = (kind: AttentionOperand): Value | undefined => {
    const atom = a.others[kind];
    if (!atom) return undefined;
    return emit.read(atom, Index.fromCoords(k, atom.aval.shape, atom.aval.shape.length === 0 ? [] : [batch]));
  };
  const keys = read("keyLengths");
  const offset = read("queryOffset");
  const reach = a.queries + a.keys + Math.max(0, ...(a.plan.window ?? []));
  return {
    keys: keys ? k.clamp(keys, k.i32(0), k.i32(a.keys)) : k.i32(a.keys),
    queries: read("queryLengths"),
    // Beyond that it makes no difference; within, no sum overflows.
    offset: offset ? k.clamp(offset, k.i32(-reach), k.i32(reach)) : k.i32(0),
  };
}

/** Keys outside [low, high) are seen by none of the queries from `first` to `last`. */
export interface KeyRange {
  readonly low: Value;
  readonly high: Value;
}

export function keyRange(k: KernelBuilder, a: Attention, s: Sequence, first: Value, last: Value): KeyRange {
  const { isCausal, window } = a.plan;
  const after = isCausal ? Math.min(0, window?.[1] ?? 0) : window?.[1];
  const end = k.add(last, s.offset);
  const beyond = after === undefined ? s.keys : k.clamp(k.add(end, k.i32(after + 1)), k.i32(0), s.keys);
  const high = s.queries ? k.select(k.lt(first, s.queries), beyond, k.i32(0)) : beyond;
  if (!window) return { low: k.i32(0), high };
  return { low: k.clamp(k.sub(k.add(first, s.offset), k.i32(window[0])), k.i32(0), high), high };
}

/** Whether some row may see less than all keys. */
export const isRestricted = ({ plan, others }: Attention): boolean =>
  plan.isCausal || plan.window !== null || others.mask !== undefined || others.keyLengths !== undefined;

/** What a masked logit is. Not -∞: a row without keys is then the mean of the values, not NaN. */
export const maskedLogit = Math.fround(Math.fround(-0.7) * 3.4028234663852886e38);

/** The logit of a row and a key within the key range, out of their product. */
export function logitOf(emit: Emitter, a: Attention, s: Sequence, batch: Value, row: Row, key: Value, product: Value) {
  const { k } = emit;
  const { bias, mask } = a.others;
  const at = (atom: Atom): Value => {
    const coords = [batch, row.head, row.query, key];
    const { shape } = atom.aval;
    return emit.read(
      atom,
      Index.fromCoords(
        k,
        shape,
        coords.map((c, axis) => (shape[axis] === 1 ? k.i32(0) : c)),
      ),
    );
  };
  const scaled = k.mul(product, k.f32(a.plan.scale));
  const logit = bias ? k.add(scaled, k.cast("f32", at(bias))) : scaled;
  const { isCausal, window } = a.plan;
  const place = k.add(row.query, s.offset);
  const seen = [
    ...(isCausal ? [k.le(key, place)] : []),
    ...(window ? [k.le(k.sub(place, key), k.i32(window[0])), k.le(k.sub(key, place), k.i32(window[1]))] : []),
    ...(mask ? [at(mask)] : []),
  ];
  return seen.length === 0 ? logit : k.select(seen.reduce(k.and), logit, k.f32(maskedLogit));
}
