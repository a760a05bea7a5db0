/** What is computed again where it is read, instead of being stored: cheaper than one more array in memory. */
import { sizeOf } from "../base/shapes.ts";
import type { JaxprEqn, Var } from "../jaxpr/ir.ts";
import type { Value } from "../kernel/ir.ts";
import type { ReadSite } from "./access.ts";
import { bindingsOfAll, bindsFew } from "./bindings.ts";
import { contextOf, rules } from "./graph.ts";
import { equationsOf, type Group } from "./group.ts";
import type { GroupingState } from "./grouping-state.ts";
import { kindOf } from "./kinds.ts";
import { sitesOutside } from "./read-sites.ts";

/** Loads that recomputing a value may take before it gets a kernel of its own. */
export const maxRecomputedLoads = 12;
/** Operations on scalars that each reader may repeat: less than a dispatch costs. */
const maxRecomputedScalarWork = 16;
/** Operations an element that a lone reader may repeat because it reads the element at several places. */
const maxRepeatedWork = 12;
/** Equations of one kernel: more take long to compile, and formulas nest as deep as the stack allows. */
export const maxEquations = 200;

/** Elementwise groups that cost next to nothing are computed where they are read instead of being stored. */
export function recomputeCheapGroups(state: GroupingState): void {
  const outvars = new Set(state.jaxpr.outvars);
  // Operations an element that a group does for groups that it recomputes.
  const recomputedWork = new Map<Group, number>();
  const aliased = new Set(state.aliases.values());
  for (const group of [...state.groups]) {
    if (group.kind !== "map" || group.sources.length > 0) continue;
    if ([...group.defines].some((v) => outvars.has(v) || aliased.has(v))) continue;
    const readers = [...state.groups].filter((g) => g.needs.has(group));
    if (group.reads.size > (readers.every(writesWindow) ? maxRecomputedLoads : 3)) continue;
    const size = Math.max(1, group.domain.rows);
    if (readers.length === 0 || readers.some((g) => wantsInMemory(g, group, size, state))) continue;
    const cost = group.members.map((eqn) => rules(eqn).cost(contextOf(eqn)));
    const own = cost.reduce((n, c) => n + (c.flops + 16 * c.transcendentals) / size, 0);
    const work = own + (recomputedWork.get(group) ?? 0);
    const places = readers.map((g) => placesRead(g, group, state));
    const lone =
      readers.length === 1 &&
      !kindOf(readers[0]).readsOften &&
      elementsMade(readers[0]) <= size &&
      work * (places[0] - 1) <= maxRepeatedWork;
    const most = size === 1 ? maxRecomputedScalarWork : 2;
    if (!lone && (own > most || work > most + maxRepeatedWork)) continue;
    if (readers.some((g) => bindsTooMuch(g, group, state))) continue;
    if (readers.some((g) => equationsOf(g).length + equationsOf(group).length > maxEquations)) continue;
    for (const [i, g] of readers.entries()) recomputedWork.set(g, (recomputedWork.get(g) ?? 0) + work * places[i]);
    dissolve(group, readers, state);
  }
}

/**
 * A cheap last result of a group, such as a square, that only later groups read: they compute it from its operands, if these
 * are stored anyway, instead of reading one more array.
 */
export function recomputeCheapResults(state: GroupingState): void {
  for (const group of state.groups)
    for (const eqn of [...group.members].reverse()) {
      const readers = readersInstead(eqn, group, state);
      if (readers) sink(eqn, group, readers, state);
    }
}

/** The groups that could compute an equation instead of its own; undefined if that would not pay. */
function readersInstead(eqn: JaxprEqn, group: Group, state: GroupingState): readonly Group[] | undefined {
  const { lowering, cost } = rules(eqn);
  if (lowering.kind !== "map" || group.members.length === 1) return undefined;
  const { flops, transcendentals } = cost(contextOf(eqn));
  if (transcendentals > 0 || flops > sizeOf(eqn.outputs[0].aval.shape)) return undefined;
  const aliased = new Set(state.aliases.values());
  const isResult = (v: Var): boolean => state.jaxpr.outvars.includes(v) || aliased.has(v);
  if (eqn.outputs.some((v) => isResult(v) || state.isReadWithin(v, group))) return undefined;
  const others = [...state.groups].filter((g) => g !== group);
  const leaves = [...state.leaves(eqn.inputs)];
  const lost = (v: Var): boolean => state.owner.get(v) === group && !isResult(v) && !others.some((g) => g.reads.has(v));
  if (leaves.some(lost)) return undefined;
  const readers = others.filter((g) => eqn.outputs.some((v) => g.reads.has(v)));
  const canCompute = (g: Group): boolean => {
    const reads = new Set([...g.reads, ...leaves].filter((v) => !eqn.outputs.includes(v)));
    return kindOf(g).rowWise && bindsFew({ ...g, reads, writes: state.writesOf(g) }, state);
  };
  return readers.length > 0 && readers.every(canCompute) ? readers : undefined;
}

