/** Row kernels: every reduction of a group over the same rows, and the elementwise work around them. */
import type { Atom, JaxprEqn, Params, Var } from "../../jaxpr/ir.ts";
import { hide } from "../../kernel/cancel.ts";
import type { Value, Variable } from "../../kernel/ir.ts";
import type { ReduceLowering } from "../../primitives/primitive.ts";
import { extentOf, fullPosition, isTrailing } from "../domain.ts";
import type { Emitter } from "../emitter.ts";
import { contextOf, type Graph, rules } from "../graph.ts";
import { invocationNumber, workgroupNumber } from "../grid.ts";
import type { Group } from "../group.ts";
import type { MemoryView } from "../memory-view.ts";
import { emitterFor, gridFor, kernelName, type Launch, type ScheduleContext } from "../schedule.ts";
import { isPacked, runLength, storeElement, storeRun } from "./store.ts";
import { combineLanes, type Team } from "./team.ts";

export interface Reduction {
  readonly eqn: JaxprEqn;
  readonly lowering: ReduceLowering<Params>;
}

export function scheduleReduce(group: Group, context: ScheduleContext): readonly Launch[] {
  const { domain } = group;
  if (domain.rows === 0) return [];
  const { rowWorkgroup } = context.parameters;
  const inRuns = isTrailing(domain) && domain.columns % runLength === 0;
  const cooperative = isTrailing(domain) && domain.columns >= 4 * rowWorkgroup;
  const lanes = cooperative ? rowWorkgroup : 1;
  const workgroup = cooperative ? rowWorkgroup : Math.min(domain.rows, context.parameters.mapWorkgroup);
  const grid = gridFor(domain.rows, cooperative ? 1 : workgroup, context.target);

  const emit = emitterFor(group, context);
  const { k } = emit;
  const number = cooperative ? workgroupNumber(k, grid) : invocationNumber(k, grid, workgroup);
  const team: Team = { lanes, lane: cooperative ? k.local(0, lanes) : k.i32(0), target: context.target };
  const outputs = group.writes.map((v, i) => {
    const full = extentOf(domain, v.aval.shape) === "full" && domain.columns !== 1;
    const whole = full && inRuns;
    return { v, full, whole, view: emit.output(v, `out${i}`, isPacked(v.aval.dtype) && !whole) };
  });

  k.if(k.lt(number, k.i32(domain.rows)), () => {
    const row = k.assume(number, { min: 0, max: domain.rows - 1 });
    const place: RowPlace = { emit, team, group, row, step: inRuns ? runLength : 1 };
    for (const level of reductionLevels(group, context.graph)) foldLevel(place, level);
    if (outputs.some((o) => o.full))
      eachRun(place, (position) => {
        for (const { v, view, full, whole } of outputs) if (full) storeFull(emit, v, view, whole, place.step, position);
      });
    const perRow = outputs.filter((o) => !o.full);
    if (perRow.length > 0)
      k.if(k.eq(team.lane, k.i32(0)), () => {
        for (const { v, view } of perRow) storeElement(k, view, row, emit.at(v, row));
      });
  });
  return [{ kernel: k.finish(kernelName(group), [workgroup, 1, 1]), bindings: emit.bindings, workgroups: grid }];
}

interface RowPlace {
  readonly emit: Emitter;
  readonly team: Team;
  readonly group: Group;
  readonly row: Value;
  /** Consecutive positions that one turn of a loop handles. */
  readonly step: number;
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

function foldLevel(place: RowPlace, level: readonly Reduction[]): void {
  const { emit, team, group } = place;
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
  level.forEach(({ eqn, lowering }, r) => {
    const context = contextOf(eqn);
    const total = combineLanes(k, team, accumulators[r].map(k.get), (a, b) => lowering.combine(k, a, b, context));
    emit.define(eqn.outputs[0], lowering.finish(k, total, context));
  });
}

/** Walks this invocation's share of a row; `position` is in the whole domain, `column` in the row. */
function eachRun(place: RowPlace, visit: (position: Value, column: Value) => void): void {
  const { emit, team, group, row, step } = place;
  const { k } = emit;
  const turns = group.domain.columns / step;
  k.loop(team.lane, k.i32(turns), k.i32(team.lanes), (turn) => {
    const column = k.mul(turn, k.i32(step));
    visit(fullPosition(k, group.domain, row, column), column);
  });
}

function storeFull(emit: Emitter, v: Var, view: MemoryView, whole: boolean, step: number, position: Value): void {
  const { k } = emit;
  const at = (i: number): Value => k.add(position, k.i32(i));
  if (whole)
    storeRun(
      k,
      view,
      position,
      Array.from({ length: step }, (_, i) => emit.at(v, at(i))),
    );
  else for (let i = 0; i < step; i++) storeElement(k, view, at(i), emit.at(v, at(i)));
}
