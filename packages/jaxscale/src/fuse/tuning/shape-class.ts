/** What there is to choose of the schedules of a kind, and which groups have one answer to what is fastest. */
import type { AccessAnalysis } from "../access.ts";
import { isTrailing } from "../domain.ts";
import type { Group } from "../group.ts";
import { depthIsContiguous } from "../schedules/contraction.ts";
import { productOf, type Side } from "../schedules/product.ts";
import type { SpaceName } from "./candidates.ts";

export interface ScheduleChoice {
  /** Kind, dtypes, sizes by powers of two, and how operands lie: groups of one class are scheduled alike. */
  readonly shapeClass: (group: Group, access: AccessAnalysis) => string;
  /** Which candidates are worth trying. */
  readonly space: (group: Group) => SpaceName;
}

/** Sizes that are scheduled alike: powers of two, small ones exactly. */
const bucket = (size: number): string => (size <= 8 ? `${size}` : `2^${Math.ceil(Math.log2(size))}`);

const dtypes = (vars: Iterable<{ readonly aval: { readonly dtype: string } }>): string =>
  [...new Set([...vars].map((v) => v.aval.dtype))].sort().join("+");

const memory = ({ reads, writes }: Group): string => `${dtypes(reads)}->${dtypes(writes)}`;

export const mapChoice: ScheduleChoice = {
  shapeClass: (group) => `map ${memory(group)} reads ${bucket(group.reads.size)} size ${bucket(group.domain.rows)}`,
  space: () => "map",
};

export const reduceChoice: ScheduleChoice = {
  shapeClass: (group) => {
    const { domain } = group;
    const order = isTrailing(domain) ? "rows" : "columns";
    return `reduce ${memory(group)} ${order} ${bucket(domain.rows)}x${bucket(domain.columns)}`;
  },
  space: () => "reduce",
};

export const contractionChoice: ScheduleChoice = {
  shapeClass: (group, access) => {
    const product = productOf(group);
    const { rowSide, columnSide, rows, columns, depth, batch } = product;
    const lies = (side: Side, free: number): string =>
      `${side.atom.aval.dtype}${depthIsContiguous(access, product, side, free) ? "k" : "n"}`;
    const aligned = `${columns % 4 === 0 ? "c4" : ""}${depth % 4 === 0 ? "k4" : ""}`;
    const sizes = [batch, rows, depth, columns].map(bucket).join("x");
    return `contraction ${lies(rowSide, rows)}·${lies(columnSide, columns)}->${dtypes(group.writes)} ${sizes} ${aligned}`;
  },
  space: (group) => (productOf(group).rows === 1 ? "vector" : "matrix"),
};