function sink(eqn: JaxprEqn, group: Group, readers: readonly Group[], state: GroupingState): void {
  group.members.splice(group.members.indexOf(eqn), 1);
  state.graph.virtual.add(eqn);
  for (const v of eqn.outputs) {
    group.defines.delete(v);
    state.owner.delete(v);
  }
  for (const reader of readers) {
    reader.recomputed.push(eqn);
    for (const v of eqn.outputs) reader.reads.delete(v);
    state.addReads(eqn, reader);
  }
}

/** Whether a reader would have to bind too much, were it to compute a group. */
function bindsTooMuch(reader: Group, group: Group, state: GroupingState): boolean {
  const reads = new Set([...reader.reads, ...group.reads].filter((v) => !group.defines.has(v)));
  const writes = state.writesOf(reader);
  if (bindingsOfAll([...reads, ...writes], state.target) <= state.limits.of(reader)) return false;
  // Work in parts touches little of what is in the order of its rows, and what it would read instead may be in another.
  if (kindOf(reader).rowWise) return true;
  return bindingsOfAll(reads, state.target) > bindingsOfAll(reader.reads, state.target);
}

/** Whether a group writes a window of an array in place: then it reads each element of what it writes there once. */
function writesWindow({ members: [eqn] }: Group): boolean {
  const lowering = eqn && rules(eqn).lowering;
  return lowering?.kind === "update" && lowering.window !== undefined;
}

const elementsMade = (group: Group): number =>
  writesWindow(group) ? sizeOf(group.members[0].inputs[1].aval.shape) : group.domain.rows * group.domain.columns;

/** At how many places of one value a reader needs it to make one of its own elements. */
function placesRead(reader: Group, group: Group, state: GroupingState): number {
  if (!kindOf(reader).rowWise) return 1;
  const places = new Map<Var, Set<Value>>();
  const count = ({ variable, position }: ReadSite): void => {
    if (state.owner.get(variable) === group) places.set(variable, (places.get(variable) ?? new Set()).add(position));
  };
  for (const eqn of reader.members) sitesOutside(eqn, reader, state).forEach(count);
  const { full } = state.access.symbols(reader.domain);
  for (const v of reader.sources.length > 0 ? reader.defines : []) state.access.readsOfAtom(v, full).forEach(count);
  return Math.max(1, ...[...places.values()].map((positions) => positions.size));
}

function dissolve(group: Group, readers: readonly Group[], { graph, groups, owner }: GroupingState): void {
  groups.delete(group);
  for (const eqn of group.members) graph.virtual.add(eqn);
  for (const v of group.defines) owner.delete(v);
  for (const reader of readers) {
    reader.recomputed.push(...equationsOf(group));
    reader.needs.delete(group);
    for (const v of group.defines) reader.reads.delete(v);
    for (const v of group.reads) reader.reads.add(v);
    for (const g of group.needs) reader.needs.add(g);
  }
}

/**
 * Loops, branches and users' kernels get their operands in memory. An update may read its operands more than once, so that it recomputes
 * scalars, its indices, and what it writes once to a window; and it must not read elsewhere in what it writes to.
 */
function wantsInMemory(reader: Group, group: Group, size: number, state: GroupingState): boolean {
  const { inMemory } = kindOf(reader);
  if (inMemory !== "updated") return inMemory === "all";
  const [{ inputs }] = reader.members;
  const resolve = (v: Var): Var => state.aliases.get(v) ?? v;
  const updated = inputs[0].kind === "var" ? resolve(inputs[0]) : undefined;
  const touches =
    updated !== undefined && (group.defines.has(updated) || [...group.reads].some((v) => resolve(v) === updated));
  if (touches) return true;
  const isIndex = inputs.slice(2).some((a) => [...state.leaves([a])].some((v) => group.defines.has(v)));
  return size > 1 && (!writesWindow(reader) || isIndex);
}
