/** Bytes that a group's kernels read and write; caches are not counted. */
import { itemSizeBytes } from "../base/dtypes.ts";
import { sizeOf } from "../base/shapes.ts";
import type { JaxprEqn, Params, Var } from "../jaxpr/ir.ts";
import type { UpdateLowering } from "../primitives/primitive.ts";
import type { AccessAnalysis, ReadSite } from "./access.ts";
import { makeDomain } from "./domain.ts";
import { contextOf, rules, sizeOfAtom } from "./graph.ts";
import type { Group } from "./group.ts";

/** Of what is indexed only the elements that are touched: a gather of four rows does not read the table. */
export function trafficOf(group: Group, access: AccessAnalysis): number {
  const read = new Map<Var, number>();
  const add = (sites: readonly ReadSite[], count: number): void => {
    for (const { variable } of sites)
      if (!group.defines.has(variable)) read.set(variable, (read.get(variable) ?? 0) + count);
  };
  let updated: number | undefined;
  for (const eqn of group.members) {
    const { lowering } = rules(eqn);
    const operands = lowering.kind === "update" ? eqn.inputs.slice(1) : eqn.inputs;
    if (lowering.kind === "map") addOutputs(eqn, eqn.outputs, access, add);
    else for (const a of operands) add(access.readsOfAtom(a, wholeOf(a.aval.shape, access)), sizeOfAtom(a));
    if (lowering.kind === "update") updated = updatedElements(lowering, eqn, access);
  }
  for (const eqn of group.sources)
    addOutputs(
      eqn,
      eqn.outputs.filter((v) => group.defines.has(v)),
      access,
      add,
    );
  const bytes = (v: Var, elements: number): number => Math.min(elements, sizeOfAtom(v)) * itemSizeBytes(v.aval.dtype);
  let total = 0;
  for (const [v, elements] of read) total += bytes(v, elements);
  for (const v of group.writes) total += bytes(v, updated ?? sizeOfAtom(v));
  return total;
}

const wholeOf = (shape: readonly number[], access: AccessAnalysis): ReadSite["position"] =>
  access.symbols(makeDomain(shape, [])).full;

function addOutputs(
  eqn: JaxprEqn,
  outputs: readonly Var[],
  access: AccessAnalysis,
  add: (sites: readonly ReadSite[], count: number) => void,
): void {
  for (const v of outputs) add(access.reads(eqn, eqn.outputs.indexOf(v), wholeOf(v.aval.shape, access)), sizeOfAtom(v));
}

/** Elements that an update writes. */
function updatedElements(lowering: UpdateLowering<Params>, eqn: JaxprEqn, access: AccessAnalysis): number | undefined {
  const k = access.builder;
  const context = contextOf(eqn);
  const window = lowering.window?.(k, (i, index) => k.opaque("i32", `operand${i}@${index.linear.id}`), context);
  if (window) return sizeOf(window.sizes);
  const steps = lowering.steps?.plan(context);
  return steps && sizeOf(steps.items) * steps.count;
}
