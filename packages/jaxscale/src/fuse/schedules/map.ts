/** Elementwise kernels: a workgroup makes one block of every result, its invocations side by side, a few elements an iteration. */

import { elementsPerWord } from "../../base/dtypes.ts";
import type { Value } from "../../kernel/ir.ts";
import { runLengthOf } from "../../kernel/packed.ts";
import type { Emitter } from "../emitter.ts";
import { ceilDivide, workgroupNumber } from "../grid.ts";
import type { Group } from "../group.ts";
import { emitterFor, gridFor, kernelName, type Launch, type ScheduleContext } from "../schedule.ts";
import { storeRun } from "./store.ts";

/** Workgroups that keep a device busy; blocks grow only beyond them. */
const enoughWorkgroups = 64;

export function scheduleMap(group: Group, context: ScheduleContext): readonly Launch[] {
  const size = group.domain.rows;
  if (size === 0) return [];
  const { mapWorkgroup, mapVectors } = context.parameters;
  const runLength = runLengthOf(group.writes.map((v) => v.aval.dtype));
  const runs = ceilDivide(size, runLength);
  const workgroup = Math.min(mapWorkgroup, runs);
  const most = Math.min(mapVectors, Math.max(1, Math.floor(runs / (workgroup * enoughWorkgroups))));
  // Parts begin where windows do if both are powers of two.
  const iterations = context.part ? 2 ** Math.floor(Math.log2(most)) : most;
  const block = workgroup * iterations;
  const grid = gridFor(runs, block, context.target, context.part);

  const emit = emitterFor(group, context);
  const { k } = emit;
  const outputs = group.writes.map((v, i) => ({ v, view: emit.output(v, `out${i}`) }));
  const whole = Math.floor(size / runLength);

  const storeAt = (position: (lane: number) => Value): void => {
    // All is read before any is written: an output may lie in the memory of an operand.
    const values = outputs.map(({ v }) => Array.from({ length: runLength }, (_, lane) => emit.at(v, position(lane))));
    outputs.forEach(({ view }, i) => storeRun(k, view, position(0), values[i]));
  };
  const start = k.mul(workgroupNumber(k, grid), k.i32(block));
  const lane = k.local(0, workgroup);
  if (whole > 0) {
    const writeRun = (run: Value): void => {
      const first = k.mul(k.assume(run, { min: 0, max: whole - 1 }), k.i32(runLength));
      storeAt((i) => k.add(first, k.i32(i)));
    };
    const first = k.add(start, lane);
    if (iterations === 1) k.if(k.lt(first, k.i32(whole)), () => writeRun(first));
    // The loop begins where a driver cannot count its iterations: some would unroll it, and compile for seconds.
    else k.loop(first, k.min(k.add(start, k.i32(block)), k.i32(whole)), k.i32(workgroup), writeRun);
  }
  // The last, partial run: its missing elements repeat the last one, into the padding.
  const writer = runs - 1 - ((runs - 1) % block);
  const number = k.add(start, lane);
  if (whole < runs && includes(number.range, writer))
    k.if(k.eq(number, k.i32(writer)), () => writeTail(emit, outputs, whole * runLength, runLength, size));
  return [{ kernel: k.finish(kernelName(group), [workgroup, 1, 1]), bindings: emit.bindings, workgroups: grid }];
}

const includes = (range: Value["range"], n: number): boolean => !range || (range.min <= n && n <= range.max);

type Output = { readonly v: Group["writes"][number]; readonly view: ReturnType<Emitter["output"]> };

function writeTail(emit: Emitter, outputs: readonly Output[], first: number, length: number, size: number): void {
  const { k } = emit;
  const values = outputs.map(({ v }) => {
    // Memory ends with a whole vector of words: those behind it are not there, where a run has several.
    const vector = Math.min(length, 4 * elementsPerWord(v.aval.dtype));
    const stored = ceilDivide(size - first, vector) * vector;
    return Array.from({ length: stored }, (_, lane) => emit.at(v, k.i32(Math.min(first + lane, size - 1))));
  });
  outputs.forEach(({ view }, i) => storeRun(k, view, k.i32(first), values[i]));
}
