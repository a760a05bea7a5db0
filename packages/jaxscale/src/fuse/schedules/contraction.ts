/** Which kernel a matrix product gets. */
import type { Value } from "../../kernel/ir.ts";
import { coefficientOf } from "../../kernel/simplify.ts";
import type { AccessAnalysis } from "../access.ts";
import type { Group } from "../group.ts";
import type { Launch, ScheduleContext } from "../schedule.ts";
import { scheduleDotRows } from "./dot-rows.ts";
import { type Product, productOf, type Side, sideIndex } from "./product.ts";
import { scheduleTiles } from "./tiles.ts";

/** Whether neighbours along the depth lie next to each other in memory. */
export function depthIsContiguous(access: AccessAnalysis, product: Product, side: Side, free: number): boolean {
  const k = access.builder;
  const symbol = (name: string, size: number): Value =>
    size === 1 ? k.i32(0) : k.opaque("i32", `${name}${size}`, { min: 0, max: size - 1 });
  const depth = symbol("depth", product.depth);
  const index = sideIndex(k, side, symbol("batch", product.batch), symbol("free", free), depth);
  const sites = access.readsOfAtom(side.atom, index.linear);
  return sites.some((s) => coefficientOf(s.position, depth) === 1);
}

export function scheduleContraction(group: Group, context: ScheduleContext, access: AccessAnalysis): readonly Launch[] {
  const product = productOf(group);
  if (product.batch * product.rows * product.columns === 0) return [];
  const fewRows = product.rows <= context.parameters.gemvRows;
  const { rowSide, columnSide } = product;
  const columnsAlongDepth = depthIsContiguous(access, product, columnSide, product.columns);
  if ((fewRows && columnsAlongDepth && product.depth >= 32) || product.columns === 1)
    return scheduleDotRows(group, product, context);
  const rows = depthIsContiguous(access, product, rowSide, product.rows);
  return scheduleTiles(group, product, context, { rows, columns: columnsAlongDepth });
}
