/** Groups in the making: which group makes a variable, and what equations read in the end, recomputed ones seen through. */
import type { Target } from "../base/target.ts";
import type { Atom, Jaxpr, JaxprEqn, Var } from "../jaxpr/ir.ts";
import { AccessAnalysis } from "./access.ts";
import { Graph } from "./graph.ts";
import type { Group } from "./group.ts";
import { kindOf } from "./kinds.ts";

export class GroupingState {
  readonly jaxpr: Jaxpr;
  readonly target: Target;
  readonly graph: Graph;
  readonly access: AccessAnalysis;
  readonly groups = new Set<Group>();
  /** The group that makes a variable. */
  readonly owner = new Map<Var, Group>();
  /** Variables that are another variable's memory under a new shape. */
  readonly aliases = new Map<Var, Var>();
  /** Groups that store recomputed values for those who need them in memory. */
  readonly storing = new Map<Var, Group>();

  constructor(jaxpr: Jaxpr, target: Target) {
    this.jaxpr = jaxpr;
    this.target = target;
    this.graph = new Graph(jaxpr);
    this.access = new AccessAnalysis(this.graph);
  }

  /** Variables in memory, or defined by groups, that atoms are made of. */
  leaves(atoms: readonly Atom[]): Set<Var> {
    const found = new Set<Var>();
    const visit = (a: Atom): void => {
      if (a.kind === "literal") return;
      const virtual = this.graph.virtualProducer(a);
      if (virtual) virtual.eqn.inputs.forEach(visit);
      else found.add(a);
    };
    atoms.forEach(visit);
    return found;
  }

  /** Makes an equation a member of a group. */
  include(eqn: JaxprEqn, group: Group): void {
    group.members.push(eqn);
    for (const v of eqn.outputs) {
      group.defines.add(v);
      this.owner.set(v, group);
    }
    this.addReads(eqn, group);
    if (kindOf(group).inMemory === "none") return;
    for (const a of eqn.inputs) {
      const storing = a.kind === "var" ? this.storing.get(a) : undefined;
      if (!storing) continue;
      group.reads.add(a as Var);
      group.needs.add(storing);
    }
  }

  /** Notes what a group reads to compute an equation. */
  addReads(eqn: JaxprEqn, group: Group): void {
    for (const v of this.leaves(eqn.inputs)) {
      const owner = this.owner.get(v);
      if (owner === group) continue;
      group.reads.add(v);
      if (owner) group.needs.add(owner);
    }
  }

  /** Whether all that reads a value is inside. */
  isInternal(v: Var, inside: (consumer: JaxprEqn) => boolean): boolean {
    if (this.jaxpr.outvars.includes(v)) return false;
    return this.graph
      .consumers(v)
      .every((c) => (this.graph.virtual.has(c) ? c.outputs.every((o) => this.isInternal(o, inside)) : inside(c)));
  }

  /** Whether a member of a group reads a value. */
  isReadWithin(v: Var, group: Group): boolean {
    return this.graph
      .consumers(v)
      .some((c) =>
        this.graph.virtual.has(c)
          ? c.outputs.some((o) => this.isReadWithin(o, group))
          : this.owner.get(c.outputs[0]) === group,
      );
  }
}
