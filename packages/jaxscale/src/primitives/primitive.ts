/** All that is known of an op, in one object. Passes read these fields; none asks for an op by name. */
import { invariant } from "../base/errors.ts";
import type { Shape } from "../base/shapes.ts";
import type { Target } from "../base/target.ts";
import type { HostTensor } from "../base/tensor-data.ts";
import type { ClosedJaxpr, Jaxpr, JaxprEqn, Params, Primitive, ShapedArray } from "../jaxpr/ir.ts";
import type { KernelBuilder } from "../kernel/builder.ts";
import type { Index } from "../kernel/index-space.ts";
import type { RawSource, Value } from "../kernel/ir.ts";
import type { ExchangeStep } from "../kernel/program.ts";
import type { JaxprTransforms, OpBuilder, Operand } from "./op-builder.ts";

// ---- lowering: how an op becomes part of a kernel ---------------------------

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

// ---- sharding ---------------------------------------------------------------

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

// ---- differentiation, batching (used by transforms/) --------------------------

/** Types that a rule may need besides its parameters. */
export interface RuleContext<P> {
  readonly params: P;
  readonly inputs: readonly ShapedArray[];
}

/** What a rule makes of an equation and its tangents; null is a symbolic zero. */
export interface Differentiated {
  readonly results: readonly Operand[];
  readonly tangents: readonly (Operand | null)[];
}

/** An equation evaluated, and its derivative there. */
export interface Linearized {
  readonly results: readonly Operand[];
  /** The derivative, a linear function; run where tangents live, so what it closes over are residuals. */
  readonly linear: (tangents: readonly (Operand | null)[]) => readonly (Operand | null)[];
}

/** An axis that `vmap` maps over. */
export interface BatchAxis {
  readonly name: string | undefined;
  readonly size: number;
  /** An axis of a mesh, for which it is checked which values vary over it, as JAX's `check_vma` does. */
  readonly checksVarying?: boolean;
  /** GPUs that the named axis goes over, if several: what is mapped is its part within one, and the name stays bound to the part over GPUs. */
  readonly gpus?: number;
  /** Its elements are devices: what has no rule for mapping runs once on each. */
  readonly ofDevices?: true;
}

/** Operands or results with, of each, the axis that is mapped over (null: none). */
export interface Batched {
  readonly results: readonly Operand[];
  readonly dims: readonly (number | null)[];
}

/** What a batching rule gets besides operands. */
export interface BatchContext<P = Params> extends RuleContext<P> {
  readonly axis: BatchAxis;
  /** Operands that count as varying along the axis: all that have it, and some whose elements happen to be equal. */
  readonly varies: readonly boolean[];
}

/** The rules of differentiation and batching, written beside a primitive and spread into it. */
export type DerivedRules<P extends Params> = Pick<PrimitiveRules<P>, "jvp" | "transpose" | "batch">;

