/** Derivatives as linear maps: forward mode, linearization, reverse mode. */
import { isFloat } from "../base/dtypes.ts";
import { DTypeError, ShapeError } from "../base/errors.ts";
import { flattenUpTo, unflatten } from "../base/pytree.ts";
import { sameShape } from "../base/shapes.ts";
import { formatAval, type ShapedArray } from "../jaxpr/ir.ts";
import type { Array } from "../trace/array.ts";
import { scalarOf } from "../trace/operand.ts";
import { hasTangent, jvpOf, type LinearFunction, linearizeOf } from "../transforms/differentiate.ts";
import { instantiate, zerosLike } from "../transforms/jaxpr-transforms.ts";
import { functionOf, listOf, optionsOf } from "./arguments.ts";
import type { Cotangent, TracedAll } from "./derivative-types.ts";
import {
  type AnyFunction,
  type Aux,
  type FlatPart,
  flatFunction,
  leafArray,
  type Traced,
  type Value,
} from "./flat-function.ts";

/** Last argument of a call whose function returns `[value, aux]`. */
export type AuxOption = { readonly hasAux: boolean };

/**
 * Forward mode: `[f(...primals), its derivative along the tangents]`, or `[value, tangent, aux]`. Tangents have the trees, shapes and
 * dtypes of the primals; null stands for the tangent of an integer, or for zero.
 * @throws TypeError, DTypeError, ShapeError where primals and tangents do not match
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.jvp.html
 */
export function jvp<F extends AnyFunction, HasAux extends boolean = false>(
  f: F,
  primals: readonly [...Parameters<F>],
  tangents: readonly unknown[],
  options?: { readonly hasAux?: HasAux },
): HasAux extends true ? [ReturnType<F>, ReturnType<F>, Aux<F>] : [Traced<ReturnType<F>>, Traced<ReturnType<F>>] {
  functionOf("jvp", "the first argument", f);
  const { hasAux } = optionsOf<{ readonly hasAux?: boolean }, { readonly hasAux: false }>("jvp", options, {
    hasAux: false,
  });
  const part = allArguments("jvp", f, listOf("jvp", "primals", primals), hasAux);
  const given = flattenUpTo(part.argTree, tangents, "jvp: tangents");
  const out = jvpOf(
    part.apply,
    part.leaves,
    part.leaves.map((x, i) => tangentFor("jvp", x, given[i])),
  );
  const value = unflatten(part.outTree.value, out.results);
  const tangent = unflatten(
    part.outTree.value,
    out.results.map((x, i) => instantiate(x, out.tangents[i])),
  );
  return (hasAux ? [value, tangent, unflatten(part.auxTree.value, out.aux)] : [value, tangent]) as never;
}

function allArguments(op: string, f: AnyFunction, primals: readonly unknown[], hasAux: boolean): FlatPart {
  return flatFunction(
    op,
    f,
    primals,
    primals.map((_, i) => i),
    hasAux,
  );
}

/** A JavaScript number has no dtype of its own: it stands for a scalar of the float that is wanted. */
function floatLike(op: string, x: unknown, { shape, dtype }: ShapedArray): Array {
  return typeof x === "number" && isFloat(dtype) && shape.length === 0 ? scalarOf(x, dtype) : leafArray(op, x);
}

function tangentFor(op: string, primal: Array, tangent: unknown): Array | null {
  if (tangent === null || tangent === undefined) return null;
  const array = floatLike(op, tangent, primal.aval);
  if (!hasTangent(primal))
    throw new DTypeError(
      `${op}: the tangent of an integer or bool is null; got ${formatAval(array.aval)} for ${formatAval(primal.aval)}`,
    );
  if (array.dtype !== primal.dtype)
    throw new DTypeError(
      `${op}: primals and tangents must have equal dtypes; got ${formatAval(primal.aval)} and ${formatAval(array.aval)}`,
    );
  if (!sameShape(array.shape, primal.shape))
    throw new ShapeError(
      `${op}: primals and tangents must have equal shapes; got ${formatAval(primal.aval)} and ${formatAval(array.aval)}`,
    );
  return array;
}

