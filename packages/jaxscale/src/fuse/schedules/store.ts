/** Writing elements of any dtype, so that no two invocations share a word unless they merge into it atomically. */
import { bitsOf, elementsPerWord } from "../../base/dtypes.ts";
import type { KernelBuilder } from "../../kernel/builder.ts";
import type { Value } from "../../kernel/ir.ts";
import { packLanes } from "../../kernel/packed.ts";
import type { MemoryView } from "../memory-view.ts";

/** Whether runs of so many elements are whole words of a dtype; if not, views that are written in them have to be atomic. */
export const fillsWords = (dtype: MemoryView["dtype"], run: number): boolean => run % elementsPerWord(dtype) === 0;

/** Words of the widest vector. */
const widest = 4;

/**
 * Stores consecutive elements: as words, or merged into them where a run does not fill them.
 * @param position of the first, a multiple of the run's length
 */
export function storeRun(k: KernelBuilder, view: MemoryView, position: Value, values: readonly Value[]): void {
  if (!fillsWords(view.dtype, values.length)) {
    values.forEach((value, i) => storeElement(k, view, k.add(position, k.i32(i)), value));
    return;
  }
  const lanes = elementsPerWord(view.dtype);
  const words: Value[] = [];
  for (let i = 0; i < values.length; i += lanes) words.push(packLanes(k, view.dtype, values.slice(i, i + lanes)));
  const first = k.div(position, k.i32(lanes));
  for (let i = 0; i < words.length; i += widest) {
    const vector = words.slice(i, i + widest);
    const word = k.add(first, k.i32(i));
    view.atWord(word, (buffer, index) => k.store(buffer, index, k.vec(vector)), vector.length);
  }
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
