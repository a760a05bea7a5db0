/** Piecewise activations: rectified, exponential and hard functions. */
import type { Array, ArrayLike } from "../../trace/array.ts";
import { asArray } from "../../trace/operand.ts";
import { optionsOf } from "../arguments.ts";
import { customJvp } from "../custom-derivatives.ts";
import { innerJit } from "../inner-jit.ts";
import * as lax from "../lax/index.ts";
import { add, expm1, maximum, minimum, multiply, trueDivide } from "../numpy/elementwise.ts";
import { greater, greaterEqual, less, logicalAnd, where } from "../numpy/logic.ts";
import { float } from "../numpy/scalars.ts";

type Activation = (x: ArrayLike) => Array;
type Jitted = (x: Array, ...parameters: Array[]) => Array;

const activation = (name: string, f: (x: Array) => Array): Activation => {
  const inner = innerJit(name, f);
  return (x) => inner(asArray(name, x));
};
/** Its derivative is 1 where `rises`, else 0, also at the kinks. */
const flatAtKinks = (name: string, f: (x: Array) => Array, rises: (x: Array) => Array): Activation => {
  const inner = customJvp(innerJit(name, f), { name }).defJvps((dx: Array, _: Array, x: Array) =>
    lax.select(rises(x), dx, lax.fullLike(dx, 0)),
  );
  return (x) => inner(asArray(name, x));
};
/** An absent parameter is a constant of the function, a given one an operand. */
const withParameter = (name: string, f: Jitted) => {
  const inner = innerJit(name, f as (...args: Array[]) => Array);
  return (x: ArrayLike, parameter: ArrayLike | undefined): Array =>
    inner(asArray(name, x), ...(parameter === undefined ? [] : [asArray(name, parameter)]));
};

/** max(x, 0), also of ints; its derivative at 0 is 0. @see https://docs.jax.dev/en/latest/_autosummary/jax.nn.relu.html */
export const relu = flatAtKinks(
  "relu",
  (x) => maximum(x, 0),
  (x) => greater(x, 0),
);
/** min(max(x, 0), 6), a float; its derivative at 0 and 6 is 0. @see https://docs.jax.dev/en/latest/_autosummary/jax.nn.relu6.html */
export const relu6 = flatAtKinks(
  "relu6",
  (x) => minimum(maximum(x, 0), float(6)),
  (x) => logicalAnd(greater(x, 0), less(x, 6)),
);

const leaky = withParameter("leaky_relu", (x, slope = float(0.01)) => where(greaterEqual(x, 0), x, multiply(slope, x)));
/** x from 0 on, negativeSlope (0.01 if absent) · x below. @see https://docs.jax.dev/en/latest/_autosummary/jax.nn.leaky_relu.html */
export const leakyRelu = (x: ArrayLike, options?: { readonly negativeSlope?: ArrayLike }): Array =>
  leaky(x, optionsOf("leaky_relu", options, { negativeSlope: undefined }).negativeSlope);

const exponential = withParameter("elu", (x, alpha = float(1)) => {
  const [positive, isPositive] = [greater(x, 0), greater(x, 0)];
  return where(positive, x, multiply(alpha, expm1(where(isPositive, float(0), x))));
});
/** x above 0, alpha (1 if absent) · (exp(x) - 1) below. @see https://docs.jax.dev/en/latest/_autosummary/jax.nn.elu.html */
export const elu = (x: ArrayLike, options?: { readonly alpha?: ArrayLike }): Array =>
  exponential(x, optionsOf("elu", options, { alpha: undefined }).alpha);

const seluAlpha = 1.6732632423543772;
const seluScale = 1.0507009873554805;
/** elu scaled so that activations keep mean 0 and variance 1. @see https://docs.jax.dev/en/latest/_autosummary/jax.nn.selu.html */
export const selu = activation("selu", (x) => multiply(seluScale, elu(x, { alpha: seluAlpha })));

const continuous = withParameter("celu", (x, alpha = float(1)) =>
  add(maximum(x, float(0)), multiply(alpha, expm1(trueDivide(minimum(x, float(0)), alpha)))),
);
/** max(x, 0) + alpha (1 if absent) · (exp(min(x, 0) / alpha) - 1). @see https://docs.jax.dev/en/latest/_autosummary/jax.nn.celu.html */
export const celu = (x: ArrayLike, options?: { readonly alpha?: ArrayLike }): Array =>
  continuous(x, optionsOf("celu", options, { alpha: undefined }).alpha);

/** x kept within [-1, 1]. @see https://docs.jax.dev/en/latest/_autosummary/jax.nn.hard_tanh.html */
export const hardTanh = activation("hard_tanh", (x) => {
  const [above, below] = [greater(x, 1), less(x, -1)];
  return where(above, 1, where(below, -1, x));
});
/** relu6(x + 3) / 6. @see https://docs.jax.dev/en/latest/_autosummary/jax.nn.hard_sigmoid.html */
export const hardSigmoid = activation("hard_sigmoid", (x) => trueDivide(relu6(add(x, float(3))), float(6)));
/** x · hardSigmoid(x). @see https://docs.jax.dev/en/latest/_autosummary/jax.nn.hard_silu.html */
export const hardSilu = activation("hard_silu", (x) => multiply(x, hardSigmoid(x)));
/** Another name of `hardSilu`. @see https://docs.jax.dev/en/latest/_autosummary/jax.nn.hard_swish.html */
export const hardSwish = hardSilu;

/** x itself. @see https://docs.jax.dev/en/latest/_autosummary/jax.nn.identity.html */
export const identity = activation("identity", (x) => x);