/**
 * `[f(...primals), df]`, where `df(...tangents)` is the derivative there; what does not depend on the tangents is computed once.
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.linearize.html
 */
export function linearize<F extends AnyFunction>(
  f: F,
  ...primals: Parameters<F>
): [Traced<ReturnType<F>>, (...tangents: unknown[]) => Traced<ReturnType<F>>] {
  const part = allArguments("linearize", f, primals, false);
  const { results, pushForward } = linearizeOf(part.apply, part.leaves);
  const derivative = (...tangents: unknown[]): unknown => {
    const given = flattenUpTo(part.argTree, tangents, "linearize: tangents");
    const out = pushForward(part.leaves.map((x, i) => tangentFor("linearize", x, given[i])));
    return unflatten(
      part.outTree.value,
      results.map((x, i) => out[i] ?? zerosLike(x)),
    );
  };
  return [unflatten(part.outTree.value, results), derivative] as never;
}

/** Maps the cotangent of a function's value to the list of those of its arguments. */
export type Pullback<F extends AnyFunction, V = ReturnType<F>> = (cotangent: Cotangent<V>) => TracedAll<Parameters<F>>;

/**
 * Reverse mode: `[f(...primals), pullback]`, or with a last argument `{ hasAux: true }` `[value, pullback, aux]`. A cotangent has the
 * tree, shapes and dtypes of f's value; null stands for zero. Integer arguments have the cotangent null.
 * @throws TypeError, DTypeError, ShapeError from the pullback, for a cotangent that does not match
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.vjp.html
 */
export function vjp<F extends AnyFunction>(f: F, ...primals: Parameters<F>): [Traced<ReturnType<F>>, Pullback<F>];
export function vjp<F extends AnyFunction>(
  f: F,
  ...primalsAndOption: [...Parameters<F>, AuxOption]
): [Traced<Value<F>>, Pullback<F, Value<F>>, Aux<F>];
export function vjp(f: AnyFunction, ...args: unknown[]): unknown {
  const last = args.at(-1);
  const option = isAuxOption(last) ? last : undefined;
  const hasAux = option?.hasAux ?? false;
  const part = allArguments("vjp", f, option ? args.slice(0, -1) : args, hasAux);
  const linear = linearizeOf(part.apply, part.leaves);
  const out = [unflatten(part.outTree.value, linear.results), pullbackOf(part, linear)];
  return hasAux ? [...out, unflatten(part.auxTree.value, linear.aux)] : out;
}

const isAuxOption = (x: unknown): x is AuxOption =>
  typeof x === "object" &&
  x !== null &&
  Object.keys(x).join() === "hasAux" &&
  typeof (x as AuxOption).hasAux === "boolean";

function pullbackOf({ leaves, argTree, outTree }: FlatPart, { results, pullBack }: LinearFunction) {
  return (cotangent: unknown): unknown => {
    const given = flattenUpTo(outTree.value, cotangent, "vjp: the cotangent");
    const found = pullBack(results.map(({ aval }, i) => cotangentFor(aval, given[i])));
    return unflatten(
      argTree,
      leaves.map((x, i) => (hasTangent(x) ? instantiate(x, found[i]) : null)),
    );
  };
}

function cotangentFor(wanted: ShapedArray, cotangent: unknown): Array | null {
  if (cotangent === null || cotangent === undefined) return null;
  const array = floatLike("vjp", cotangent, wanted);
  const message = `vjp: a cotangent has the type of the function's value, ${formatAval(wanted)}; got ${formatAval(array.aval)}`;
  if (array.dtype !== wanted.dtype) throw new DTypeError(message);
  if (!sameShape(array.shape, wanted.shape)) throw new ShapeError(message);
  return array;
}
