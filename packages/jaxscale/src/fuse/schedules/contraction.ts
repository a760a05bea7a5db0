/** Which kernel a matrix product gets. */
import { elementsPerWord } from "../../base/dtypes.ts";
import type { Value } from "../../kernel/ir.ts";
import { coefficientOf } from "../../kernel/simplify.ts";
import type { AccessAnalysis } from "../access.ts";
import type { Group } from "../group.ts";
import type { Launch, ScheduleContext } from "../schedule.ts";
import { scheduleDotRows } from "./dot-rows.ts";
import { type Product, productOf, type Side, sideIndex } from "./product.ts";
import { scheduleTiles } from "./tiles.ts";

/** Elements to a word of the narrowest array in which neighbours along the depth lie next to each other; 0 if there is none. */
export function packingAlongDepth(access: AccessAnalysis, product: Product, side: Side, free: number): number {
  const k = access.builder;
  const symbol = (name: string, size: number): Value =>
    size === 1 ? k.i32(0) : k.opaque("i32", `${name}${size}`, { min: 0, max: size - 1 });
  const depth = symbol("depth", product.depth);
  const index = sideIndex(k, side, symbol("batch", product.batch), symbol("free", free), depth);
  const sites = access.readsOfAtom(side.atom, index.linear);
  const contiguous = sites.filter((s) => coefficientOf(s.position, depth) === 1);
  return Math.max(0, ...contiguous.map(({ variable }) => elementsPerWord(variable.aval.dtype)));
}

/** Whether neighbours along the depth lie next to each other in memory. */
export const depthIsContiguous = (access: AccessAnalysis, product: Product, side: Side, free: number): boolean =>
  packingAlongDepth(access, product, side, free) > 0;

export function scheduleContraction(group: Group, context: ScheduleContext, access: AccessAnalysis): readonly Launch[] {
  const product = productOf(group);
  if (product.batch * product.rows * product.columns === 0) return [];
  const fewRows = product.rows <= context.parameters.gemvRows;
  const { rowSide, columnSide } = product;
  const packing = packingAlongDepth(access, product, columnSide, product.columns);
  if ((fewRows && packing > 0 && product.depth >= 32) || product.columns === 1)
    return scheduleDotRows(group, product, context, packing);
  const rows = depthIsContiguous(access, product, rowSide, product.rows);
  return scheduleTiles(group, product, context, { rows, columns: packing > 0 });
}