export interface PrimitiveRules<P extends Params = Params> extends Primitive<P> {
  readonly lowering: Lowering<P>;
  /** Must be cheap: called by partitioning and by tests on every equation. */
  readonly sharding: (context: LoweringContext<P>) => ShardingRule;
  /** Parameters of the op on one part of its operands, where they hold sizes: `sizes` are the part's of each factor. Absent: unchanged. */
  readonly localParams?: (context: LoweringContext<P>, sizes: Readonly<Record<string, number>>) => P;
  /** Parameters for partial sums, which are rounded once they are combined: those of a result in float32. Absent: unchanged. */
  readonly partialParams?: (params: P) => P;
  /**
   * The op on one device's parts, collectives included, where factors cannot say it: an index into a dimension that is split,
   * positions along it. An operand is split, or a result wanted so. Undefined: the sharding rule says all.
   */
  readonly partition?: (
    ops: OpBuilder,
    parts: readonly Part[],
    context: PartitionContext<P>,
  ) => readonly Part[] | undefined;
  /** Reads the memory of its operands as it is: their dtypes must stay, also for partial sums. */
  readonly readsMemory?: true;
  /** For ops that call jaxprs without being inlined: which values are one and the same, and lie alike on a mesh. */
  readonly edges?: (params: P) => readonly Edge[];
  /** Work per evaluation of the whole op. */
  readonly cost: (context: LoweringContext<P>) => Cost;
  /** Results are exact copies or selections of operands, so a packed result needs no rounding. */
  readonly exact: boolean;
  /** Side-effect-free and depending on operands only: may be deduplicated, folded, dropped. True unless said otherwise. */
  readonly pure: boolean;
  /** The op on many operands is the op on runs of them, then on the runs' results: more than a kernel can bind are done in steps. */
  readonly stepwise?: boolean;
  /** Asked when the one result has operand 0's type: is it operand 0, unchanged? Then the equation may be dropped. */
  readonly identity?: (context: LoweringContext<P>) => boolean;
  /** How an op that does nothing else permutes its operand's axes. */
  readonly permutation?: (params: P) => readonly number[];
  /** The same op whose one result has its axes permuted; undefined if there is none. */
  readonly permuted?: (context: LoweringContext<P>, permutation: readonly number[]) => Refolded<P> | undefined;
  /** Axes of its operand that an op which does nothing else sums over. */
  readonly sumAxes?: (params: P) => readonly number[];
  /** The same op whose one result is summed over some of its axes; undefined if there is none, or if it would round otherwise. */
  readonly summed?: (context: LoweringContext<P>, axes: readonly number[]) => Refolded<P> | undefined;
  /**
   * Tangents of the results (null: a symbolic zero), at least one operand's being given; run after the op itself, whose results it gets.
   * Of this, `differentiate` and `linearize` an op has at most the first or the others. None of the three: it has no derivative.
   */
  readonly jvp?: (
    ops: OpBuilder,
    primals: readonly Operand[],
    tangents: readonly (Operand | null)[],
    context: RuleContext<P> & { readonly results: readonly Operand[] },
  ) => readonly (Operand | null)[];
  /** Results and tangents at once, for ops that call jaxprs or compute both together. */
  readonly differentiate?: (
    ops: OpBuilder,
    primals: readonly Operand[],
    tangents: readonly (Operand | null)[],
    context: RuleContext<P>,
  ) => Differentiated;
  /** Results, and the derivative as a linear function; for ops that call jaxprs. `nonzero` says which operands have tangents. */
  readonly linearize?: (
    ops: OpBuilder,
    primals: readonly Operand[],
    nonzero: readonly boolean[],
    context: RuleContext<P>,
  ) => Linearized;
  /** Cotangents of the linear operands, which are null; those of the others, which are values, do not matter. At least one cotangent is given. */
  readonly transpose?: (
    ops: OpBuilder,
    cotangents: readonly (Operand | null)[],
    operands: readonly (Operand | null)[],
    context: RuleContext<P> & { readonly outputs: readonly ShapedArray[] },
  ) => readonly (Operand | null)[];
  /** The op over operands with an extra axis `dims[i]` (null: none), at least one having it. `inputs` are the types without it. */
  readonly batch?: (
    ops: OpBuilder,
    operands: readonly Operand[],
    dims: readonly (number | null)[],
    context: BatchContext<P>,
  ) => Batched;
  /**
   * The call without the results that nothing uses, and what its body needs only for them. At least one is used.
   * `keptResults`, if not just the used ones, says which are left.
   */
  readonly prune?: (
    params: P,
    usedResults: readonly boolean[],
    pruneJaxpr: JaxprTransforms["pruneJaxpr"],
  ) => {
    readonly params: P;
    readonly usedOperands: readonly boolean[];
    readonly keptResults?: readonly boolean[];
  };
  /**
   * For effects inside: the equation with bodies that have `extra[i]` further results, which their effects read.
   * The equation returns them, in whatever form, after its own results. Absent: there cannot be effects inside.
   */
  readonly withEffects?: (params: P, bodies: readonly ClosedJaxpr[], extra: readonly number[]) => LiftedEffects<P>;
  /** Names of mapped axes that the op works over: then `batch` is asked also when no operand has the axis. */
  readonly axisNames?: (params: P) => readonly string[];
  /** The mesh, and its axes that split each dimension of the result, where the op is there to say so. */
  readonly laidOut?: (params: P) => { readonly mesh: unknown; readonly layout: Layout };
  /** It combines what devices have, element by element, so that all devices of the axes that it names have the same. */
  readonly agrees?: true;
  /** For a sum over devices: the op that leaves each device its part of the sum. */
  readonly scattered?: string;
  /** For an op that is each device's part of its operand: which. */
  readonly partOf?: (params: P) => PartOf;
  /** What devices send one another for it. */
  readonly traffic?: (context: LoweringContext<P>, sizes: ReadonlyMap<string, number>) => Traffic;
  /** Folds each operand over the axes that it names: several over the same axes may be one. */
  readonly folds?: "add" | "max" | "min";
  /** Of sums it is the sum of what it is of their parts. */
  readonly additive?: true;
  /** Whether it gives back the operand of what made its own. */
  readonly undoes?: (params: P, maker: JaxprEqn) => boolean;
  /** Tells the host how the operand lies on devices, of a mesh or (undefined) of one device, instead of being run. @param rank of the operand */
  readonly inspect?: (params: P, mesh: unknown, rank: number) => void;
}

