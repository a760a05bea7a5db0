/** Merges separate reductions of the same rows, such as a mean and a mean of squares, into one kernel. */
import type { JaxprEqn } from "../jaxpr/ir.ts";
import { bindsFew } from "./bindings.ts";
import { dependsOn, type Group } from "./group.ts";
import type { GroupingState } from "./grouping-state.ts";
import { extentIn, isSameDomain, readsInPlace, sitesOutside } from "./read-sites.ts";

export function mergeReductions(state: GroupingState): void {
  const earlier: Group[] = [];
  for (const later of [...state.groups]) {
    if (later.kind !== "reduce") continue;
    const partner = earlier.find((group) => canMerge(group, later, state));
    if (partner) merge(partner, later, state);
    else earlier.push(later);
  }
}

function canMerge(earlier: Group, later: Group, state: GroupingState): boolean {
  const { access, owner } = state;
  const { kind, domain } = earlier;
  if (!isSameDomain(domain, later.domain, access)) return false;
  if (!later.needs.has(earlier) && ![...later.reads].some((v) => earlier.reads.has(v))) return false;
  if (dependsOn(earlier, later)) return false;
  for (const needed of later.needs) if (needed !== earlier && dependsOn(needed, earlier)) return false;
  const inside = (c: JaxprEqn): boolean => [earlier, later].includes(owner.get(c.outputs[0]) as Group);
  const members = [...earlier.members, ...later.members];
  const sources = [...earlier.sources, ...later.sources];
  const reads = new Set([...earlier.reads, ...[...later.reads].filter((v) => owner.get(v) !== earlier)]);
  const writes = [...earlier.defines, ...later.defines].filter((v) => !state.isInternal(v, inside));
  if (!bindsFew({ kind, domain, members, sources, reads, writes }, state)) return false;
  return later.members.every((eqn) => {
    const sites = sitesOutside(eqn, later, state).filter(({ variable }) => owner.get(variable) === earlier);
    return readsInPlace(sites, earlier, domain, extentIn(eqn, later.domain), state);
  });
}

function merge(earlier: Group, later: Group, { groups, owner }: GroupingState): void {
  groups.delete(later);
  earlier.members.push(...later.members);
  for (const v of later.defines) {
    earlier.defines.add(v);
    owner.set(v, earlier);
  }
  earlier.sources.push(...later.sources);
  earlier.recomputed.push(...later.recomputed);
  for (const v of later.reads) if (owner.get(v) !== earlier) earlier.reads.add(v);
  for (const needed of later.needs) if (needed !== earlier) earlier.needs.add(needed);
  for (const group of groups) if (group.needs.delete(later)) group.needs.add(earlier);
}
