/** Hyperbolic functions and their inverses in f32. Scalars or vectors; NaN in, NaN out. */
import type { KernelBuilder } from "./builder.ts";
import { exp, log1p } from "./exponential.ts";
import { constantsLike, copySign } from "./float.ts";
import type { Value } from "./ir.ts";
import { polynomial } from "./polynomial.ts";

/** exp(|x|) / 2 and its fourth part's inverse, exp(-|x|) / 2; the first overflows only where sinh and cosh do. */
function halfExponentials(k: KernelBuilder, x: Value): { grown: Value; shrunk: Value } {
  const { f } = constantsLike(k, x);
  const root = exp(k, k.mul(k.abs(x), f(0.5)));
  const half = k.mul(root, f(0.5));
  return { grown: k.mul(half, root), shrunk: k.div(k.div(f(0.5), root), root) };
}

export function sinh(k: KernelBuilder, x: Value): Value {
  const { f } = constantsLike(k, x);
  const square = k.mul(x, x);
  const p = polynomial(k, square, [0.166666672, 0.00833333939, 0.000198380993, 2.80630047e-6]);
  const near = k.mul(x, k.fma(square, p, f(1)));
  const { grown, shrunk } = halfExponentials(k, x);
  return k.select(k.lt(k.abs(x), f(1)), near, copySign(k, k.sub(grown, shrunk), x));
}

export function cosh(k: KernelBuilder, x: Value): Value {
  const { grown, shrunk } = halfExponentials(k, x);
  return k.add(grown, shrunk);
}

export function tanh(k: KernelBuilder, x: Value): Value {
  const { f } = constantsLike(k, x);
  const square = k.mul(x, x);
  const p = polynomial(k, square, [-0.333332837, 0.133314908, -0.0537434965, 0.0206505787, -0.00571703678]);
  const near = k.mul(x, k.fma(square, p, f(1)));
  const far = k.sub(f(1), k.div(f(2), k.add(exp(k, k.mul(k.abs(x), f(2))), f(1))));
  return k.select(k.lt(k.abs(x), f(0.625)), near, copySign(k, far, x));
}

/** Above this x² + 1 is x², and 1 + x is x. */
const large = 1e8;

export function asinh(k: KernelBuilder, x: Value): Value {
  const { f } = constantsLike(k, x);
  const a = k.abs(x);
  const isLarge = k.gt(a, f(large));
  const square = k.mul(a, a);
  const rest = k.div(square, k.add(f(1), k.sqrt(k.add(square, f(1)))));
  const value = k.add(log1p(k, k.select(isLarge, a, k.add(a, rest))), k.select(isLarge, f(Math.LN2), f(0)));
  return copySign(k, k.select(k.lt(a, f(1e-4)), a, value), x);
}

/** NaN below 1. */
export function acosh(k: KernelBuilder, x: Value): Value {
  const { f } = constantsLike(k, x);
  const isLarge = k.gt(x, f(large));
  const above = k.sub(x, f(1));
  const sum = k.add(above, k.sqrt(k.mul(above, k.add(x, f(1)))));
  const value = k.add(log1p(k, k.select(isLarge, x, sum)), k.select(isLarge, f(Math.LN2), f(0)));
  return k.select(k.lt(x, f(1)), f(Number.NaN), value);
}

/** ±inf at ±1, NaN beyond. */
export function atanh(k: KernelBuilder, x: Value): Value {
  const { f } = constantsLike(k, x);
  const a = k.abs(x);
  return copySign(k, k.mul(f(0.5), log1p(k, k.div(k.add(a, a), k.sub(f(1), a)))), x);
}
