/** The inside of row kernels: folding a row level by level, walking it, storing what has an element at each place. */

import type { Atom, JaxprEqn, Params, Var } from "../../jaxpr/ir.ts";
import { hide } from "../../kernel/cancel.ts";
import type { Value, Variable } from "../../kernel/ir.ts";
import { runLength } from "../../kernel/packed.ts";
import type { ReduceLowering } from "../../primitives/primitive.ts";
import { extentOf, fullPosition, isTrailing } from "../domain.ts";
import type { Emitter } from "../emitter.ts";
import { contextOf, type Graph, rules } from "../graph.ts";
import type { Group } from "../group.ts";
import type { MemoryView } from "../memory-view.ts";
import { fillsWords, storeElement, storeRun } from "./store.ts";
import { combineLanes, type Team } from "./team.ts";

/** An invocation's place in a kernel of rows. */
export interface RowPlace {
  readonly emit: Emitter;
  readonly team: Team;
  readonly group: Group;
  readonly row: Value;
  /** Consecutive positions that one iteration of a loop handles. */
  readonly step: number;
  /** Iterations of the row that the team walks; all of them if absent. */
  readonly part?: { readonly start: Value; readonly end: Value };
}

export interface Reduction {
  readonly eqn: JaxprEqn;
  readonly lowering: ReduceLowering<Params>;
}

/** Reductions in levels: those of one level need only results of earlier ones, and share a pass over the row. */
export function reductionLevels(group: Group, graph: Graph): readonly (readonly Reduction[])[] {
  const depth = new Map<Var, number>();
  const depthOf = (a: Atom): number => {
    if (a.kind === "literal") return 0;
    const known = depth.get(a);
    if (known !== undefined) return known;
    // A recomputed equation between members is as deep as what it reads.
    const own = Math.max(0, ...(graph.virtualProducer(a)?.eqn.inputs ?? []).map(depthOf));
    depth.set(a, own);
    return own;
  };
  const levels: Reduction[][] = [];
  for (const eqn of group.members) {
    const below = Math.max(0, ...eqn.inputs.map(depthOf));
    const { lowering } = rules(eqn);
    for (const v of eqn.outputs) depth.set(v, lowering.kind === "reduce" ? below + 1 : below);
    if (lowering.kind !== "reduce") continue;
    levels[below] ??= [];
    levels[below].push({ eqn, lowering });
  }
  return levels.filter((l) => l !== undefined);
}

/** This invocation's accumulators of each reduction, over its share of the row. */
export function foldElements(place: RowPlace, level: readonly Reduction[]): Value[][] {
  const { emit, group } = place;
  const { k } = emit;
  // Over an empty row the driver would see the initial value, and make 0 / 0 of a mean 0.
  const start = (v: Value): Value => (group.domain.columns === 0 && v.type === "f32" ? hide(k, v) : v);
  const accumulators = level.map(({ eqn, lowering }) =>
    lowering.initial(k, contextOf(eqn)).map((v): Variable => k.variable(start(v), "acc")),
  );
  eachRun(place, (position, column) => {
    level.forEach(({ eqn, lowering }, r) => {
      const context = contextOf(eqn);
      const lifted = Array.from({ length: place.step }, (_, i) => {
        const value = emit.at(eqn.inputs[0] as Var, k.add(position, k.i32(i)));
        return lowering.lift(k, value, k.add(column, k.i32(i)), context);
      });
      // A balanced tree, then one step of the loop-carried chain.
      while (lifted.length > 1)
        for (let i = 0; i < lifted.length; i++)
          lifted.splice(i, 2, lowering.combine(k, lifted[i], lifted[i + 1], context));
      const folded = lowering.combine(k, accumulators[r].map(k.get), lifted[0], context);
      accumulators[r].forEach((variable, i) => k.set(variable, folded[i]));
    });
  });
  return accumulators.map((variables) => variables.map(k.get));
}

/** What the lanes of a team have, combined; all lanes get it. */
export const combineTeam = (
  { emit: { k }, team }: RowPlace,
  level: readonly Reduction[],
  own: readonly (readonly Value[])[],
): (readonly Value[])[] =>
  level.map(({ eqn, lowering }, r) =>
    combineLanes(k, team, own[r], (a, b) => lowering.combine(k, a, b, contextOf(eqn))),
  );

/** Defines the results of reductions from their accumulators. */
export function defineLevel(
  { emit }: RowPlace,
  level: readonly Reduction[],
  totals: readonly (readonly Value[])[],
): void {
  level.forEach(({ eqn, lowering }, r) =>
    emit.define(eqn.outputs[0], lowering.finish(emit.k, totals[r], contextOf(eqn))),
  );
}

/** Walks this invocation's share of a row; `position` is in the whole domain, `column` in the row. */
function eachRun(place: RowPlace, visit: (position: Value, column: Value) => void): void {
  const { emit, team, group, row, step, part } = place;
  const { k } = emit;
  const iterations = group.domain.columns / step;
  const [start, end] = part ? [k.add(part.start, team.lane), part.end] : [team.lane, k.i32(iterations)];
  k.loop(start, end, k.i32(team.lanes), (index) => {
    const iteration = part ? k.assume(index, { min: 0, max: iterations - 1 }) : index;
    const column = k.mul(iteration, k.i32(step));
    visit(fullPosition(k, group.domain, row, column), column);
  });
}

/** What a row kernel stores: an element at each place of the row, or one a row. */
export interface RowOutput {
  readonly v: Var;
  readonly view: MemoryView;
  readonly full: boolean;
  /** In runs that are whole words. */
  readonly whole: boolean;
}

export function rowOutputs(emit: Emitter, { domain, writes }: Group): RowOutput[] {
  const inRuns = isTrailing(domain) && domain.columns % runLength === 0;
  return writes.map((v, i) => {
    const full = extentOf(domain, v.aval.shape) === "full" && domain.columns !== 1;
    const { dtype } = v.aval;
    const whole = full && inRuns && fillsWords(dtype, runLength);
    return { v, full, whole, view: emit.output(v, `out${i}`, !whole && !fillsWords(dtype, 1)) };
  });
}

/** @param once holds for the one invocation that stores what there is one of a row */
export function storeOutputs(place: RowPlace, outputs: readonly RowOutput[], once: Value): void {
  const { emit, row } = place;
  const { k } = emit;
  if (outputs.some((o) => o.full))
    eachRun(place, (position) => {
      for (const output of outputs) if (output.full) storeFull(place, output, position);
    });
  const perRow = outputs.filter((o) => !o.full);
  if (perRow.length > 0)
    k.if(once, () => {
      for (const { v, view } of perRow) storeElement(k, view, row, emit.at(v, row));
    });
}

function storeFull({ emit, step }: RowPlace, { v, view, whole }: RowOutput, position: Value): void {
  const { k } = emit;
  const at = (i: number): Value => k.add(position, k.i32(i));
  const values = (): Value[] => Array.from({ length: step }, (_, i) => emit.at(v, at(i)));
  if (whole) storeRun(k, view, position, values());
  else for (let i = 0; i < step; i++) storeElement(k, view, at(i), emit.at(v, at(i)));
}
