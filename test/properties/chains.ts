/** Random programs as data: a few inputs, then operations each on values made before. Small enough to read when one fails. */

import fc from "fast-check";
import * as jax from "jaxscale";
import {
  type DType,
  dtypeNames,
  isFloat,
  isInteger,
  kindOf,
  rangeOf,
} from "../../packages/jaxscale/src/base/dtypes.ts";
import { type Shape, sizeOf } from "../../packages/jaxscale/src/base/shapes.ts";
import type { HostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import { randomNumbers, tensorOf } from "../tensors.ts";

const { lax, numpy: jnp } = jax;
type A = jax.Array;

export interface Input {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly seed: number;
}
export interface Step {
  readonly op: string;
  /** Which values made so far it takes. */
  readonly from: readonly [number, number];
  readonly seed: number;
}
export interface Chain {
  readonly inputs: readonly Input[];
  readonly steps: readonly Step[];
}

const maxSize = 300;

/** Whole numbers below a bound, from a step's seed. */
type Draw = (below: number) => number;
const drawFrom = (seed: number): Draw => {
  const random = randomNumbers(seed);
  return (below) => Math.floor(random() * below);
};

const permutation = (draw: Draw, n: number): number[] => {
  const order = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = draw(i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
};

/** A shape of the same size. */
function refold(draw: Draw, size: number): number[] {
  if (size === 0) return [draw(4), 0, 1 + draw(3)];
  const shape: number[] = [];
  let left = size;
  while (left > 1 && shape.length < 3) {
    const divisors = Array.from({ length: left }, (_, i) => i + 1).filter((d) => left % d === 0);
    const d = divisors[draw(divisors.length)];
    shape.push(d);
    left /= d;
  }
  if (left > 1 || draw(3) === 0) shape.push(left);
  return shape;
}

/** `y` in the dtype and shape of `x`: repeated or cut. */
function like(x: A, y: A): A {
  const same = y.dtype === x.dtype ? y : lax.convertElementType(y, x.dtype);
  if (sizeOf(x.shape) === sizeOf(y.shape)) return lax.reshape(same, x.shape);
  if (y.size === 0) return jnp.zeros(x.shape, { dtype: x.dtype });
  const times = Math.ceil(x.size / y.size);
  const flat = lax.reshape(same, [y.size]);
  const long =
    times > 1
      ? lax.concatenate(
          Array.from({ length: times }, () => flat),
          0,
        )
      : flat;
  return lax.reshape(lax.slice(long, { startIndices: [0], limitIndices: [x.size] }), x.shape);
}

/** Small whole numbers, of which sums and products are exact in any order. */
const tame = (x: A): A => {
  if (!isFloat(x.dtype)) return x;
  const scalar = (value: number): A => jnp.array(value, { dtype: x.dtype });
  return lax.clamp(scalar(-8), lax.floor(x), scalar(8));
};

type Apply = (x: A, y: A, draw: Draw) => A | undefined;
const numbersOnly =
  (f: Apply): Apply =>
  (x, y, draw) =>
    x.dtype === "bool" ? undefined : f(x, y, draw);
const integersOnly =
  (f: Apply): Apply =>
  (x, y, draw) =>
    isInteger(x.dtype) ? f(x, y, draw) : undefined;
const floatsOnly =
  (f: Apply): Apply =>
  (x, y, draw) =>
    isFloat(x.dtype) ? f(x, y, draw) : undefined;
const ranked =
  (f: (x: A, axis: number, draw: Draw) => A): Apply =>
  (x, _, draw) =>
    x.ndim === 0 ? undefined : f(x, draw(x.ndim), draw);

const elementwise: Readonly<Record<string, Apply>> = {
  add: numbersOnly((x, y) => lax.add(x, like(x, y))),
  sub: numbersOnly((x, y) => lax.sub(x, like(x, y))),
  mul: numbersOnly((x, y) => lax.mul(x, like(x, y))),
  max: (x, y) => lax.max(x, like(x, y)),
  min: (x, y) => lax.min(x, like(x, y)),
  neg: numbersOnly((x) => lax.neg(x)),
  abs: numbersOnly((x) => (kindOf(x.dtype) === "unsigned" ? undefined : lax.abs(x))),
  sign: numbersOnly((x) => lax.sign(x)),
  square: numbersOnly((x) => lax.square(x)),
  floor: floatsOnly((x) => lax.floor(x)),
  ceil: floatsOnly((x) => lax.ceil(x)),
  round: floatsOnly((x, _, draw) => lax.round(x, { roundingMethod: draw(2) as 0 | 1 })),
  div: integersOnly((x, y) => lax.div(x, like(x, y))),
  rem: integersOnly((x, y) => lax.rem(x, like(x, y))),
  and: (x, y) => (isFloat(x.dtype) ? undefined : lax.bitwiseAnd(x, like(x, y))),
  xor: (x, y) => (isFloat(x.dtype) ? undefined : lax.bitwiseXor(x, like(x, y))),
  not: (x) => (isFloat(x.dtype) ? undefined : lax.bitwiseNot(x)),
  shiftLeft: integersOnly((x, y) => lax.shiftLeft(x, like(x, y))),
  less: (x, y) => lax.lt(x, like(x, y)),
  equal: (x, y) => lax.eq(x, like(x, y)),
  select: (x, y) => lax.select(lax.lt(x, like(x, y)), x, like(x, y)),
  convert: (x, _, draw) => lax.convertElementType(x, dtypeNames[draw(dtypeNames.length)]),
  isFinite: floatsOnly((x) => lax.isFinite(x)),
};

const movement: Readonly<Record<string, Apply>> = {
  transpose: (x, _, draw) => lax.transpose(x, permutation(draw, x.ndim)),
  reshape: (x, _, draw) => lax.reshape(x, refold(draw, x.size)),
  rev: ranked((x, axis) => lax.rev(x, [axis])),
  slice: (x, _, draw) => {
    const starts = x.shape.map((d) => draw(d + 1));
    const limits = x.shape.map((d, i) => starts[i] + draw(d - starts[i] + 1));
    return lax.slice(x, {
      startIndices: starts,
      limitIndices: limits,
      strides: x.shape.map(() => 1 + draw(3)),
    });
  },
  pad: (x, y, draw) => {
    const value = y.size === 0 ? jnp.zeros([], { dtype: x.dtype }) : like(jnp.zeros([], { dtype: x.dtype }), y);
    const config = x.shape.map((d) => {
      const interior = draw(2);
      const low = draw(5) - 2;
      const wide = d + Math.max(0, d - 1) * interior;
      return [low, Math.max(draw(5) - 2, -wide - low), interior] as const;
    });
    return lax.pad(x, value, config);
  },
  concatenate: (x, y, draw) =>
    x.ndim === 0 ? undefined : lax.concatenate(draw(2) === 0 ? [x, like(x, y)] : [like(x, y), x, x], draw(x.ndim)),
  broadcast: (x, _, draw) => {
    const shape = [...x.shape];
    const at = draw(x.ndim + 1);
    shape.splice(at, 0, 1 + draw(3));
    const broadcastDimensions = x.shape.map((_, i) => (i < at ? i : i + 1));
    return lax.broadcastInDim(x, { shape, broadcastDimensions });
  },
  dynamicSlice: (x, y, draw) => {
    const index = y.size === 0 ? jnp.array(draw(5)) : like(jnp.zeros([], { dtype: "int32" }), y);
    return lax.dynamicSlice(
      x,
      x.shape.map(() => index),
      x.shape.map((d) => draw(d + 1)),
    );
  },
  dynamicUpdateSlice: (x, y, draw) => {
    const sizes = x.shape.map((d) => draw(d + 1));
    return lax.dynamicUpdateSlice(
      x,
      like(jnp.zeros(sizes, { dtype: x.dtype }), y),
      x.shape.map((d) => draw(d + 2) - 1),
    );
  },
  take: ranked((x, axis, draw) =>
    x.shape[axis] === 0
      ? x
      : jnp.take(x, jnp.array(Array.from({ length: 1 + draw(4) }, () => draw(x.shape[axis] + 2) - 1)), {
          axis,
          mode: "clip",
        }),
  ),
};

const folding: Readonly<Record<string, Apply>> = {
  sum: numbersOnly((x, _, draw) => lax.reduceSum(tame(x), someAxes(x, draw))),
  maxOf: numbersOnly((x, _, draw) => (x.size === 0 ? undefined : lax.reduceMax(x, someAxes(x, draw)))),
  minOf: numbersOnly((x, _, draw) => (x.size === 0 ? undefined : lax.reduceMin(x, someAxes(x, draw)))),
  argmax: numbersOnly(ranked((x, axis) => (x.size === 0 ? x : lax.argmax(x, { axis })))),
  cumsum: numbersOnly(ranked((x, axis, draw) => lax.cumsum(tame(x), { axis, reverse: draw(2) === 0 }))),
  cummax: numbersOnly(ranked((x, axis) => lax.cummax(x, { axis }))),
  dot: numbersOnly((x, y, draw) => {
    if (x.ndim === 0) return undefined;
    const axis = draw(x.ndim);
    const other = like(jnp.zeros([x.shape[axis], 3], { dtype: x.dtype }), y);
    return lax.dotGeneral(tame(x), tame(other), [
      [[axis], [0]],
      [[], []],
    ]);
  }),
  addRows: numbersOnly(
    ranked((x, axis, draw) => {
      const rows = x.shape[axis];
      if (x.size === 0) return x;
      const first = lax.transpose(tame(x), [axis, ...x.shape.map((_, i) => i).filter((i) => i !== axis)]);
      const ids = jnp.array(Array.from({ length: 2 }, () => draw(rows + 1)));
      return first.at(ids).add(jnp.ones([2, ...first.shape.slice(1)], { dtype: x.dtype }));
    }),
  ),
};
const someAxes = (x: A, draw: Draw): number[] => x.shape.map((_, i) => i).filter(() => draw(2) === 0);

const operations: Readonly<Record<string, Apply>> = { ...elementwise, ...movement, ...folding };
export const families = {
  all: Object.keys(operations),
  elementwise: Object.keys(elementwise),
  movement: Object.keys(movement),
};

/** The function that a chain describes: its results are what its last steps made. @param after applied to what each step makes */
export const functionOf =
  ({ steps }: Chain, after: (x: A, seed: number) => A = (x) => x) =>
  (...inputs: A[]): A[] => {
    const values = [...inputs];
    for (const { op, from, seed } of steps) {
      const [x, y] = from.map((i) => values[i % values.length]);
      const made = operations[op](x, y, drawFrom(seed));
      if (made && made.size <= maxSize) values.push(after(made, seed));
    }
    return values.slice(-3);
  };

const specials = [
  0,
  -0,
  1,
  -1,
  0.5,
  -2.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  1e-3,
  3e4,
  -1e10,
];

/** The values of an input: special ones among small whole and broken numbers. */
export function tensorFor({ shape, dtype, seed }: Input): HostTensor {
  const random = randomNumbers(seed);
  const { min, max } = rangeOf(dtype);
  return tensorOf(shape, dtype, () => {
    const kind = random();
    if (dtype === "bool") return kind < 0.5 ? 0 : 1;
    if (!isFloat(dtype)) return kind < 0.2 ? (kind < 0.1 ? min : max) : Math.max(min, Math.floor(random() * 40 - 20));
    if (kind < 0.2) return specials[Math.floor(random() * specials.length)];
    return kind < 0.6 ? Math.floor(random() * 21 - 10) : random() * 20 - 10;
  });
}

const dimension = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(1, 2, 3, 4, 5, 7) },
  { weight: 1, arbitrary: fc.constant(0) },
);
export const shapes = fc.array(dimension, { maxLength: 3 });
export const seeds = fc.nat({ max: 2 ** 31 - 1 });

export interface ChainOptions {
  readonly dtypes?: readonly DType[];
  readonly maxSteps?: number;
  /** Of inputs. */
  readonly shape?: fc.Arbitrary<readonly number[]>;
}

export const chains = (
  ops: readonly string[],
  { dtypes = dtypeNames, maxSteps = 8, shape = shapes }: ChainOptions = {},
): fc.Arbitrary<Chain> =>
  fc.record({
    inputs: fc.array(fc.record({ shape, dtype: fc.constantFrom(...dtypes), seed: seeds }), {
      minLength: 1,
      maxLength: 3,
    }),
    steps: fc.array(fc.record({ op: fc.constantFrom(...ops), from: fc.tuple(fc.nat(20), fc.nat(20)), seed: seeds }), {
      minLength: 1,
      maxLength: maxSteps,
    }),
  });
