/** Elementwise kernels: a workgroup makes one block of every result, its invocations side by side, four elements a turn. */
import type { Value } from "../../kernel/ir.ts";
import type { Emitter } from "../emitter.ts";
import { ceilDivide, workgroupNumber } from "../grid.ts";
import type { Group } from "../group.ts";
import { emitterFor, gridFor, kernelName, type Launch, type ScheduleContext } from "../schedule.ts";
import { runLength, storeRun } from "./store.ts";

/** Workgroups that keep a device busy; blocks grow only beyond them. */
const enoughWorkgroups = 64;

export function scheduleMap(group: Group, context: ScheduleContext): readonly Launch[] {
  const size = group.domain.rows;
  if (size === 0) return [];
  const { mapWorkgroup, mapVectors } = context.parameters;
  const runs = ceilDivide(size, runLength);
  const workgroup = Math.min(mapWorkgroup, runs);
  const turns = Math.min(mapVectors, Math.max(1, Math.floor(runs / (workgroup * enoughWorkgroups))));
  const block = workgroup * turns;
  const grid = gridFor(runs, block, context.target);

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

  const first = k.add(k.mul(workgroupNumber(k, grid), k.i32(block)), k.local(0, workgroup));
  if (turns === 1) writeRun(first);
  else k.loop(k.i32(0), k.i32(block), k.i32(workgroup), (ahead) => writeRun(k.add(first, ahead)));
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
