/** How an op becomes part of a kernel: a primitive says what one element is, or how elements combine; schedules say how to loop. */
import type { Shape } from "../base/shapes.ts";
import type { Target } from "../base/target.ts";
import type { HostTensor } from "../base/tensor-data.ts";
import type { ClosedJaxpr, ShapedArray } from "../jaxpr/ir.ts";
import type { KernelBuilder } from "../kernel/builder.ts";
import type { Index } from "../kernel/index-space.ts";
import type { RawSource, Value } from "../kernel/ir.ts";
import type { ExchangeStep } from "../kernel/program.ts";

/** Reads operand `i` at an index of its own shape, as a value of its compute type. */
export type Read = (operand: number, index: Index) => Value;

/** Types that a lowering may need besides its parameters. */
export interface LoweringContext<P> {
  readonly params: P;
  readonly inputs: readonly ShapedArray[];
  readonly outputs: readonly ShapedArray[];
}

/** Any op whose element at an index is a formula over elements of its operands: elementwise, movement, gathers. */
export interface MapLowering<P> {
  readonly kind: "map";
  /** The value at `index` of output `output`. Must be pure; reads only in-bounds indices. */
  readonly element: (k: KernelBuilder, index: Index, read: Read, context: LoweringContext<P>, output: number) => Value;
  /** Only moves or relabels data: duplicating it into consumers is free. */
  readonly movement: boolean;
}

/** Folds some axes away with an associative combine over a tuple of scalars. */
export interface ReduceLowering<P> {
  readonly kind: "reduce";
  readonly axes: (context: LoweringContext<P>) => readonly number[];
  /** Accumulators before any element. */
  readonly initial: (k: KernelBuilder, context: LoweringContext<P>) => readonly Value[];
  /** One element as accumulators; `position` is its row-major position within the reduced axes, an i32. */
  readonly lift: (k: KernelBuilder, element: Value, position: Value, context: LoweringContext<P>) => readonly Value[];
  readonly combine: (
    k: KernelBuilder,
    left: readonly Value[],
    right: readonly Value[],
    context: LoweringContext<P>,
  ) => readonly Value[];
  readonly finish: (k: KernelBuilder, accumulators: readonly Value[], context: LoweringContext<P>) => Value;
}

/** An inclusive prefix fold along one axis. */
export interface PrefixLowering<P> {
  readonly kind: "prefix";
  readonly axis: (context: LoweringContext<P>) => number;
  readonly reverse: (context: LoweringContext<P>) => boolean;
  readonly initial: (k: KernelBuilder, context: LoweringContext<P>) => Value;
  readonly combine: (k: KernelBuilder, left: Value, right: Value, context: LoweringContext<P>) => Value;
}

/** Reorders the rows along one axis, all operands alike: ascending by keys, where those are equal by position. */
export interface SortLowering<P> {
  readonly kind: "sort";
  readonly axis: (context: LoweringContext<P>) => number;
  /** That many leading operands are keys, the first the most significant. */
  readonly keyCount: (context: LoweringContext<P>) => number;
  /** A u32 that orders as the elements of operand `operand` do. */
  readonly key: (k: KernelBuilder, element: Value, operand: number, context: LoweringContext<P>) => Value;
}

/** The elements with the greatest keys along one axis, in falling order, those of equal keys by position; result 1 is their positions. */
export interface TopKLowering<P> {
  readonly kind: "topK";
  readonly axis: (context: LoweringContext<P>) => number;
  readonly count: (context: LoweringContext<P>) => number;
  /** A u32 that orders as the elements do. */
  readonly key: (k: KernelBuilder, element: Value, context: LoweringContext<P>) => Value;
  /** The element that has a key. */
  readonly element: (k: KernelBuilder, key: Value, context: LoweringContext<P>) => Value;
}

