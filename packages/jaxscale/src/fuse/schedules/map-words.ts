/** Elementwise kernels whose formula is long: each invocation makes one word of every result, so the formula is written once. */
import { bitsOf, elementsPerWord } from "../../base/dtypes.ts";
import type { KernelBuilder } from "../../kernel/builder.ts";
import type { Value, Variable } from "../../kernel/ir.ts";
import { packLanes } from "../../kernel/packed.ts";
import { ceilDivide, invocationNumber } from "../grid.ts";
import type { Group } from "../group.ts";
import type { MemoryView } from "../memory-view.ts";
import { emitterFor, gridFor, kernelName, type Launch, type ScheduleContext } from "../schedule.ts";
import { storeElement } from "./store.ts";

export function scheduleMapWords(group: Group, context: ScheduleContext): readonly Launch[] {
  const size = group.domain.rows;
  const perItem = Math.max(...group.writes.map((v) => elementsPerWord(v.aval.dtype)));
  const items = ceilDivide(size, perItem);
  const workgroup = Math.min(context.parameters.mapWorkgroup, items);
  const grid = gridFor(items, workgroup, context.target, context.part);
  const emit = emitterFor(group, context);
  const { k } = emit;
  const outputs = group.writes.map((v, i) => ({ v, view: emit.output(v, `out${i}`) }));
  const invocation = invocationNumber(k, grid, workgroup);
  k.if(k.lt(invocation, k.i32(items)), () => {
    const item = k.assume(invocation, { min: 0, max: items - 1 });
    if (perItem === 1) {
      for (const { v, view } of outputs) storeElement(k, view, item, emit.at(v, item));
      return;
    }
    const first = k.mul(item, k.i32(perItem));
    const words = outputs.map(() => k.variable(k.u32(0), "word"));
    k.loop(k.i32(0), k.i32(perItem), k.i32(1), (lane) => {
      const position = k.add(first, lane);
      // Elements beyond the last repeat it, into the padding.
      const inside = size % perItem === 0 ? position : k.min(position, k.i32(size - 1));
      outputs.forEach(({ v, view }, i) => addLane(k, view, words[i], position, lane, emit.at(v, inside)));
    });
  });
  return [{ kernel: k.finish(kernelName(group), [workgroup, 1, 1]), bindings: emit.bindings, workgroups: grid }];
}

/** Puts one element into the word that is being made, and stores the word when it is full. */
function addLane(k: KernelBuilder, view: MemoryView, word: Variable, position: Value, lane: Value, value: Value): void {
  const lanes = elementsPerWord(view.dtype);
  if (lanes === 1) {
    storeElement(k, view, position, value);
    return;
  }
  const zero = k.constant(value.type as "f32" | "i32" | "u32" | "bool", 0);
  const encoded = packLanes(k, view.dtype, [value, ...Array.from({ length: lanes - 1 }, () => zero)]);
  const within = k.rem(lane, k.i32(lanes));
  k.set(word, k.or(k.get(word), k.shl(encoded, k.mul(k.cast("u32", within), k.u32(bitsOf(view.dtype))))));
  k.if(k.eq(within, k.i32(lanes - 1)), () => {
    view.atWord(k.div(position, k.i32(lanes)), (buffer, index) => k.store(buffer, index, k.get(word)));
    k.set(word, k.u32(0));
  });
}
