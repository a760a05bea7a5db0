/** Smooth activations. */
import { ShapeError } from "../../base/errors.ts";
import { canonicalAxis } from "../../base/shapes.ts";
import { formatAval } from "../../jaxpr/ir.ts";
import { copy } from "../../primitives/identity.ts";
import type { Array, ArrayLike } from "../../trace/array.ts";
import { asArray } from "../../trace/operand.ts";
import { bind1 } from "../../trace/trace.ts";
import { optionsOf } from "../arguments.ts";
import { innerJit } from "../inner-jit.ts";
import * as lax from "../lax/index.ts";
import { abs, add, divide, multiply, negative, sqrt, square } from "../numpy/elementwise.ts";
import { logaddexp } from "../numpy/float-functions.ts";
import { power } from "../numpy/power.ts";
import { promoteArgsInexact } from "../numpy/promotion.ts";
import { staticJit } from "../numpy/static-jit.ts";
import { tanh as tanhOf } from "../numpy/trigonometry.ts";

type Activation = (x: ArrayLike) => Array;

const activation = (name: string, f: (x: Array) => Array): Activation => {
  const inner = innerJit(name, f);
  return (x) => inner(asArray(name, x));
};

/** 1 / (1 + exp(-x)) of floats. @throws DTypeError for ints @see https://docs.jax.dev/en/latest/_autosummary/jax.nn.sigmoid.html */
export const sigmoid: Activation = (x) => lax.logistic(x);
/** x · sigmoid(x) of floats. @throws DTypeError for ints @see https://docs.jax.dev/en/latest/_autosummary/jax.nn.silu.html */
export const silu = activation("silu", (x) => multiply(x, sigmoid(x)));
/** Another name of `silu`. @see https://docs.jax.dev/en/latest/_autosummary/jax.nn.swish.html */
export const swish = silu;
/** The hyperbolic tangent. @see https://docs.jax.dev/en/latest/_autosummary/jax.nn.tanh.html */
export const tanh = tanhOf;
/** log(1 + exp(x)). @see https://docs.jax.dev/en/latest/_autosummary/jax.nn.softplus.html */
export const softplus = activation("softplus", (x) => logaddexp(x, 0));
/** x / (|x| + 1). @see https://docs.jax.dev/en/latest/_autosummary/jax.nn.soft_sign.html */
export const softSign = activation("soft_sign", (x) => divide(x, add(abs(x), 1)));
/** log(sigmoid(x)). @see https://docs.jax.dev/en/latest/_autosummary/jax.nn.log_sigmoid.html */
export const logSigmoid = activation("log_sigmoid", (x) => negative(softplus(negative(x))));
/** x · tanh(softplus(x)). @see https://docs.jax.dev/en/latest/_autosummary/jax.nn.mish.html */
export const mish = activation("mish", (x) => multiply(x, tanh(softplus(x))));

const squarePlus = innerJit("squareplus", ((x: Array, b?: Array) =>
  divide(add(x, sqrt(add(square(x), b ?? 4))), 2)) as (...args: Array[]) => Array);
/** (x + √(x² + b)) / 2; b is 4 if absent. @see https://docs.jax.dev/en/latest/_autosummary/jax.nn.squareplus.html */
export const squareplus = (x: ArrayLike, options?: { readonly b?: ArrayLike }): Array => {
  const { b } = optionsOf("squareplus", options, { b: undefined });
  return squarePlus(asArray("squareplus", x), ...(b === undefined ? [] : [asArray("squareplus", b)]));
};

/** x times the probability that a normal variable is below it: by tanh if approximate (the default), else by erfc. Ints become float32. @see https://docs.jax.dev/en/latest/_autosummary/jax.nn.gelu.html */
export function gelu(x: ArrayLike, options?: { readonly approximate?: boolean }): Array {
  const { approximate } = optionsOf("gelu", options, { approximate: true });
  const [operand] = promoteArgsInexact("gelu", x);
  return approximate ? geluByTanh(operand) : geluByErfc(operand);
}

function geluByTanh(x: Array): Array {
  const bent = add(x, multiply(0.044715, power(x, 3)));
  const below = multiply(0.5, add(1, tanh(multiply(lax.convertElementType(Math.sqrt(2 / Math.PI), x.dtype), bent))));
  return multiply(x, below);
}

function geluByErfc(x: Array): Array {
  const half = multiply(0.5, x);
  const tail = lax.erfc(multiply(negative(x), lax.convertElementType(Math.SQRT1_2, x.dtype)));
  return bind1(copy, [multiply(half, tail)], {});
}

const gated = staticJit("glu", (axis: number) => (x: Array) => {
  const half = x.shape[axis] / 2;
  const [value, gate] = lax.split(x, [half, half], axis);
  return multiply(value, sigmoid(gate));
});
/** One half along an axis of even size (the last if absent), by the sigmoid of the other. @throws ShapeError; DTypeError for ints @see https://docs.jax.dev/en/latest/_autosummary/jax.nn.glu.html */
export function glu(x: ArrayLike, options?: { readonly axis?: number }): Array {
  const { axis } = optionsOf("glu", options, { axis: -1 });
  const operand = asArray("glu", x);
  const along = canonicalAxis("glu", axis, operand.ndim);
  if (operand.shape[along] % 2 !== 0)
    throw new ShapeError(`glu: the axis must have even size; got ${formatAval(operand.aval)} and axis ${axis}`);
  return gated(along)(operand);
}