/** A sum of products over contracted axes. Output axes: batch, then free lhs, then free rhs. */
export interface ContractionLowering<P> {
  readonly kind: "contraction";
  readonly axes: (context: LoweringContext<P>) => {
    readonly lhsContracting: readonly number[];
    readonly rhsContracting: readonly number[];
    readonly lhsBatch: readonly number[];
    readonly rhsBatch: readonly number[];
  };
}

/** Sums of products in which runs of one axis, of lengths that the device knows, are groups. Output axes as of a contraction. */
export interface RaggedContractionLowering<P> {
  readonly kind: "raggedContraction";
  readonly plan: (context: LoweringContext<P>) => RaggedPlan;
}
/** Operands: lhs, rhs, sizes of the groups (integers `[groups]`, or `[…batch, groups]`). */
export interface RaggedPlan {
  /** What is cut: the rows (then the last batch axis of rhs is the group), or the depth (then the result has groups in front). */
  readonly ragged: "rows" | "depth";
  readonly groups: number;
  readonly lhs: RaggedAxes;
  readonly rhs: RaggedAxes;
}
export interface RaggedAxes {
  readonly batch: readonly number[];
  readonly free: readonly number[];
  readonly contracting: readonly number[];
}

/** softmax(scale · query keyᵀ + bias) value for each head, some of the logits masked. */
export interface AttentionLowering<P> {
  readonly kind: "attention";
  readonly plan: (context: LoweringContext<P>) => AttentionPlan;
}
/** Operands: query `[B,T,N,H]`, key `[B,S,K,H]`, value `[B,S,K,V]`, then those that have a position here. */
export interface AttentionPlan {
  readonly scale: number;
  /** Query t sees keys up to t. */
  readonly isCausal: boolean;
  /** How many keys before and after its own place a query sees. */
  readonly window: readonly [number, number] | null;
  /** Positions of the other operands: bias and mask `[1|B,1|N,1|T,1|S]`, lengths int32`[B]`, the place of query 0 int32 `[]` or `[B]`. */
  readonly operands: Readonly<Partial<Record<AttentionOperand, number>>>;
}
export type AttentionOperand = "bias" | "mask" | "queryLengths" | "keyLengths" | "queryOffset";

/** Writes part of operand 0 and leaves the rest: done in place when the operand is donated or not used again, else on a copy. */
export interface UpdateLowering<P> {
  readonly kind: "update";
  /** The op as a formula over the whole result: what operand 0's element at `index` becomes. For updates that touch most of it, packed words, or deterministic duplicates. */
  readonly element: (k: KernelBuilder, index: Index, read: Read, context: LoweringContext<P>) => Value;
  /** A box of the result outside which nothing changes: start (device values, already clamped so the box fits) and static sizes. Absent when the touched places are scattered. */
  readonly window?: (
    k: KernelBuilder,
    read: Read,
    context: LoweringContext<P>,
  ) => {
    readonly start: readonly Value[];
    readonly sizes: readonly number[];
    /** What the element at `local`, an index of the box, becomes; never reads operand 0. */
    readonly element: (local: Index) => Value;
  };
  /** The op from its updates' side, for when result × updates is too much work. Absent when there is a window. */
  readonly steps?: UpdateSteps<P>;
}

/**
 * An update as a loop over what is written: for every item in parallel, for every step of it in order,
 * `if (valid) store(index, combine(load(index), update))` on the copy of operand 0 that becomes the result.
 */
export interface UpdateSteps<P> {
  readonly plan: (context: LoweringContext<P>) => {
    /** Two items never touch the same element, at whatever steps. */
    readonly items: Shape;
    /** Steps of each item. A later one sees what an earlier one wrote. */
    readonly count: number;
    /** No two steps of an item touch the same element (evident, or promised by `uniqueIndices`), so they may run at once. */
    readonly independent: boolean;
    /**
     * Items come in runs of this many: those of a run write, at every step, consecutive elements of the result, the first at a multiple of
     * `run`, and they share `valid`. So where `run` is a multiple of a packed word's elements, the items of a word are one work item's.
     */
    readonly run: number;
  };
  /** `index` and what `update` reads are in bounds, also where `valid` is false. */
  readonly at: (
    k: KernelBuilder,
    item: Index,
    step: Value,
    read: Read,
    context: LoweringContext<P>,
  ) => { readonly valid: Value; readonly index: Index; readonly update: () => Value };
  /** Absent: the update replaces the old value, which need not be loaded. */
  readonly combine?: (k: KernelBuilder, old: Value, update: Value) => Value;
}

