/** How many storage buffers a group's kernels bind at once; a variable larger than one binding takes several. */
import { elementsPerWord } from "../base/dtypes.ts";
import { type Target, windowBytes } from "../base/target.ts";
import type { JaxprEqn, ShapedArray, Var } from "../jaxpr/ir.ts";
import type { Value } from "../kernel/ir.ts";
import { type Domain, extentOf, isTrailing } from "./domain.ts";
import { equationsOf, type Group } from "./group.ts";
import type { GroupingState } from "./grouping-state.ts";
import { kindOf, kinds } from "./kinds.ts";
import { windowCount } from "./memory-view.ts";
import { readSites } from "./read-sites.ts";

/** The most bindings that the kernel of a group may have. */
export class BindingLimits {
  readonly #most: number;
  readonly #lowered = new Map<JaxprEqn, number>();

  /** @param guards each is bound by every kernel; one more binding is kept for a schedule's own memory */
  constructor({ limits }: Target, guards: number) {
    this.#most = limits.maxStorageBuffersPerShaderStage - 1 - guards;
  }

  of(group: Pick<Group, "members" | "sources">): number {
    return this.#lowered.get(anchorOf(group)) ?? this.#most;
  }

  /**
   * Lowers the limits of finished groups that bind too much: later groups' reads of a group are not known while it grows.
   * @returns whether there were any, so that the program has to be grouped once more
   */
  lowerFor(groups: readonly Group[]): boolean {
    const wide = groups.filter((g) => this.#excess(g) > 0 && equationsOf(g).length > 1 && this.of(g) > 1);
    for (const group of wide) this.#lowered.set(anchorOf(group), this.of(group) - this.#excess(group));
    return wide.length > 0;
  }

  #excess(group: Group): number {
    return hasKernels(group) ? new Set([...group.reads, ...group.writes]).size - this.#most : 0;
  }
}

/** The equation that a group begins with, the same however far the group grows. */
const anchorOf = ({ members, sources }: Pick<Group, "members" | "sources">): JaxprEqn => members[0] ?? sources[0];

/** Loops and branches are made of other groups; what a user's kernel binds is its own. */
const hasKernels = (group: Group): boolean => kindOf(group).inMemory !== "all";

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
  const limit = state.limits.of(kernel);
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
