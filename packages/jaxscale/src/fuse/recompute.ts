/** What is computed again where it is read, instead of being stored: cheaper than one more array in memory. */
import { itemSizeBytes } from "../base/dtypes.ts";
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
/** Operands whose loads are not counted. */
const fewOperands = 3;
/** Operations an element that take no time beside loading it; on a scalar, less than a dispatch costs. */
const hiddenWork = 2;
const hiddenScalarWork = 16;
/** Operations an element that a kernel may repeat because it reads the element at several places: each is code to compile. */
const maxRepeatedWork = 12;
/** What is moved in the time that a launch takes. */
const launchBytes = 2 ** 17;
/** Equations of one kernel: more take long to compile, and formulas nest as deep as the stack allows. */
export const maxEquations = 200;

/** Elementwise groups are computed where they are read instead of being stored, where that moves fewer bytes. */
export function recomputeGroups(state: GroupingState): void {
  const outvars = new Set(state.jaxpr.outvars);
  // Operations an element that a group does for groups that it recomputes.
  const recomputedWork = new Map<Group, number>();
  const aliased = new Set(state.aliases.values());
  for (const group of [...state.groups]) {
    if (group.kind !== "map" || group.sources.length > 0) continue;
    if ([...group.defines].some((v) => outvars.has(v) || aliased.has(v))) continue;
    const readers = [...state.groups].filter((g) => g.needs.has(group));
    const size = Math.max(1, group.domain.rows);
    if (readers.length === 0 || readers.some((g) => wantsInMemory(g, group, size, state))) continue;
    const places = readers.map((g) => placesRead(g, group, state));
    const loads = group.reads.size * Math.max(...places);
    if (group.reads.size > fewOperands && loads > maxRecomputedLoads) continue;
    const own = workOf(group, size);
    const work = own + (recomputedWork.get(group) ?? 0);
    if (!isWorthwhile({ group, readers, size, places, own, work }, state)) continue;
    if (readers.some((g) => bindsTooMuch(g, group, state))) continue;
    if (readers.some((g) => equationsOf(g).length + equationsOf(group).length > maxEquations)) continue;
    for (const [i, g] of readers.entries()) recomputedWork.set(g, (recomputedWork.get(g) ?? 0) + work * places[i]);
    dissolve(group, readers, state);
  }
}

/** A group that its readers might compute. */
interface Recomputation {
  readonly group: Group;
  readonly readers: readonly Group[];
  /** Elements that the group computes. */
  readonly size: number;
  /** At how many places of a value each reader needs it to make one of its own elements. */
  readonly places: readonly number[];
  /** Operations an element of the group's own equations, and with what they recompute. */
  readonly own: number;
  readonly work: number;
}

/** Operations an element. */
const workOf = (group: Group, size: number): number =>
  group.members
    .map((eqn) => rules(eqn).cost(contextOf(eqn)))
    .reduce((n, c) => n + (c.flops + 16 * c.transcendentals) / size, 0);

/**
 * Whether computing a group where it is read moves fewer bytes than to store and load it, and repeats no more operations than
 * the device does while it would move those bytes.
 */
function isWorthwhile({ group, readers, size, places, own, work }: Recomputation, { target }: GroupingState): boolean {
  const savedBytes = storedBytes(group, readers, size) - recomputedBytes(group, readers, size);
  if (savedBytes + launchBytes < 0) return false;
  const hidden = size === 1 ? hiddenScalarWork : hiddenWork;
  if (own <= hidden && work <= hidden + maxRepeatedWork) return true;
  if (places.some((n) => work * (n - 1) > maxRepeatedWork)) return false;
  const evaluations = readers.reduce((n, g, i) => n + evaluationsBy(g, places[i], size), 0);
  const { flopsPerSecond, bytesPerSecond } = target.traits;
  const free = Math.max(maxRepeatedWork, ((savedBytes / size) * flopsPerSecond) / bytesPerSecond);
  return work * (evaluations - 1) <= free;
}

/** What is moved where a group has a kernel of its own. */
function storedBytes(group: Group, readers: readonly Group[], size: number): number {
  let bytes = bytesOf(group.reads, size);
  for (const v of group.defines) {
    const loads = readers.filter((g) => g.reads.has(v)).length;
    if (loads > 0) bytes += (1 + loads) * bytesOf([v], size);
  }
  return bytes;
}

/** What readers load besides, where each computes it. */
const recomputedBytes = (group: Group, readers: readonly Group[], size: number): number =>
  readers.reduce(
    (n, g) =>
      n +
      bytesOf(
        [...group.reads].filter((v) => !g.reads.has(v)),
        size,
      ),
    0,
  );

/** Of variables that an elementwise kernel of so many elements reads: of what it gathers from, a part. */
const bytesOf = (variables: Iterable<Var>, size: number): number =>
  [...variables].reduce((n, v) => n + Math.min(sizeOf(v.aval.shape), size) * itemSizeBytes(v.aval.dtype), 0);

/** How often a reader evaluates each of `size` elements. */
const evaluationsBy = (reader: Group, places: number, size: number): number =>
  kindOf(reader).evaluations(reader, size) *
  places *
  Math.max(1, kindOf(reader).rowWise ? elementsMade(reader) / size : 1);
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

/** The groups that could compute an equation instead of its own; undefined if that would cost more. */
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
  const loaded = readers.flatMap((g) => leaves.filter((v) => !g.reads.has(v)));
  const size = sizeOf(eqn.outputs[0].aval.shape);
  if (bytesOf(loaded, size) > (1 + readers.length) * bytesOf(eqn.outputs, size)) return undefined;
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

/** The number of elements of one value that a reader needs for one element of its own. */
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
