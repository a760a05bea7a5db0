/** How an op is split over devices: its dimensions as factors, and what rewriting it for one device is told. */
import type { Params } from "../jaxpr/ir.ts";
import type { LoweringContext } from "./lowering.ts";
import type { Operand } from "./op-builder.ts";

/**
 * An op's dimensions named as factors, as in Shardy: `i k, k j -> i j`.
 * A dimension may be a product of factors (major first), as a reshape `32 -> (2, 16)` needs.
 * @see https://openxla.org/shardy/sharding_representation
 */
export interface ShardingRule {
  /** Per operand, per dimension, the factors it is the product of. */
  readonly operands: readonly (readonly (readonly string[])[])[];
  readonly results: readonly (readonly (readonly string[])[])[];
  readonly factors: Readonly<Record<string, Factor>>;
}
/** One factor of the dimensions. */
export interface Factor {
  readonly size: number;
  /**
   * parallel: slices of the operands give the slice of the result.
   * reduction: partial results over the factor combine (`combine` says how; absent: whoever asked for the rule does it) into the result.
   * replicated: every device needs the whole dimension.
   */
  readonly kind: "parallel" | "reduction" | "replicated";
  readonly combine?: "add" | "mul" | "max" | "min" | "and" | "or";
  /** Gets its mesh axes before other factors that claim them. */
  readonly isFirst?: boolean;
}

/** For each dimension the mesh axes that split it, the major one first. */
export type Layout = readonly (readonly string[])[];

/** A device's part of an array, and how the whole is split. */
export interface Part {
  readonly value: Operand;
  readonly layout: Layout;
}

/** What rewriting an equation for one device gets besides its operands' parts; types are those of whole arrays. */
export interface PartitionContext<P = Params> extends LoweringContext<P> {
  /** Devices along each mesh axis. */
  readonly sizes: ReadonlyMap<string, number>;
  /** How operands, and after them wanted results, split the factors of a rule, which may say more than the op's own where the caller combines the results. */
  readonly arranged: (rule: ShardingRule) => Arrangement;
  /** A part in another layout: what must move moves here. */
  readonly relaid: (part: Part, layout: Layout) => Part;
}

/** Layouts that a sharding rule gives to operands and results. */
export interface Arrangement {
  readonly operands: readonly Layout[];
  readonly results: readonly Layout[];
  /** The operands in those layouts: what must move for them moves here. */
  readonly parts: () => readonly Operand[];
}

/** A dimension, and the one mesh axis along whose devices its parts lie. */
export interface PartOf {
  readonly axes: readonly string[];
  readonly axisSize: number;
  readonly dimension: number;
}

/** A value that an equation and the jaxprs it calls have in common, such as a carry of a loop: an operand, arguments, outputs, a result. */
export interface Edge {
  readonly operand?: number;
  readonly arguments: readonly BodyPlace[];
  readonly outputs: readonly BodyPlace[];
  readonly result?: number;
  /** Operand and result have one more axis in front, of which a body sees one slice. */
  readonly stacked?: boolean;
}
/** Number of one of `subJaxprs`, and of its argument or output. */
export type BodyPlace = readonly [body: number, index: number];
