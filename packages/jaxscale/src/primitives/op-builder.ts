/**
 * Builds equations out of values of whatever trace is current: the rules of primitives get it instead of importing one another.
 * As in JAX, what would change nothing makes no equation.
 */
import type { ClosedJaxpr } from "../jaxpr/ir.ts";
import type { BatchAxis, Batched } from "./primitive.ts";
import {
  type Bind,
  type Bind1,
  type LiteralOf,
  type Operand,
  type StructuredOps,
  structuredOps,
} from "./structured-ops.ts";

export type { Operand } from "./structured-ops.ts";

const unaryNames = [
  "neg",
  "sign",
  "abs",
  "floor",
  "square",
  "exp",
  "log",
  "log1p",
  "logistic",
  "sqrt",
  "rsqrt",
  "sin",
  "cos",
  "sinh",
  "cosh",
  "not",
] as const;
const binaryNames = [
  "add",
  "sub",
  "mul",
  "div",
  "pow",
  "max",
  "min",
  "rem",
  "and",
  "or",
  "eq",
  "ne",
  "lt",
  "le",
  "gt",
  "ge",
] as const;

type Unary = (x: Operand) => Operand;
/** A number is a scalar of the other operand's dtype. */
type Binary = (x: Operand | number, y: Operand | number) => Operand;

/** Transformations of jaxprs, for ops that call them. Arguments and results are flat; each is memoised by the jaxpr's identity. */
export interface JaxprTransforms {
  /** Arguments: primals, then the tangents of those that are `nonzero`. Results: primals, then the nonzero tangents (all that `instantiate` asks for). */
  readonly jvpJaxpr: (
    closed: ClosedJaxpr,
    nonzero: readonly boolean[],
    instantiate?: readonly boolean[],
  ) => { readonly jaxpr: ClosedJaxpr; readonly nonzero: readonly boolean[] };
  readonly linearizeJaxpr: (
    closed: ClosedJaxpr,
    nonzero: readonly boolean[],
    instantiate?: readonly boolean[],
  ) => LinearizedJaxpr;
  /** The derivative with what it needs of the function computed anew. Arguments: primals, then the tangents of those that are `nonzero`. Results: the nonzero tangents. */
  readonly tangentJaxpr: (
    closed: ClosedJaxpr,
    nonzero: readonly boolean[],
  ) => { readonly jaxpr: ClosedJaxpr; readonly nonzero: readonly boolean[] };
  /** Arguments: the operands that are not `linear`, then the cotangents that are `nonzero`. Results: the nonzero cotangents of the linear operands. */
  readonly transposeJaxpr: (
    closed: ClosedJaxpr,
    linear: readonly boolean[],
    nonzero: readonly boolean[],
    instantiate?: boolean,
  ) => { readonly jaxpr: ClosedJaxpr; readonly nonzero: readonly boolean[] };
  /** Operands have the mapped axis at `dims` (null: none), results at the `dims` that are returned; `force` demands an axis at the front. */
  readonly batchJaxpr: (
    closed: ClosedJaxpr,
    axis: BatchAxis,
    dims: readonly (number | null)[],
    force?: readonly boolean[],
  ) => { readonly jaxpr: ClosedJaxpr; readonly dims: readonly (number | null)[] };
  /** Without the equations that nothing needs and the arguments that none uses. */
  readonly pruneJaxpr: (
    closed: ClosedJaxpr,
    usedResults: readonly boolean[],
  ) => { readonly jaxpr: ClosedJaxpr; readonly usedArguments: readonly boolean[] };
  /** A function of values, mapped over an axis that operands have at `dims`; results say where theirs is. */
  readonly mapOver: (
    f: (operands: readonly Operand[]) => readonly Operand[],
    operands: readonly Operand[],
    dims: readonly (number | null)[],
    axis: BatchAxis,
  ) => Batched;
  /** Whether ops run at once, outside any trace. */
  readonly isEvaluating: () => boolean;
  /** Runs the equations of a jaxpr. */
  readonly evalJaxpr: (closed: ClosedJaxpr, args: readonly Operand[]) => readonly Operand[];
}

export interface LinearizedJaxpr {
  /** Results: the primal results, then the residuals that no argument or result is. */
  readonly primal: ClosedJaxpr;
  /** Arguments: the residuals, then the nonzero tangents. Results: the nonzero tangents. */
  readonly tangent: ClosedJaxpr;
  /** Where each residual comes from: the arguments or the results of `primal`. */
  readonly residuals: readonly { readonly from: "argument" | "result"; readonly index: number }[];
  /** Which results have tangents. */
  readonly nonzero: readonly boolean[];
}

type Named = Readonly<Record<(typeof unaryNames)[number], Unary> & Record<(typeof binaryNames)[number], Binary>>;

export interface OpBuilder extends Named, StructuredOps {
  /** Any op, by its name. */
  readonly bind: Bind;
  /** Any op of one result. */
  readonly bind1: Bind1;
  /** A scalar constant of the dtype. */
  readonly literal: LiteralOf;
  readonly transforms: JaxprTransforms;
}

/** Where equations go. */
export interface OpTarget {
  readonly bind: Bind;
  readonly literal: LiteralOf;
  readonly transforms: JaxprTransforms;
}

export function makeOps({ bind, literal, transforms }: OpTarget): OpBuilder {
  const bind1: Bind1 = (name, operands, params) => bind(name, operands, params)[0];
  const unary =
    (name: string): Unary =>
    (x) =>
      bind1(name, [x]);
  const like = (x: Operand | number, other: Operand | number): Operand => {
    if (typeof x !== "number") return x;
    return literal(x, typeof other === "number" ? "float32" : other.aval.dtype);
  };
  const binary =
    (name: string): Binary =>
    (x, y) =>
      bind1(name, [like(x, y), like(y, x)]);
  const named = Object.fromEntries([
    ...unaryNames.map((name) => [name, unary(name)] as const),
    ...binaryNames.map((name) => [name, binary(name)] as const),
  ]) as unknown as Named;
  return { ...named, ...structuredOps(bind1, literal), bind, bind1, literal, transforms };
}
