/** The state of grouping: which group makes a variable, and which stored values equations read through recomputed ones. */
import type { Target } from "../base/target.ts";
import type { Atom, Jaxpr, JaxprEqn, Var } from "../jaxpr/ir.ts";
import { AccessAnalysis } from "./access.ts";
import type { BindingLimits } from "./bindings.ts";
import { Graph } from "./graph.ts";
import type { Group } from "./group.ts";
import { kindOf } from "./kinds.ts";

export class GroupingState {
  readonly jaxpr: Jaxpr;
  readonly target: Target;
  readonly limits: BindingLimits;
  readonly graph: Graph;
  readonly access: AccessAnalysis;
  readonly groups = new Set<Group>();
  /** The group that makes a variable. */
  readonly owner = new Map<Var, Group>();
  /** Variables that are another variable's memory under a new shape. */
  readonly aliases = new Map<Var, Var>();
  /** Groups that store recomputed values for those who need them in memory. */
  readonly storing = new Map<Var, Group>();

  constructor(jaxpr: Jaxpr, target: Target, limits: BindingLimits) {
    this.jaxpr = jaxpr;
    this.target = target;
    this.limits = limits;
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
    if (kindOf(group).inMemory !== "none") this.#addStored(eqn, group);
  }

  /** Records the recomputed operands that a group loads because they are stored. */
  #addStored(eqn: JaxprEqn, group: Group): void {
    for (const a of eqn.inputs) {
      const storing = a.kind === "var" ? this.storing.get(a) : undefined;
      if (!storing) continue;
      group.reads.add(a as Var);
      group.needs.add(storing);
    }
  }

  /** Records what a group reads to compute an equation. */
  addReads(eqn: JaxprEqn, group: Group): void {
    for (const v of this.leaves(eqn.inputs)) {
      const owner = this.owner.get(v);
      if (owner === group) continue;
      group.reads.add(v);
      if (owner) group.needs.add(owner);
    }
  }

  /** Groups that compute a recomputed value for themselves. */
  recomputersOf(v: Var): readonly Group[] {
    const reaches = (a: Atom): boolean => {
      if (a.kind === "literal") return false;
      return a === v || (this.graph.virtualProducer(a)?.eqn.inputs.some(reaches) ?? false);
    };
    return [...this.groups].filter((g) => [...g.members, ...g.sources].some((eqn) => eqn.inputs.some(reaches)));
  }

  /** Records a group's reads again, after an operand that it recomputed is stored. */
  readAnew(group: Group): void {
    group.reads.clear();
    for (const eqn of [...group.members, ...group.sources]) this.addReads(eqn, group);
    if (kindOf(group).inMemory !== "none") for (const eqn of group.members) this.#addStored(eqn, group);
  }

  /** The values of a group that other groups read. */
  writesOf(group: Group): readonly Var[] {
    return [...group.defines].filter((v) => !this.isInternal(v, (c) => this.owner.get(c.outputs[0]) === group));
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
