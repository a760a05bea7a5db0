/** Writing elements of any dtype, so that no two invocations share a word unless they merge into it atomically. */
import { bitsOf, elementsPerWord } from "../../base/dtypes.ts";
import type { KernelBuilder } from "../../kernel/builder.ts";
import type { Value } from "../../kernel/ir.ts";
import { packLanes } from "../../kernel/packed.ts";
import type { MemoryView } from "../memory-view.ts";

/** Stores consecutive elements that make whole words: 1, 2 or 4 words. @param position of the first, at the start of a word (of a vector, where there are several) */
export function storeRun(k: KernelBuilder, view: MemoryView, position: Value, values: readonly Value[]): void {
  const lanes = elementsPerWord(view.dtype);
  const words: Value[] = [];
  for (let i = 0; i < values.length; i += lanes) words.push(packLanes(k, view.dtype, values.slice(i, i + lanes)));
  const word = k.div(position, k.i32(lanes));
  view.atWord(word, (buffer, index) => k.store(buffer, index, k.vec(words)), words.length);
}

/** Stores one element of a 32-bit dtype, or merges one of a packed dtype into its word (the view must be atomic then). */
export function storeElement(k: KernelBuilder, view: MemoryView, position: Value, value: Value): void {
  const lanes = elementsPerWord(view.dtype);
  if (lanes === 1) {
    const word = packLanes(k, view.dtype, [value]);
    view.atWord(position, (buffer, index) => k.store(buffer, index, word));
    return;
  }
  const bits = bitsOf(view.dtype);
  const zero = k.constant(value.type as "f32" | "i32" | "u32" | "bool", 0);
  const encoded = packLanes(k, view.dtype, [value, ...Array.from({ length: lanes - 1 }, () => zero)]);
  const shift = k.mul(k.cast("u32", k.rem(position, k.i32(lanes))), k.u32(bits));
  const keep = k.not(k.shl(k.u32(2 ** bits - 1), shift));
  const merged = k.shl(encoded, shift);
  view.atWord(k.div(position, k.i32(lanes)), (buffer, index) => {
    k.atomic("atomicAnd", buffer, index, keep);
    k.atomic("atomicOr", buffer, index, merged);
  });
}

/** Whether a view written element by element has to be atomic. */
export const isPacked = (dtype: MemoryView["dtype"]): boolean => elementsPerWord(dtype) > 1;
