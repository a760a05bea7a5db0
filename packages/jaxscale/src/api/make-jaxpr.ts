/** Looking at what a function traces to, without running it. */

import type { DType } from "../base/dtypes.ts";
import { DTypeError } from "../base/errors.ts";
import { flatten, unflatten } from "../base/pytree.ts";
import type { Shape } from "../base/shapes.ts";
import { type ClosedJaxpr, type ShapedArray, shapedArray } from "../jaxpr/ir.ts";
import { printJaxpr } from "../jaxpr/print.ts";
import type { NamedSharding } from "../partition/named-sharding.ts";
import { Array } from "../trace/array.ts";
import { scalarAval } from "../trace/operand.ts";
import { traceToJaxpr } from "../trace/staging.ts";
import { flattenArrays } from "./flat-function.ts";
import type { WithLeaves } from "./tree-types.ts";

/** A shape and dtype without values: stands for an array where only its type, and where it lies, matter. */
export class ShapeDtypeStruct {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly weakType: boolean;
  /** How the array would lie on a mesh; nothing is said of it if absent. */
  readonly sharding: NamedSharding | undefined;
  constructor(shape: Shape, dtype: DType, weakType = false, sharding?: NamedSharding) {
    this.shape = shape;
    this.dtype = dtype;
    this.weakType = weakType;
    this.sharding = sharding;
  }
}

/** Type of what stands for an argument. */
export function avalOf(op: string, x: unknown): ShapedArray {
  if (x instanceof Array) return x.aval;
  if (x instanceof ShapeDtypeStruct) return shapedArray(x.shape, x.dtype, x.weakType);
  if (typeof x === "number" || typeof x === "boolean") return scalarAval(x);
  throw new DTypeError(`${op}: arguments must be arrays, ShapeDtypeStructs, numbers or trees of them; got ${typeof x}`);
}

/** A traced function: its jaxpr, printed in JAX's format by `String()`. */
export interface PrintableJaxpr extends ClosedJaxpr {
  readonly toString: () => string;
}

function trace(
  op: string,
  f: (...args: never[]) => unknown,
  args: readonly unknown[],
): { closed: ClosedJaxpr; unflattenOutput: (leaves: readonly unknown[]) => unknown } {
  const { leaves, treedef } = flatten(args);
  let output: ((leaves: readonly unknown[]) => unknown) | undefined;
  const closed = traceToJaxpr(
    f.name || op,
    (...tracers) => {
      const result = flattenArrays(
        op,
        (f as (...args: unknown[]) => unknown)(...unflatten<unknown[]>(treedef, tracers)),
      );
      output = (values) => unflatten(result.treedef, values);
      return result.leaves;
    },
    leaves.map((x) => avalOf(op, x)),
  );
  return { closed, unflattenOutput: output as (leaves: readonly unknown[]) => unknown };
}

/** The jaxpr of `f` for arguments like these. @see https://docs.jax.dev/en/latest/_autosummary/jax.make_jaxpr.html */
export function makeJaxpr<Args extends unknown[]>(
  f: (...args: Args) => unknown,
): (...args: { [K in keyof Args]: unknown }) => PrintableJaxpr {
  return (...args) => {
    const { closed } = trace("makeJaxpr", f as (...args: never[]) => unknown, args);
    return { ...closed, toString: () => printJaxpr(closed) };
  };
}

/** Shapes and dtypes of what `f` would return, as its tree of ShapeDtypeStructs; nothing is computed. */
export function evalShape<const Given extends readonly unknown[], R>(
  f: (...args: WithLeaves<Given, Array>) => R,
  ...args: Given
): WithLeaves<R, ShapeDtypeStruct>;
export function evalShape<R>(f: (...args: never[]) => R, ...args: readonly unknown[]): WithLeaves<R, ShapeDtypeStruct>;
export function evalShape(f: (...args: never[]) => unknown, ...args: readonly unknown[]): unknown {
  const { closed, unflattenOutput } = trace("evalShape", f, args);
  return unflattenOutput(
    closed.jaxpr.outvars.map(({ aval }) => new ShapeDtypeStruct(aval.shape, aval.dtype, aval.weakType)),
  );
}
