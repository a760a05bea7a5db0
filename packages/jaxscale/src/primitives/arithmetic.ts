/** Sums, products, powers, extremes, signs. Integers wrap. */
import { isFloat, isNumber, isSigned } from "../base/dtypes.ts";
import { DTypeError } from "../base/errors.ts";
import * as float from "../kernel/float.ts";
import {
  constantLike,
  defineBinary,
  defineNary,
  defineUnary,
  formatAvals,
  noTangent,
  stretchTo,
  uniformType,
} from "./define-elementwise.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import type { PrimitiveRules } from "./primitive.ts";

/** @param right the cotangent of the second operand before it is summed over what was broadcast */
const transposeSum =
  (right: (ops: OpBuilder, ct: Operand) => Operand): NonNullable<PrimitiveRules["transpose"]> =>
  (ops, [ct], [x, y], { inputs }) => [
    x === null && ct ? ops.unbroadcast(ct, inputs[0]) : null,
    y === null && ct ? ops.unbroadcast(right(ops, ct), inputs[1]) : null,
  ];

/** 1 where x alone is the extreme z, 1/2 where y is it too, else 0. */
function shareOfExtreme({ div, select, eq, fullLike }: OpBuilder, x: Operand, z: Operand, y: Operand): Operand {
  const isExtreme = select(eq(x, z), fullLike(z, 1), fullLike(z, 0));
  return div(isExtreme, select(eq(y, z), fullLike(z, 2), fullLike(z, 1)));
}

const isAny = (): boolean => true;

const product = (x: number, y: number, inFloats: boolean): number => (inFloats ? x * y : Math.imul(x, y));

export const neg = defineUnary("neg", {
  accepts: isNumber,
  jvp: ({ neg }, _, [dx]) => neg(dx),
  transpose: ({ neg }, [ct]) => [ct && neg(ct)],
  reference: (x) => -x,
  kernel: (k, x) => (x.type === "u32" ? k.sub(k.u32(0), x) : k.neg(x)),
});

/** -1, 0 or 1; of floats also -0 and NaN, as they are. */
export const sign = defineUnary("sign", {
  accepts: isNumber,
  exact: true,
  jvp: noTangent,
  reference: (x) => Math.sign(x),
  kernel: (k, x) => {
    const zero = constantLike(k, x, 0);
    const one = constantLike(k, x, 1);
    if (x.type === "u32") return k.min(x, one);
    if (x.type === "i32") return k.clamp(x, k.neg(one), one);
    const keeps = k.or(float.isNaN(k, x), k.eq(x, zero));
    return k.select(keeps, x, k.select(k.lt(x, zero), k.f32(-1), one));
  },
});

export const abs = defineUnary("abs", {
  accepts: isSigned,
  jvp: ({ ge, neg, select }, [x], [dx]) => select(ge(x, 0), dx, neg(dx)),
  reference: (x) => Math.abs(x),
  kernel: (k, x) => k.abs(x),
});

export const add = defineBinary("add", {
  accepts: isNumber,
  additive: true,
  jvp: (ops, _, [dx, dy], { aval: { shape } }) => {
    if (dx && dy) return ops.add(dx, dy);
    return stretchTo(ops, (dx ?? dy) as Operand, shape);
  },
  transpose: transposeSum((_, ct) => ct),
  reference: (x, y) => x + y,
  kernel: (k, x, y) => k.add(x, y),
});

/** Sum of cotangents: `add` under the name that JAX prints for it. */
export const addAny = defineBinary("add_any", {
  accepts: isNumber,
  additive: true,
  jvp: (ops, _, [dx, dy], { aval: { shape } }) =>
    dx && dy ? ops.addAny(dx, dy) : stretchTo(ops, (dx ?? dy) as Operand, shape),
  transpose: transposeSum((_, ct) => ct),
  reference: (x, y) => x + y,
  kernel: (k, x, y) => k.add(x, y),
});

