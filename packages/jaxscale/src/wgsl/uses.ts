/** How often, and in which block, each value of a kernel is used. */
import type { Block, Statement, Value, Variable } from "../kernel/ir.ts";

export interface Use {
  readonly count: number;
  /** Where the last of them is. */
  readonly block: Block;
  /** Whether each takes one lane of it. */
  readonly byLane: boolean;
}

/** Operands of the statement itself, without its blocks (`while`'s test belongs to its condition's block). */
export function operandsOf(s: Statement): readonly Value[] {
  switch (s.kind) {
    case "let":
      return s.value.args;
    case "declare":
      return [s.initial];
    case "assign":
      return [s.value];
    case "store":
    case "storeShared":
      return [s.index, s.value];
    case "for":
      return [s.start, s.end, s.step];
    case "if":
      return [s.condition];
    case "while":
    case "barrier":
      return [];
  }
}

function blocksOf(s: Statement): readonly Block[] {
  if (s.kind === "for") return [s.body];
  if (s.kind === "while") return [s.condition, s.body];
  if (s.kind === "if") return [s.then, s.otherwise];
  return [];
}

export function countUses(body: Block): Map<Value, Use> {
  const uses = new Map<Value, Use>();
  const note = (v: Value, block: Block, byLane: boolean): void => {
    const use = uses.get(v);
    uses.set(v, { count: (use?.count ?? 0) + 1, block, byLane: byLane && (use?.byLane ?? true) });
  };
  const walk = (block: Block): void => {
    for (const s of block.statements) {
      for (const v of operandsOf(s)) note(v, block, s.kind === "let" && s.value.op === "lane");
      for (const inner of blocksOf(s)) walk(inner);
      if (s.kind === "while") note(s.test, s.condition, false);
    }
  };
  walk(body);
  return uses;
}

/** Every statement, outer before inner. */
export function* statementsIn(block: Block): Generator<Statement> {
  for (const s of block.statements) {
    yield s;
    for (const inner of blocksOf(s)) yield* statementsIn(inner);
  }
}

export function assignedIn(s: Statement): Set<Variable> {
  const out = new Set<Variable>();
  for (const inner of statementsIn({ statements: [s] })) if (inner.kind === "assign") out.add(inner.variable);
  return out;
}
