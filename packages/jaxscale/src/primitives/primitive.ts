/** All that is known of an op, in one object. Passes read these fields; none asks for an op by name. */
import { invariant } from "../base/errors.ts";
import type { HostTensor } from "../base/tensor-data.ts";
import type { ClosedJaxpr, Jaxpr, JaxprEqn, Params, Primitive, ShapedArray } from "../jaxpr/ir.ts";
import type { Lowering, LoweringContext } from "./lowering.ts";
import type { JaxprTransforms, OpBuilder, Operand } from "./op-builder.ts";

import type { Edge, Layout, Part, PartitionContext, PartOf, ShardingRule } from "./sharding-rule.ts";

export type * from "./lowering.ts";
export type * from "./sharding-rule.ts";

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
  /**
   * Runs all of several bodies of which the first operand chooses one, and takes its results: where devices choose differently and
   * a body has collectives, which all devices must join.
   */
  readonly everyBranch?: (ops: OpBuilder, operands: readonly Operand[], params: P) => readonly Operand[];
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
  /** For an op that lays such parts end to end: which; undefined where it lays them otherwise. */
  readonly wholeOf?: (params: P) => PartOf | undefined;
  /** For an op that gives its operand back, as a value that varies along axes: which. */
  readonly variesAlong?: (params: P) => readonly string[];
  /** What devices send one another for it. */
  readonly traffic?: (context: LoweringContext<P>, sizes: ReadonlyMap<string, number>) => Traffic;
  /** Folds each operand over the axes that it names: several over the same axes may be one. */
  readonly folds?: "add" | "max" | "min";
  /** Of sums it is the sum of what it is of their parts. */
  readonly additive?: true;
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

/** What is thrown where a transformation meets an op that does not have it. */
export const noRule = (primitive: Primitive, rule: "differentiation" | "transpose" | "batching"): TypeError =>
  new TypeError(`${primitive.name}: no ${rule} rule`);

const purity = new WeakMap<Jaxpr, boolean>();

/** Whether an equation has no effect, at any depth: it may be deduplicated, folded, dropped. */
export const isPure = ({ primitive, params }: JaxprEqn): boolean =>
  rulesOf(primitive).pure && primitive.subJaxprs(params).every(({ jaxpr }) => hasNoEffects(jaxpr));

function hasNoEffects(jaxpr: Jaxpr): boolean {
  let pure = purity.get(jaxpr);
  if (pure === undefined) purity.set(jaxpr, (pure = jaxpr.eqns.every(isPure)));
  return pure;
}