/** Repeats a body whose kernels are compiled once. The equation's results are the carries after the last iteration. */
export interface LoopLowering<P> {
  readonly kind: "loop";
  readonly loop: (context: LoweringContext<P>) => LoopPlan;
}
export interface LoopPlan {
  /** Iterations; null: as long as `condition` holds. */
  readonly trips: number | null;
  /** Arguments: the number of the iteration (int32[]), the constants, the carries. Results: the carries. No constants of its own. */
  readonly body: ClosedJaxpr;
  /** Arguments: the constants, the carries. Result: bool[]. */
  readonly condition?: ClosedJaxpr;
  /** A declared bound on iterations, so that no round trip to the host is needed. */
  readonly maxTrips?: number;
  /** Operands that every iteration reads. */
  readonly constants: readonly number[];
  /** Operand that a carry begins as; null: it may begin as anything. */
  readonly carries: readonly (number | null)[];
}

/** Does one of several jaxprs: operand 0 (int32[], in range) says which, the others are its arguments. */
export interface BranchLowering<P> {
  readonly kind: "branch";
  readonly branches: (context: LoweringContext<P>) => readonly ClosedJaxpr[];
}

/** A kernel that a user wrote in WGSL. */
export interface CustomLowering<P> {
  readonly kind: "custom";
  readonly plan: (context: LoweringContext<P>) => CustomPlan;
}
export interface CustomPlan {
  readonly name: string;
  readonly names: { readonly inputs: readonly string[]; readonly outputs: readonly string[] };
  /** Operands that are bound for reading, in order: those that no result is written over. */
  readonly reads: readonly number[];
  /** Results that begin as an operand's contents, and are bound once. */
  readonly aliases: readonly InPlace[];
  readonly workgroupSize: readonly [number, number, number];
  readonly workgroups: readonly [number, number, number];
  /**
   * The whole program. Its bindings: `reads`, the results, then for each guard an int32[], which must have that value for
   * anything to be done. @throws DeviceError for what the target lacks
   */
  readonly source: (guards: readonly number[], target: Target) => RawSource;
}
/** A result that is written where an operand lies. */
export interface InPlace {
  readonly operand: number;
  readonly result: number;
}

/** Done between GPUs by the runtime, at the end of a segment. */
export interface ExchangeLowering<P> {
  readonly kind: "exchange";
  readonly plan: (params: P) => Pick<ExchangeStep, "collective" | "axes" | "combine" | "pairs">;
}

/** Tells the host something; lifted out of the program before anything is fused. */
export interface EffectLowering<P> {
  readonly kind: "effect";
  /** Called in the program's order, with the operands' values. */
  readonly run: (params: P, operands: readonly HostTensor[]) => void;
}

/** Equation that calls a jaxpr; gone after inlining. */
export interface CallLowering<P> {
  readonly kind: "call";
  /** What is called, where it is not a parameter: the op in terms of others. */
  readonly body?: (context: LoweringContext<P>) => ClosedJaxpr;
  /** The body's equations are not merged with equal ones outside it. */
  readonly isolated?: (params: P) => boolean;
}

export type Lowering<P> =
  | MapLowering<P>
  | ReduceLowering<P>
  | PrefixLowering<P>
  | SortLowering<P>
  | TopKLowering<P>
  | ContractionLowering<P>
  | RaggedContractionLowering<P>
  | AttentionLowering<P>
  | UpdateLowering<P>
  | LoopLowering<P>
  | BranchLowering<P>
  | CustomLowering<P>
  | ExchangeLowering<P>
  | EffectLowering<P>
  | CallLowering<P>;