/** The operands of an op, by number, and parameters, with which it makes what was made of its result. */
export interface Refolded<P extends Params = Params> {
  readonly operands: readonly number[];
  readonly params: P;
}

/** Communication of one device. */
export interface Traffic {
  readonly axes: readonly string[];
  /** Sent, by the ring algorithm. */
  readonly sizeBytes: number;
}

export interface LiftedEffects<P> {
  readonly params: P;
  /** Calls `ran` for every time that a body ran, in order, with its further results. @param results the equation's further results */
  readonly replay: (
    results: readonly HostTensor[],
    ran: (body: number, results: readonly HostTensor[]) => void,
  ) => void;
}

export interface Cost {
  readonly flops: number;
  readonly transcendentals: number;
}
const noCost: Cost = { flops: 0, transcendentals: 0 };

// ---- registry ------------------------------------------------------------------

const registry = new Map<string, PrimitiveRules>();

type Optional = "printParams" | "subJaxprs" | "cost" | "exact" | "pure";
export type PrimitiveDefinition<P extends Params> = Omit<PrimitiveRules<P>, Optional | "name"> &
  Partial<Pick<PrimitiveRules<P>, Optional>>;

/** Registers an op. A missing required rule is a type error. */
export function definePrimitive<P extends Params = Params>(
  name: string,
  definition: PrimitiveDefinition<P>,
): PrimitiveRules<P> {
  invariant(!registry.has(name), `primitive ${name} is defined twice`);
  const primitive: PrimitiveRules<P> = {
    printParams: () => ({}),
    subJaxprs: () => [],
    cost: () => noCost,
    exact: false,
    pure: true,
    ...definition,
    name,
  };
  registry.set(name, primitive as unknown as PrimitiveRules);
  return primitive;
}

/** Every primitive there is, for completeness tests. */
export const allPrimitives = (): readonly PrimitiveRules[] => [...registry.values()];

export function primitiveNamed(name: string): PrimitiveRules {
  const found = registry.get(name);
  invariant(found, `no primitive named ${name}`);
  return found;
}

/** The full rules of an equation's primitive; every primitive is made by `definePrimitive`. */
export const rulesOf = (primitive: Primitive): PrimitiveRules => primitive as unknown as PrimitiveRules;

const purity = new WeakMap<Jaxpr, boolean>();

/** Whether an equation has no effect, at any depth: it may be deduplicated, folded, dropped. */
export const isPure = ({ primitive, params }: JaxprEqn): boolean =>
  rulesOf(primitive).pure && primitive.subJaxprs(params).every(({ jaxpr }) => hasNoEffects(jaxpr));

function hasNoEffects(jaxpr: Jaxpr): boolean {
  let pure = purity.get(jaxpr);
  if (pure === undefined) purity.set(jaxpr, (pure = jaxpr.eqns.every(isPure)));
  return pure;
}
