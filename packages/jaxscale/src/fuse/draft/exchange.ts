/** Exchanges between GPUs: steps on memory, whose operands lie there. */
import { invariant } from "../../base/errors.ts";
import { newVar } from "../../jaxpr/ir.ts";
import { contextOf, rules } from "../graph.ts";
import type { Group } from "../group.ts";
import { draftCopy, originOf } from "./kernels.ts";
import type { Draft, DraftProgram, DraftScope } from "./steps.ts";

/** Guards do not hold for it: GPUs meet whether or not they need what they get. */
export function draftExchange(
  group: Group,
  _neededLater: unknown,
  program: DraftProgram,
  scope: DraftScope,
): readonly Draft[] {
  const [eqn] = group.members;
  const { lowering } = rules(eqn);
  invariant(lowering.kind === "exchange", "an exchange group has an exchange");
  const [operand] = eqn.inputs;
  const [result] = eqn.outputs;
  const plan = lowering.plan(contextOf(eqn).params);
  const origin = originOf(group);
  const isInMemory = operand.kind === "var" && !scope.iterations.has(operand);
  const from = isInMemory ? program.sharing.resolve(operand) : newVar(operand.aval);
  const before = isInMemory ? [] : draftCopy(operand, from, program, { ...scope, guards: [] });
  return [...before, { kind: "exchange", plan, reads: [from], writes: [result], origin }];
}
