/** IR no. 1: typed, first-order, functional programs over arrays, as in JAX. */
import type { DType } from "../base/dtypes.ts";
import { shortName } from "../base/dtypes.ts";
import type { Shape } from "../base/shapes.ts";
import type { HostTensor } from "../base/tensor-data.ts";

/** Shape and dtype of an array; a weak type is that of a Python-like scalar, which never widens its partner. */
export interface ShapedArray {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly weakType: boolean;
  /** Axes of the mesh of a `shardMap` along which devices may have different values; absent if there are none, and where that is not checked. */
  readonly varying?: readonly string[];
}

export const shapedArray = (shape: Shape, dtype: DType, weakType = false): ShapedArray => ({
  shape,
  dtype,
  weakType,
});

/** The type of a value that varies along just these axes. */
export function varyingAlong(aval: ShapedArray, axes: readonly string[]): ShapedArray {
  const { varying, ...type } = aval;
  return axes.length > 0 ? { ...type, varying: axes } : varying ? type : aval;
}

/** Axes along which any of some values varies. */
export function varyingOfAny(avals: readonly ShapedArray[]): readonly string[] {
  const varying = avals.filter((aval) => aval.varying);
  return varying.length === 0 ? [] : [...new Set(varying.flatMap((aval) => aval.varying ?? []))];
}

/** `float32[2,3]`, the form used in error messages. */
export const formatAval = (aval: ShapedArray): string => `${aval.dtype}[${aval.shape.join(",")}]`;
/** `f32[2,3]`, the form used in printed jaxprs. */
export const formatAvalShort = (aval: ShapedArray): string => `${shortName(aval.dtype)}[${aval.shape.join(",")}]`;

export const sameAval = (a: ShapedArray, b: ShapedArray): boolean =>
  a.dtype === b.dtype &&
  a.weakType === b.weakType &&
  a.shape.length === b.shape.length &&
  a.shape.every((d, i) => d === b.shape[i]) &&
  (a.varying === b.varying || `${a.varying?.toSorted()}` === `${b.varying?.toSorted()}`);

export interface Var {
  readonly kind: "var";
  readonly id: number;
  readonly aval: ShapedArray;
}

/** A scalar constant written in the program text. Bools are 0 or 1. */
export interface Literal {
  readonly kind: "literal";
  readonly value: number;
  readonly aval: ShapedArray;
}

export type Atom = Var | Literal;

let nextVarId = 0;
export const newVar = (aval: ShapedArray): Var => ({ kind: "var", id: nextVarId++, aval });
export const newLiteral = (value: number, aval: ShapedArray): Literal => ({
  kind: "literal",
  value,
  aval,
});

/** Values of static parameters: plain data, nested jaxprs, and opaque functions (compared by identity). */
export type ParamValue = unknown;
export type Params = Readonly<Record<string, ParamValue>>;

/** Where an equation came from: the user's call site (captured raw, formatted on demand), `namedScope`s, a call to be kept apart. */
export interface SourceInfo {
  readonly site?: { readonly stack?: string };
  readonly scope: string;
  /** Equal equations of different regions stay apart: one is meant to be computed again. */
  readonly region?: object;
}

/** The scope of an equation in the body of a call. Bodies of jitted functions are traced in no scope, and those of other calls in theirs. */
export const joinScopes = (outer: string, inner: string): string => {
  if (outer === "" || inner === outer || inner.startsWith(`${outer}/`)) return inner;
  return inner === "" ? outer : `${outer}/${inner}`;
};

export interface JaxprEqn {
  readonly primitive: Primitive;
  readonly inputs: readonly Atom[];
  readonly outputs: readonly Var[];
  readonly params: Params;
  readonly source: SourceInfo;
}

export interface Jaxpr {
  readonly constvars: readonly Var[];
  readonly invars: readonly Var[];
  readonly eqns: readonly JaxprEqn[];
  readonly outvars: readonly Atom[];
}

/** A jaxpr with the arrays that it closed over. A constant is a host tensor or an array on a device (opaque here). */
export interface ClosedJaxpr {
  readonly jaxpr: Jaxpr;
  readonly consts: readonly unknown[];
}

/** Text, or jaxprs that are printed in place. */
export type PrintedParam = string | ClosedJaxpr | readonly ClosedJaxpr[];

/** What IR no. 1 itself needs to know of an op; `primitives/primitive.ts` adds the rules of the later stages. */
export interface Primitive<P extends Params = Params> {
  /** JAX's spelling, as printed: `dot_general`. */
  readonly name: string;
  /** Types of the results; the only place where an op's shape and dtype errors are raised. @throws ShapeError, DTypeError */
  readonly abstractEval: (inputs: readonly ShapedArray[], params: P) => readonly ShapedArray[];
  /** The op on the CPU, naively. Results need not be rounded: the interpreter rounds them to the aval's dtype. */
  readonly reference: (inputs: readonly HostTensor[], params: P) => readonly HostTensor[];
  /** Parameters as JAX prints them: JAX's names, in any order; absent when JAX leaves the default out. */
  readonly printParams: (params: P, inputs: readonly ShapedArray[]) => Readonly<Record<string, PrintedParam>>;
  /** The body's arguments and results are printed under the names that they are bound to, as JAX does for `jit`. */
  readonly sharesNames?: boolean;
  /** A scope of its own, which all that it becomes carries. */
  readonly scope?: string;
  /** The op written out as equations of other ops; printed in its place. */
  readonly decompose?: (params: P, inputs: readonly ShapedArray[]) => ClosedJaxpr;
  /** Jaxprs among the parameters that the equation calls, e.g. the body of `jit`. */
  readonly subJaxprs: (params: P) => readonly ClosedJaxpr[];
  /**
   * Mesh axes along which results vary, of those along which operands do; absent: the same, and all operands are made to vary along
   * all of them. "bodies": as its jaxprs say.
   */
  readonly varying?: "bodies" | ((params: P, operands: readonly string[]) => readonly string[]);
  /** The parameters that the op's results depend on, where there are others: rules of differentiation. */
  readonly programParams?: (params: P) => Params;
  /** The parameters with other jaxprs in the place of `subJaxprs`, in that order. */
  readonly withSubJaxprs?: (params: P, jaxprs: readonly ClosedJaxpr[]) => P;
}

/** Types of an op's results, with the axes along which they vary. @throws ShapeError, DTypeError */
export function resultTypes<P extends Params>(
  primitive: Primitive<P>,
  inputs: readonly ShapedArray[],
  params: P,
): readonly ShapedArray[] {
  const { varying } = primitive;
  const avals = primitive.abstractEval(inputs, params);
  if (varying === "bodies") return avals;
  const axes = varyingOfAny(inputs);
  const along = varying ? varying(params, axes) : axes;
  return along.length === 0 && axes.length === 0 ? avals : avals.map((aval) => varyingAlong(aval, along));
}
