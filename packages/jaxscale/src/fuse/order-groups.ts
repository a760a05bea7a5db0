/** The order in which groups run. */
import type { Jaxpr, Var } from "../jaxpr/ir.ts";
import { dependsOn, type Group } from "./group.ts";
import { kindOf } from "./kinds.ts";

/** Topological, close to the program's order; an update in place waits for the readers of what it overwrites. */
export function inOrder(groups: ReadonlySet<Group>, jaxpr: Jaxpr, aliases: ReadonlyMap<Var, Var>): Group[] {
  const position = new Map(jaxpr.eqns.map((eqn, i) => [eqn, i]));
  const rank = (g: Group): number => Math.max(...[...g.members, ...g.sources].map((m) => position.get(m) as number));
  const waiting = [...groups].sort((a, b) => rank(a) - rank(b));
  for (const g of waiting)
    for (const overwritten of overwrites(g, aliases))
      for (const reader of waiting)
        if (reader !== g && reader.reads.has(overwritten) && !dependsOn(reader, g)) g.needs.add(reader);
  const done = new Set<Group>();
  const order: Group[] = [];
  while (waiting.length > 0) {
    const next = waiting.findIndex((g) => [...g.needs].every((n) => done.has(n) || !groups.has(n)));
    if (next < 0) throw new Error("jaxscale: internal error: groups depend on each other in a circle");
    const [group] = waiting.splice(next, 1);
    done.add(group);
    order.push(group);
  }
  return order;
}

/** Memory that a group would like to write its result over. */
function overwrites(group: Group, aliases: ReadonlyMap<Var, Var>): readonly Var[] {
  const [eqn] = group.members;
  return (eqn ? kindOf(group).overwrites(eqn) : []).flatMap((i) => {
    const atom = eqn.inputs[i];
    return atom.kind === "var" ? [aliases.get(atom) ?? atom] : [];
  });
}
