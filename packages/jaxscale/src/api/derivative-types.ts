/** Types of derivatives: what rules get and give, what pullbacks take, how Jacobians nest. */
import type { Array } from "../trace/array.ts";
import type { AnyFunction, Traced } from "./flat-function.ts";
import type { Argnums } from "./grad.ts";
import type { Next, OrNull, Seed, WithLeaves } from "./tree-types.ts";

type List = readonly unknown[];

/** Arguments of a function within a trace: numbers are arrays. */
export type TracedAll<P extends List> = { -readonly [K in keyof P]: Traced<P[K]> };

/** What stands for a tangent or cotangent of a value: a tree like it, null for zero. */
export type Cotangent<T> = OrNull<T>;
export type Cotangents<P extends List> = { readonly [K in keyof P]: Cotangent<P[K]> };

// ---- rules of the user's own ---------------------------------------------------

/** Arguments at the positions that `nondiffArgnums` lists, in its order. */
type At<P extends List, N extends readonly number[]> = { -readonly [K in keyof N]: P[N[K]] };

/** The other arguments, within a trace. */
type NotAt<P extends List, N extends readonly number[], Before extends List = []> = number extends P["length"]
  ? TracedAll<P>
  : P["length"] extends 0
    ? []
    : P extends readonly [(infer First)?, ...infer Rest]
      ? Before["length"] extends N[number]
        ? NotAt<Rest, N, [...Before, unknown]>
        : [Traced<First>, ...NotAt<Rest, N, [...Before, unknown]>]
      : TracedAll<P>;

type Value<F extends AnyFunction> = Traced<ReturnType<F>>;

/**
 * Gives `[f(...primals), its tangent]` for lists of primals and tangents; before them come the arguments of `nondiffArgnums`.
 * A tangent of null is zero.
 */
export type JvpRule<F extends AnyFunction = AnyFunction, N extends readonly number[] = []> = (
  ...args: [...constants: At<Parameters<F>, N>, primals: NotAt<Parameters<F>, N>, tangents: NotAt<Parameters<F>, N>]
) => readonly [value: Next<Value<F>>, tangent: Cotangent<Value<F>>];

/** What one argument adds to the tangent: `(tangent, value, ...primals) => …`. */
export type PartialJvpRule<F extends AnyFunction = AnyFunction, Argument = Array> = (
  tangent: Argument,
  value: Value<F>,
  ...primals: TracedAll<Parameters<F>>
) => Cotangent<Value<F>>;
/** One for each argument; null for one that adds nothing. */
export type PartialJvpRules<F extends AnyFunction, P extends List = Parameters<F>> = {
  readonly [K in keyof P]: PartialJvpRule<F, Traced<P[K]>> | null;
};

/** What a forward rule keeps for the backward one: any tree of arrays. */
export type Residuals = Seed | null | undefined;

/** `(...args) => [value, residuals]` */
export type ForwardRule<F extends AnyFunction = AnyFunction, R = unknown> = (
  ...args: TracedAll<Parameters<F>>
) => readonly [value: Next<Value<F>>, residuals: R];

/**
 * `(residuals, cotangent) => list of the arguments' cotangents` (null: zero); before them come the arguments of
 * `nondiffArgnums`.
 */
export type BackwardRule<F extends AnyFunction = AnyFunction, R = unknown, N extends readonly number[] = []> = (
  ...args: [...constants: At<Parameters<F>, N>, residuals: Traced<R>, cotangent: Value<F>]
) => Cotangents<NotAt<Parameters<F>, N>>;

// ---- Jacobians -----------------------------------------------------------------

type Wrt<F extends AnyFunction, N extends Argnums> = N extends readonly number[]
  ? { -readonly [K in keyof N]: Traced<Parameters<F>[N[K] & number]> }
  : N extends number
    ? Traced<Parameters<F>[N]>
    : never;

/** A tree of the value's structure with trees of the arguments' in the place of its leaves. */
export type Jacobian<F extends AnyFunction, N extends Argnums, V = ReturnType<F>> = WithLeaves<Traced<V>, Wrt<F, N>>;
/** The same once more: for each leaf of the value, for each argument's leaf, a tree of the arguments'. */
export type Hessian<F extends AnyFunction, N extends Argnums, V = ReturnType<F>> = WithLeaves<
  Jacobian<F, N, V>,
  Wrt<F, N>
>;
