/** Trigonometric and hyperbolic functions of floats: ints and bools become float32. */
import type { Array, ArrayLike } from "../../trace/array.ts";
import { asArray } from "../../trace/operand.ts";
import { innerJit } from "../inner-jit.ts";
import * as lax from "../lax/index.ts";
import { constant, promoteArgsInexact } from "./promotion.ts";

type Unary = (x: ArrayLike) => Array;

const inexact =
  (op: string, f: (x: Array) => Array): Unary =>
  (x) =>
    f(promoteArgsInexact(op, x)[0]);

/** The sine of radians. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.sin.html */
export const sin = inexact("sin", lax.sin);
/** The cosine of radians. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.cos.html */
export const cos = inexact("cos", lax.cos);
/** The tangent of radians. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.tan.html */
export const tan = inexact("tan", lax.tan);
/**
 * The angle in [-π/2, π/2] whose sine is x; NaN outside [-1, 1].
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.arcsin.html
 */
export const arcsin = inexact("arcsin", lax.asin);
/**
 * The angle in [0, π] whose cosine is x; NaN outside [-1, 1].
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.arccos.html
 */
export const arccos = inexact("arccos", lax.acos);
/** The angle in (-π/2, π/2) whose tangent is x. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.arctan.html */
export const arctan = inexact("arctan", lax.atan);
/** The angle of the point (y, x), in [-π, π]. @throws ShapeError @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.arctan2.html */
export function arctan2(y: ArrayLike, x: ArrayLike): Array {
  const [a, b] = promoteArgsInexact("arctan2", y, x);
  return lax.atan2(a, b);
}
/** The hyperbolic sine. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.sinh.html */
export const sinh = inexact("sinh", lax.sinh);
/** The hyperbolic cosine. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.cosh.html */
export const cosh = inexact("cosh", lax.cosh);
/** The hyperbolic tangent. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.tanh.html */
export const tanh = inexact("tanh", lax.tanh);
/** The inverse of sinh. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.arcsinh.html */
export const arcsinh = inexact("arcsinh", lax.asinh);
const inverseCosh = innerJit("arccosh", (x: Array) => lax.acosh(promoteArgsInexact("arccosh", x)[0]));
/** The inverse of cosh; NaN below 1. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.arccosh.html */
export const arccosh: Unary = (x) => inverseCosh(asArray("arccosh", x));
/** The inverse of tanh; ±Inf at ±1, NaN beyond. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.arctanh.html */
export const arctanh = inexact("arctanh", lax.atanh);

/** Another name of `arcsin`. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.asin.html */
export const asin = arcsin;
/** Another name of `arccos`. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.acos.html */
export const acos = arccos;
/** Another name of `arctan`. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.atan.html */
export const atan = arctan;
/** Another name of `arctan2`. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.atan2.html */
export const atan2 = arctan2;
/** Another name of `arcsinh`. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.asinh.html */
export const asinh = arcsinh;
/** Another name of `arccosh`. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.acosh.html */
export const acosh = arccosh;
/** Another name of `arctanh`. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.atanh.html */
export const atanh = arctanh;

/** Degrees to radians. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.deg2rad.html */
export const deg2rad = inexact("deg2rad", (x) => lax.mul(x, constant(x, Math.PI / 180)));
/** Radians to degrees. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.rad2deg.html */
export const rad2deg = inexact("rad2deg", (x) => lax.mul(x, constant(x, 180 / Math.PI)));
/** Another name of `deg2rad`. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.radians.html */
export const radians = deg2rad;
/** Another name of `rad2deg`. @see https://docs.jax.dev/en/latest/_autosummary/jax.numpy.degrees.html */
export const degrees = rad2deg;
