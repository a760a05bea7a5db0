/** How many storage buffers a group's kernels bind at once; a variable larger than one binding takes several. */
import { elementsPerWord } from "../base/dtypes.ts";
import { type Target, windowBytes } from "../base/target.ts";
import type { ShapedArray, Var } from "../jaxpr/ir.ts";
import type { Value } from "../kernel/ir.ts";
import { type Domain, extentOf, isTrailing } from "./domain.ts";
import type { Group } from "./group.ts";
import type { GroupingState } from "./grouping-state.ts";
import { kinds } from "./kinds.ts";
import { windowCount } from "./memory-view.ts";
import { readSites } from "./read-sites.ts";

/** One is kept in reserve. */
export const bindingLimit = ({ limits }: Target): number => limits.maxStorageBuffersPerShaderStage - 1;

/** Bindings of a kernel that touches all of some variables. */
export function bindingsOfAll(variables: Iterable<Var>, target: Target): number {
  let count = 0;
  for (const v of variables) count += windowCount(v.aval, target);
  return count;
}

/** A kernel that a group may become. */
export interface PossibleKernel extends Pick<Group, "kind" | "domain" | "members" | "sources"> {
  readonly reads: Iterable<Var>;
  readonly writes: Iterable<Var>;
}

/** Whether a kernel, or each of the kernels that do its work in parts, binds no more than it may. */
export function bindsFew(kernel: PossibleKernel, state: GroupingState): boolean {
  const variables = [...kernel.reads, ...kernel.writes];
  const limit = bindingLimit(state.target);
  if (bindingsOfAll(variables, state.target) <= limit) return true;
  const bindings = bindingsInParts(kernel, state);
  return variables.reduce((n, v) => n + bindings(v), 0) <= limit;
}

/** Bindings of each variable in a kernel whose work is done in parts, if it can be. */
export function bindingsInParts(kernel: PossibleKernel, state: GroupingState): (v: Var) => number {
  const { target } = state;
  const inOrder = inRowOrder(kernel, state);
  return (v) => (inOrder.has(v) ? windowsOfPart(v.aval, kernel.domain, target) : windowCount(v.aval, target));
}

/** Windows of a variable in the order of the rows that a part of the rows touches: a row at least, begun anywhere in a window. */
export function windowsOfPart(aval: ShapedArray, { columns }: Domain, target: Target): number {
  const rowBytes = (columns * 4) / elementsPerWord(aval.dtype);
  return Math.min(windowCount(aval, target), Math.ceil(rowBytes / windowBytes(target)) + 1);
}

/** Variables of which consecutive rows touch consecutive elements. */
function inRowOrder(kernel: PossibleKernel, { access }: GroupingState): ReadonlySet<Var> {
  const { kind, domain, members, sources, reads, writes } = kernel;
  if (!kinds[kind].rowWise || sources.length > 0) return new Set();
  const { row, full } = access.symbols(domain);
  const isOrdered = (position: Value): boolean => position === row || (position === full && isTrailing(domain));
  const found = new Set(reads);
  for (const eqn of members)
    for (const { variable, position } of readSites(eqn, domain, access))
      if (!isOrdered(position)) found.delete(variable);
  for (const v of writes) if (isOrdered(extentOf(domain, v.aval.shape) === "full" ? full : row)) found.add(v);
  return found;
}
