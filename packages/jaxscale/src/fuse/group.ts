/** A group of equations that one schedule turns into one kernel (or a few). */
import type { JaxprEqn, Params, Var } from "../jaxpr/ir.ts";
import type { Lowering } from "../primitives/primitive.ts";
import type { Domain } from "./domain.ts";

export type GroupKind = Exclude<Lowering<Params>["kind"], "call" | "effect">;

export interface Group {
  readonly id: number;
  /** `map` until a reduction joins; else the kind of its anchor. */
  kind: GroupKind;
  domain: Domain;
  /** In topological order. */
  readonly members: JaxprEqn[];
  /** Recomputed equations, some of whose results the group stores. */
  readonly sources: JaxprEqn[];
  /** Cheap equations of other groups that this one computes again instead of reading. */
  readonly recomputed: JaxprEqn[];
  /** Variables that members define. */
  readonly defines: Set<Var>;
  /** Groups that must run before. */
  readonly needs: Set<Group>;
  /** Stored variables that members read, directly or through recomputed equations. */
  readonly reads: Set<Var>;
  /** Defined variables that go to memory; filled in when all groups are known. */
  readonly writes: Var[];
}

let nextGroupId = 0;
export const newGroup = (kind: GroupKind, domain: Domain): Group => ({
  id: nextGroupId++,
  kind,
  domain,
  members: [],
  sources: [],
  recomputed: [],
  defines: new Set(),
  needs: new Set(),
  reads: new Set(),
  writes: [],
});

/** Every equation that a group's kernels compute. */
export const equationsOf = ({ members, sources, recomputed }: Group): readonly JaxprEqn[] => [
  ...members,
  ...sources,
  ...recomputed,
];

/** Whether `group` runs after `other` in any order. */
export function dependsOn(group: Group, other: Group, seen = new Set<Group>()): boolean {
  if (seen.has(group)) return false;
  seen.add(group);
  for (const needed of group.needs) if (needed === other || dependsOn(needed, other, seen)) return true;
  return false;
}
