/** The end of a matrix product: its epilogue, and its stores. */

import type { Var } from "../../jaxpr/ir.ts";
import type { Value } from "../../kernel/ir.ts";
import { runLength } from "../../kernel/packed.ts";
import type { Emitter } from "../emitter.ts";
import type { MemoryView } from "../memory-view.ts";
import { type Product, resultOf } from "./product.ts";
import { storeElement, storeRun } from "./store.ts";

export interface Output {
  readonly v: Var;
  readonly view: MemoryView;
}

/** Elements of the runs in which `columns` consecutive columns are stored. */
export const runOfColumns = (product: Product, columns: number): number =>
  columns % runLength === 0 && product.columns % runLength === 0 && product.columnsAreLast ? runLength : 1;

/** Stores the group's results for consecutive columns of one row. @param guarded some columns may lie beyond the last */
export function writeColumns(
  emit: Emitter,
  product: Product,
  outputs: readonly Output[],
  batch: Value,
  row: Value,
  firstColumn: Value,
  sums: readonly Value[],
  guarded: boolean,
): void {
  const { k } = emit;
  const position = (c: number): Value => product.position(k, batch, row, k.add(firstColumn, k.i32(c)));
  if (runOfColumns(product, sums.length) > 1 && !guarded) {
    for (let first = 0; first < sums.length; first += runLength)
      for (const { v, view } of outputs) {
        const values = Array.from({ length: runLength }, (_, i) => {
          emit.define(product.result, resultOf(k, product, sums[first + i]));
          return emit.at(v, position(first + i));
        });
        storeRun(k, view, position(first), values);
      }
    return;
  }
  sums.forEach((sum, c) => {
    const write = (): void => {
      const column = k.assume(k.add(firstColumn, k.i32(c)), { min: 0, max: product.columns - 1 });
      const at = product.position(k, batch, row, column);
      emit.define(product.result, resultOf(k, product, sum));
      for (const { v, view } of outputs) storeElement(k, view, at, emit.at(v, at));
    };
    if (guarded) k.if(k.lt(k.add(firstColumn, k.i32(c)), k.i32(product.columns)), write);
    else write();
  });
}
