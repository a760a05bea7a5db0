/** Where the equations of a group read, at each row and position of its domain. */
import type { JaxprEqn } from "../jaxpr/ir.ts";
import type { AccessAnalysis, ReadSite } from "./access.ts";
import { type Domain, type Extent, extentOf } from "./domain.ts";
import { rules } from "./graph.ts";
import { dependsOn, type Group } from "./group.ts";
import type { GroupingState } from "./grouping-state.ts";

/** How what an equation computes lies in a domain that it fits: a reduction takes an element at every position. */
export const extentIn = (eqn: JaxprEqn, domain: Domain): Extent =>
  rules(eqn).lowering.kind === "reduce" ? "full" : (extentOf(domain, eqn.outputs[0].aval.shape) as Extent);

/** What elementwise work or a reduction of rows reads at each row and position of a domain. */
export function readSites(eqn: JaxprEqn, domain: Domain, access: AccessAnalysis): readonly ReadSite[] {
  const { row, full } = access.symbols(domain);
  if (rules(eqn).lowering.kind === "reduce") return access.readsOfAtom(eqn.inputs[0], full);
  const position = extentIn(eqn, domain) === "full" ? full : row;
  return eqn.outputs.flatMap((_, i) => access.reads(eqn, i, position));
}

/** What a member reads of values that its group does not make. */
export const sitesOutside = (eqn: JaxprEqn, group: Group, { access, owner }: GroupingState): readonly ReadSite[] =>
  readSites(eqn, group.domain, access).filter(({ variable }) => owner.get(variable) !== group);

/** Whether rows and positions of two domains are the same elements. */
export const isSameDomain = (a: Domain, b: Domain, access: AccessAnalysis): boolean =>
  a.rows === b.rows && a.columns === b.columns && a.columns > 0 && access.symbols(a).full === access.symbols(b).full;

/**
 * Whether what is read of a group's values is what it makes at the same row and position of `domain`, and nothing else that is read
 * depends on the group.
 * @param extent of the values that are made of it
 */
export function readsInPlace(
  sites: readonly ReadSite[],
  group: Group,
  domain: Domain,
  extent: Extent,
  { access, owner }: GroupingState,
): boolean {
  const { row, full } = access.symbols(domain);
  return sites.every(({ variable, position }) => {
    const maker = owner.get(variable);
    if (maker !== group) return !maker || !dependsOn(maker, group);
    const made = extentOf(domain, variable.aval.shape);
    if (position !== (made === "full" ? full : row)) return false;
    // One value a row cannot be made of one element of the row.
    return extent === "full" || made === "row" || full === row;
  });
}
