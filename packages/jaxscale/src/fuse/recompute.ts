/** How much may be computed again where it is read, instead of being stored. */
import type { Var } from "../jaxpr/ir.ts";
import type { Group } from "./group.ts";

/** Loads that recomputing a value may take before it gets a kernel of its own. */
export const maxRecomputedLoads = 12;
/** Operations on scalars that each reader may repeat: less than a dispatch costs. */
export const maxRecomputedScalarWork = 16;

/** Operations an element that a lone reader may repeat because it reads the element at several places. */
export const maxRepeatedWork = 12;
/** Equations of one kernel: more take long to compile, and formulas nest as deep as the stack allows. */
export const maxEquations = 200;

/**
 * Loops, branches and users' kernels get their operands in memory. An update may read its operands more than once, so that it recomputes
 * scalars only, its indices; and it must not read elsewhere in what it writes to.
 */
export function wantsInMemory(reader: Group, group: Group, size: number, aliases: ReadonlyMap<Var, Var>): boolean {
  if (reader.kind === "loop" || reader.kind === "branch" || reader.kind === "custom") return true;
  if (reader.kind !== "update") return false;
  const [{ inputs }] = reader.members;
  const resolve = (v: Var): Var => aliases.get(v) ?? v;
  const updated = inputs[0].kind === "var" ? resolve(inputs[0]) : undefined;
  const touches =
    updated !== undefined && (group.defines.has(updated) || [...group.reads].some((v) => resolve(v) === updated));
  return size > 1 || touches;
}
