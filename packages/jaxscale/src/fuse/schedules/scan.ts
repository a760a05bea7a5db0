/** Prefix folds: each invocation walks one row. */
import { elementsPerWord } from "../../base/dtypes.ts";
import { invariant } from "../../base/errors.ts";
import { Index } from "../../kernel/index-space.ts";
import type { Value } from "../../kernel/ir.ts";
import { fullPosition, makeDomain } from "../domain.ts";
import { contextOf, rules } from "../graph.ts";
import { invocationNumber } from "../grid.ts";
import type { Group } from "../group.ts";
import { emitterFor, gridFor, kernelName, type Launch, type ScheduleContext } from "../schedule.ts";
import { storeElement } from "./store.ts";

export function scheduleScan(group: Group, context: ScheduleContext): readonly Launch[] {
  const [eqn] = group.members;
  const { lowering } = rules(eqn);
  invariant(lowering.kind === "scan", "a scan group has a scan");
  const at = contextOf(eqn);
  const [result] = eqn.outputs;
  const domain = makeDomain(result.aval.shape, [lowering.axis(at)]);
  if (domain.rows * domain.columns === 0) return [];
  const workgroup = Math.min(domain.rows, context.parameters.mapWorkgroup);
  const grid = gridFor(domain.rows, workgroup, context.target);
  const emit = emitterFor(group, context);
  const { k } = emit;
  const view = emit.output(result, "out0", elementsPerWord(result.aval.dtype) > 1);
  const number = invocationNumber(k, grid, workgroup);
  k.if(k.lt(number, k.i32(domain.rows)), () => {
    const row = k.assume(number, { min: 0, max: domain.rows - 1 });
    const sum = k.variable(lowering.initial(k, at), "sum");
    k.loop(k.i32(0), k.i32(domain.columns), k.i32(1), (turn) => {
      const column: Value = lowering.reverse(at) ? k.sub(k.i32(domain.columns - 1), turn) : turn;
      const position = fullPosition(k, domain, row, column);
      const element = emit.read(eqn.inputs[0], Index.fromLinear(k, eqn.inputs[0].aval.shape, position));
      k.set(sum, lowering.combine(k, k.get(sum), element, at));
      storeElement(k, view, position, emit.round(result, k.get(sum)));
    });
  });
  return [{ kernel: k.finish(kernelName(group), [workgroup, 1, 1]), bindings: emit.bindings, workgroups: grid }];
}
