/** Gradients of scalar-valued functions. */
import { isFloat } from "../base/dtypes.ts";
import { DTypeError, ShapeError } from "../base/errors.ts";
import { unflatten } from "../base/pytree.ts";
import { formatShape } from "../base/shapes.ts";
import { formatAval } from "../jaxpr/ir.ts";
import type { Array, NumberArray } from "../trace/array.ts";
import { scalarOf } from "../trace/operand.ts";
import { linearizeOf } from "../transforms/differentiate.ts";
import { instantiate } from "../transforms/jaxpr-transforms.ts";
import { functionOf, optionsOf, wholesOf } from "./arguments.ts";
import { type AnyFunction, type Aux, flatFunction, type Traced } from "./flat-function.ts";

export type Argnums = number | readonly number[];
/** The gradients in the arguments that `argnums` names: one, or a list. */
type Gradient<F extends AnyFunction, N extends Argnums> = N extends readonly number[]
  ? { -readonly [K in keyof N]: Traced<Parameters<F>[N[K] & number]> }
  : N extends number
    ? Traced<Parameters<F>[N]>
    : never;

/** Options of `grad` and `valueAndGrad`. */
export interface GradOptions<N extends Argnums, HasAux extends boolean> {
  /** Positions of the arguments to differentiate in; 0 unless said otherwise. */
  readonly argnums?: N;
  /** The function returns `[value, aux]`, of which only the value is differentiated. */
  readonly hasAux?: HasAux;
}

export function argumentPositions(op: string, argnums: Argnums, count: number): readonly number[] {
  const positions = typeof argnums === "number" ? [argnums] : argnums;
  return positions.map((i) => {
    const at = i < 0 ? i + count : i;
    if (!Number.isInteger(i) || at < 0 || at >= count)
      throw new TypeError(`${op}: argnums must name arguments of the call; got ${i} for ${count} arguments`);
    return at;
  });
}

export function checkInputs(op: string, leaves: readonly Array[]): void {
  for (const { aval } of leaves)
    if (!isFloat(aval.dtype))
      throw new DTypeError(
        `${op}: requires real-valued inputs, of a floating-point dtype; got ${formatAval(aval)}. Differentiate in other arguments by argnums, make it a float (jnp.float(2) for 2), or use vjp`,
      );
}

/**
 * `f`'s value and its gradient: a function of the same arguments that gives `[value, gradient]`, or `[[value, aux], gradient]`.
 * @throws DTypeError for integer arguments or results; ShapeError unless the value is a scalar
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.value_and_grad.html
 */
export function valueAndGrad<F extends AnyFunction, const N extends Argnums = 0, HasAux extends boolean = false>(
  f: F,
  options?: GradOptions<N, HasAux>,
): (...args: Parameters<F>) => [HasAux extends true ? [NumberArray, Aux<F>] : NumberArray, Gradient<F, N>] {
  return differentiated("valueAndGrad", f, gradOptions("valueAndGrad", f, options)) as never;
}

/**
 * The gradient of a scalar-valued function: a function of the same arguments that gives the gradient in the first (or in those
 * that `argnums` names), or `[gradient, aux]`.
 * @throws DTypeError for integer arguments or results; ShapeError unless the value is a scalar
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.grad.html
 */
export function grad<F extends AnyFunction, const N extends Argnums = 0, HasAux extends boolean = false>(
  f: F,
  options?: GradOptions<N, HasAux>,
): (...args: Parameters<F>) => HasAux extends true ? [Gradient<F, N>, Aux<F>] : Gradient<F, N> {
  const given = gradOptions("grad", f, options);
  const both = differentiated("grad", f, given);
  const gradient = (...args: unknown[]) => {
    const [value, found] = both(...args);
    return given.hasAux ? [found, (value as readonly unknown[])[1]] : found;
  };
  return named(gradient, f) as never;
}

/** The options of a derivative of `f`, checked. */
export function gradOptions(op: string, f: AnyFunction, options: GradOptions<Argnums, boolean> | undefined) {
  functionOf(op, "the first argument", f);
  const { argnums, hasAux } = optionsOf(op, options, { argnums: 0, hasAux: false });
  wholesOf(op, "argnums", argnums);
  return { argnums, hasAux };
}

const named = <G extends AnyFunction>(g: G, f: AnyFunction): G => Object.defineProperty(g, "name", { value: f.name });

function differentiated(op: string, f: AnyFunction, { argnums, hasAux }: ReturnType<typeof gradOptions>) {
  return named((...args: unknown[]): [unknown, unknown] => {
    const part = flatFunction(op, f, args, argumentPositions(op, argnums, args.length), hasAux);
    checkInputs(op, part.leaves);
    const { results, aux, pullBack } = linearizeOf(part.apply, part.leaves);
    const [value] = results;
    if (results.length !== 1 || value.ndim > 0)
      throw new ShapeError(
        `${op}: gradient is only defined for scalar-output functions; got ${results.length === 1 ? `output of shape ${formatShape(value.shape)}` : `${results.length} outputs`}`,
      );
    if (!isFloat(value.dtype))
      throw new DTypeError(`${op}: requires real-valued outputs, of a floating-point dtype; got ${value.dtype}`);
    const cotangents = pullBack([scalarOf(1, value.dtype, value.weakType)]);
    const gradients = unflatten<unknown[]>(
      part.argTree,
      part.leaves.map((x, i) => instantiate(x, cotangents[i])),
    );
    const valueTree = unflatten(part.outTree.value, results);
    return [
      hasAux ? [valueTree, unflatten(part.auxTree.value, aux)] : valueTree,
      typeof argnums === "number" ? gradients[0] : gradients,
    ];
  }, f);
}
