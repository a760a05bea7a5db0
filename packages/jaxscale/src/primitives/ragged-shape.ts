/** Grouped products: which axis is which, and sizes. */
import { DTypeError, ShapeError } from "../base/errors.ts";
import { formatAval, type ShapedArray } from "../jaxpr/ir.ts";
import type { DotDimensionNumbers } from "./dot-general.ts";
import { list, tuple } from "./python-text.ts";

type Axes = readonly number[];

export type RaggedDimensionNumbers = {
  readonly dotDimensionNumbers: DotDimensionNumbers;
  /** The one axis of lhs that is cut into groups. */
  readonly lhsRaggedDimensions: Axes;
  /** The axis of rhs that has an entry a group, where lhs's ragged axis is free; none where it is contracted. */
  readonly rhsGroupDimensions: Axes;
};

export interface RaggedShape {
  /** `rows`: out[b, i, j] = Σ_d lhs[b, i, d] · rhs[b, group of i, d, j]. `depth`: out[g, b, i, j] = Σ_(d in g) lhs[b, d, i] · rhs[b, d, j]. */
  readonly ragged: "rows" | "depth";
  readonly groups: number;
  readonly batch: Axes;
  readonly lhsFree: Axes;
  readonly rhsFree: Axes;
  readonly shape: readonly number[];
}

const op = "ragged_dot_general";

/** @throws ShapeError, DTypeError */
export function raggedShape(inputs: readonly ShapedArray[], numbers: RaggedDimensionNumbers): RaggedShape {
  const [lhs, rhs, sizes] = inputs;
  const [[lc, rc], [lb, rb]] = numbers.dotDimensionNumbers;
  const { lhsRaggedDimensions, rhsGroupDimensions } = numbers;
  const got = `got ${inputs.map(formatAval).join(", ")} and contracting ${list(lc)}, ${list(rc)}, batch ${list(lb)}, ${list(rb)}, ragged ${tuple(lhsRaggedDimensions)}, group ${tuple(rhsGroupDimensions)}`;
  const require = (condition: boolean, rule: string): void => {
    if (!condition) throw new ShapeError(`${op}: ${rule}; ${got}`);
  };
  checkAxes(lhs, [lc, lb], require);
  checkAxes(rhs, [rc, rb, rhsGroupDimensions], require);
  for (const [left, right, kind] of [
    [lb, rb, "batch"],
    [lc, rc, "contracting"],
  ] as const) {
    require(left.length === right.length, `lhs and rhs must have as many ${kind} axes`);
    require(left.every((axis, i) => lhs.shape[axis] === rhs.shape[right[i]]), `${kind} sizes differ`);
  }
  require(lhsRaggedDimensions.length === 1, "lhs must have exactly one ragged axis");
  const [axis] = lhsRaggedDimensions;
  require(!lb.includes(axis), "the ragged axis must not be a batch axis");
  const ragged = lc.includes(axis) ? "depth" : "rows";
  require(rhsGroupDimensions.length ===
    (ragged === "rows" ? 1 : 0), "rhs must have one group axis if the ragged axis is free, none if it is contracted");
  const lhsFree = lhs.shape.map((_, a) => a).filter((a) => !lc.includes(a) && !lb.includes(a));
  const rhsFree = rhs.shape
    .map((_, a) => a)
    .filter((a) => !rc.includes(a) && !rb.includes(a) && !rhsGroupDimensions.includes(a));
  if (ragged === "rows") require(lhsFree.length === 1, "the ragged axis must be the only free one of lhs");
  else require(lc.length === 1, "the ragged axis must be the only contracted one");
  if (sizes.dtype !== "int32" && sizes.dtype !== "uint32")
    throw new DTypeError(`${op}: group_sizes must be int32 or uint32; ${got}`);
  const batch = lb.map((a) => lhs.shape[a]);
  const leading = sizes.shape.slice(0, -1);
  require(sizes.shape.length === 1 ||
    (leading.length === batch.length &&
      leading.every((n, i) => n === batch[i])), `group_sizes must be [groups], or [${[...batch, "groups"].join(",")}]`);
  const groups = sizes.shape[sizes.shape.length - 1];
  if (ragged === "rows")
    require(rhs.shape[rhsGroupDimensions[0]] === groups, "rhs's group axis must be as long as group_sizes");
  const free = [...lhsFree.map((a) => lhs.shape[a]), ...rhsFree.map((a) => rhs.shape[a])];
  const shape = ragged === "rows" ? [...batch, ...free] : [groups, ...batch, ...free];
  return { ragged, groups, batch, lhsFree, rhsFree, shape };
}

function checkAxes(x: ShapedArray, lists: readonly Axes[], require: (condition: boolean, rule: string) => void): void {
  const axes = lists.flat();
  require(axes.every((a) => Number.isInteger(a) && a >= 0 && a < x.shape.length) &&
    new Set(axes).size === axes.length, `axes must be distinct and within ${formatAval(x)}`);
}
