/**
 * Proves accesses in bounds. Bounds of an index come from its own arithmetic and from the conditions of the `if`s around it.
 * An index of which nothing is known (it came from data, or the grid's size is open) is the lowering's to clamp or guard;
 * one whose known bounds leave the array is an error.
 */
import { invariant } from "../base/errors.ts";
import { isComputed, type OpName } from "./grammar.ts";
import { type Block, type BufferDecl, type Kernel, laneCount, type Range, type SharedDecl, type Value } from "./ir.ts";
import { rangeOf } from "./ranges.ts";

type Facts = ReadonlyMap<Value, Range>;

export function checkBounds(kernel: Kernel): void {
  checkBlock(kernel.name, kernel.body, new Map());
}

function checkBlock(kernel: string, block: Block, facts: Facts): void {
  // Contradictory conditions: the block never runs.
  if ([...facts.values()].some((r) => r.min > r.max)) return;
  const access = (memory: BufferDecl | SharedDecl, index: Value, lanes: number): void => {
    const range = boundsOf(index, facts, new Map());
    if (!range) return;
    const size = memory.kind === "buffer" ? memory.sizeWords : memory.size;
    invariant(
      (range.min >= 0 || range.min === -Infinity) && (range.max + lanes <= size || range.max === Infinity),
      `kernel ${kernel}: index ${range.min}…${range.max + lanes - 1} of ${memory.name}, which has ${size} elements`,
    );
  };
  for (const s of block.statements) {
    if (s.kind === "store") access(s.buffer, s.index, laneCount(s.value.type));
    else if (s.kind === "storeShared") access(s.shared, s.index, 1);
    else if (s.kind === "let") {
      const { attr, op, args, type } = s.value;
      if (typeof attr === "object" && attr.kind !== "variable")
        access(attr, args[0], op === "load" && attr.kind === "buffer" ? laneCount(type) : 1);
    } else if (s.kind === "if") {
      checkBlock(kernel, s.then, learn(facts, s.condition, true));
      checkBlock(kernel, s.otherwise, learn(facts, s.condition, false));
    } else if (s.kind === "for") {
      const [start, end] = [s.start, s.end].map((v) => boundsOf(v, facts, new Map()));
      const never = start && end && start.min >= end.max;
      if (!never) checkBlock(kernel, s.body, facts);
    } else if (s.kind === "while") {
      checkBlock(kernel, s.condition, facts);
      checkBlock(kernel, s.body, facts);
    }
  }
}

const opposites: Partial<Record<OpName, OpName>> = { lt: "ge", le: "gt", gt: "le", ge: "lt", ne: "eq" };

/** What a condition says of integers compared with constants. */
function learn(facts: Facts, condition: Value, holds: boolean): Facts {
  const [a, b] = condition.args;
  if (condition.op === "not") return learn(facts, a, !holds);
  if (condition.op === (holds ? "and" : "or")) return learn(learn(facts, a, holds), b, holds);
  if (!b || a.type !== "i32") return facts;
  const [p, q] = [boundsOf(a, facts, new Map()), boundsOf(b, facts, new Map())];
  const op = holds ? condition.op : opposites[condition.op];
  const learned = new Map(facts);
  // An infinite bound is an unknown one.
  const [low, high] = [-Infinity, Infinity];
  const narrow = (v: Value, min: number, max: number): void => {
    const known = boundsOf(v, facts, new Map());
    learned.set(v, { min: Math.max(known?.min ?? low, min), max: Math.min(known?.max ?? high, max) });
  };
  if (op === "lt" || op === "le") {
    const less = op === "lt" ? 1 : 0;
    if (q) narrow(a, low, q.max - less);
    if (p) narrow(b, p.min + less, high);
  } else if (op === "gt" || op === "ge") {
    const more = op === "gt" ? 1 : 0;
    if (q) narrow(a, q.min + more, high);
    if (p) narrow(b, low, p.max - more);
  } else if (op === "eq") {
    if (q) narrow(a, q.min, q.max);
    if (p) narrow(b, p.min, p.max);
  }
  return learned;
}

function boundsOf(v: Value, facts: Facts, memo: Map<Value, Range | undefined>): Range | undefined {
  if (memo.has(v)) return memo.get(v);
  const computed = facts.size > 0 ? compute(v, facts, memo) : undefined;
  const known = [v.range, facts.get(v), computed].filter((r) => r !== undefined);
  const range =
    known.length === 0
      ? undefined
      : { min: Math.max(...known.map((r) => r.min)), max: Math.min(...known.map((r) => r.max)) };
  memo.set(v, range);
  return range;
}

function compute(v: Value, facts: Facts, memo: Map<Value, Range | undefined>): Range | undefined {
  if (!isComputed(v.op)) return v.op === "assume" ? boundsOf(v.args[0], facts, memo) : undefined;
  return rangeOf(
    v.op,
    v.type,
    v.args.map((a) => ({ ...a, range: boundsOf(a, facts, memo) })),
  );
}
