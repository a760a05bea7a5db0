/** Elementwise kernels: each invocation makes runs of four consecutive elements of every result. */
import type { Value } from "../../kernel/ir.ts";
import type { Emitter } from "../emitter.ts";
import { ceilDivide, invocationNumber } from "../grid.ts";
import type { Group } from "../group.ts";
import { emitterFor, gridFor, kernelName, type Launch, type ScheduleContext } from "../schedule.ts";
import { scheduleMapWords } from "./map-words.ts";
import { runLength, storeRun } from "./store.ts";

/** Beyond this the four copies of the formula take longer to compile than wide loads save. */
const maxUnrolledValues = 400;

export function scheduleMap(group: Group, context: ScheduleContext): readonly Launch[] {
  const size = group.domain.rows;
  if (size === 0) return [];
  const { mapWorkgroup, mapVectors } = context.parameters;
  const runs = ceilDivide(size, runLength);
  const perInvocation = runs >= mapVectors * mapWorkgroup * 64 ? mapVectors : 1;
  const invocations = ceilDivide(runs, perInvocation);
  const workgroup = Math.min(mapWorkgroup, Math.max(1, invocations));
  const grid = gridFor(invocations, workgroup, context.target);

  const emit = emitterFor(group, context);
  const { k } = emit;
  const outputs = group.writes.map((v, i) => ({ v, view: emit.output(v, `out${i}`) }));
  const whole = Math.floor(size / runLength);

  const storeAt = (position: (lane: number) => Value): void => {
    for (const { v, view } of outputs)
      storeRun(
        k,
        view,
        position(0),
        Array.from({ length: runLength }, (_, lane) => emit.at(v, position(lane))),
      );
  };
  const writeRun = (run: Value): void => {
    if (whole > 0)
      k.if(k.lt(run, k.i32(whole)), () => {
        const first = k.mul(k.assume(run, { min: 0, max: whole - 1 }), k.i32(runLength));
        storeAt((lane) => k.add(first, k.i32(lane)));
      });
    // The last, partial run: its missing elements repeat the last one, into the padding.
    if (whole < runs) k.if(k.eq(run, k.i32(whole)), () => writeTail(emit, outputs, whole * runLength, size));
  };

  const invocation = invocationNumber(k, grid, workgroup);
  if (perInvocation === 1) writeRun(invocation);
  else {
    const first = k.mul(k.assume(invocation, { min: 0, max: grid[0] * grid[1] * workgroup - 1 }), k.i32(perInvocation));
    k.loop(k.i32(0), k.i32(perInvocation), k.i32(1), (i) => writeRun(k.add(first, i)));
  }
  if (k.valueCount > maxUnrolledValues) return scheduleMapWords(group, context);
  return [{ kernel: k.finish(kernelName(group), [workgroup, 1, 1]), bindings: emit.bindings, workgroups: grid }];
}

type Output = { readonly v: Group["writes"][number]; readonly view: ReturnType<Emitter["output"]> };

function writeTail(emit: Emitter, outputs: readonly Output[], first: number, size: number): void {
  const { k } = emit;
  for (const { v, view } of outputs) {
    const values = Array.from({ length: runLength }, (_, lane) => emit.at(v, k.i32(Math.min(first + lane, size - 1))));
    storeRun(k, view, k.i32(first), values);
  }
}