export const sub = defineBinary("sub", {
  accepts: isNumber,
  additive: true,
  jvp: (ops, _, [dx, dy], { aval: { shape } }) => {
    if (dx && dy) return ops.sub(dx, dy);
    return stretchTo(ops, dx ?? ops.neg(dy as Operand), shape);
  },
  transpose: transposeSum(({ neg }, ct) => neg(ct)),
  reference: (x, y) => x - y,
  kernel: (k, x, y) => k.sub(x, y),
});

export const mul = defineBinary("mul", {
  accepts: isNumber,
  jvp: ({ mul }, [x, y], [dx, dy]) => [dx && mul(dx, y), dy && mul(x, dy)],
  transpose: ({ mul, unbroadcast }, [ct], [x, y], { inputs }) => [
    x === null && ct && y ? unbroadcast(mul(ct, y), inputs[0]) : null,
    y === null && ct && x ? unbroadcast(mul(x, ct), inputs[1]) : null,
  ],
  reference: (x, y, { dtype }) => product(x, y, isFloat(dtype)),
  kernel: (k, x, y) => k.mul(x, y),
});

/** The larger; NaN if either is. Of bools: or. */
export const max = defineBinary("max", {
  accepts: isAny,
  exact: true,
  jvp: (ops, [x, y], [dx, dy], z) => [
    dx && ops.mul(dx, shareOfExtreme(ops, x, z, y)),
    dy && ops.mul(dy, shareOfExtreme(ops, y, z, x)),
  ],
  reference: (x, y) => Math.max(x, y),
  kernel: (k, x, y) => (x.type === "bool" ? k.or(x, y) : float.maximum(k, x, y)),
});

/** The smaller; NaN if either is. Of bools: and. */
export const min = defineBinary("min", {
  accepts: isAny,
  exact: true,
  jvp: (ops, [x, y], [dx, dy], z) => [
    dx && ops.mul(dx, shareOfExtreme(ops, x, z, y)),
    dy && ops.mul(dy, shareOfExtreme(ops, y, z, x)),
  ],
  reference: (x, y) => Math.min(x, y),
  kernel: (k, x, y) => (x.type === "bool" ? k.and(x, y) : float.minimum(k, x, y)),
});

export const square = defineUnary("square", {
  accepts: isNumber,
  jvp: ({ mul }, [x], [dx]) => mul(dx, mul(2, x)),
  reference: (x, { dtype }) => product(x, x, isFloat(dtype)),
  kernel: (k, x) => k.mul(x, x),
});

export type IntegerPowParams = { readonly y: number };

/** `x ** y` for a static integer y, by repeated multiplication. @throws DTypeError for a negative power of integers */
export const integerPow = defineNary<IntegerPowParams>("integer_pow", {
  resultType: (inputs, params) => {
    if (params.y < 0 && !isFloat(inputs[0].dtype))
      throw new DTypeError(
        `integer_pow: integers cannot be raised to negative powers; got ${formatAvals(inputs)} and y=${params.y}`,
      );
    return uniformType("integer_pow", { accepts: isNumber })(inputs, params);
  },
  flops: ({ y }) => Math.max(1, Math.ceil(Math.log2(Math.abs(y) + 1))),
  printParams: ({ y }) => ({ y: String(y) }),
  jvp: ({ mul, integerPow, fullLike }, [x], [dx], _, { y }) => {
    if (dx === null) return null;
    if (y === 0) return fullLike(dx, 0);
    return y === 1 ? dx : mul(dx, mul(y, integerPow(x, y - 1)));
  },
  reference: ([x], { dtype, params: { y } }) => {
    const times = (a: number, b: number) => product(a, b, isFloat(dtype));
    const power = repeatedly(times, x, Math.abs(y)) ?? 1;
    return y < 0 ? 1 / power : power;
  },
  kernel: (k, [x], { params: { y } }) => {
    const one = constantLike(k, x, 1);
    const power = repeatedly(k.mul, x, Math.abs(y)) ?? one;
    return y < 0 ? k.div(one, power) : power;
  },
});

/** x times itself, n factors, by squaring; undefined when there is none. */
function repeatedly<T>(times: (a: T, b: T) => T, x: T, n: number): T | undefined {
  let result: T | undefined;
  for (let square = x, rest = n; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = result === undefined ? square : times(result, square);
    if (rest > 1) square = times(square, square);
  }
  return result;
}
