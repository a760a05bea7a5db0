/** Inclusive prefix folds along one axis. */

import { sizeOf, stridesOf } from "../base/shapes.ts";
import { type HostTensor, hostTensor } from "../base/tensor-data.ts";
import { checkAxis } from "./axes.ts";
import {
  batchCumulative,
  type CumulativeRules,
  cumsumRules,
  extremeSlopes,
  logAddExpOf,
  logAddExpSlopes,
  productSlopes,
  scanJvp,
} from "./cumulative-rules.ts";
import { newFactors } from "./factors.ts";
import { checkAccepts, initialValue, logAddExp, type Monoid, max, min, product, sum } from "./monoids.ts";
import { definePrimitive, type PrimitiveRules } from "./primitive.ts";
import { bool } from "./python-text.ts";

export type CumulativeParams = {
  readonly axis: number;
  /** From the last element to the first. */
  readonly reverse: boolean;
};

function scan(x: HostTensor, { axis, reverse }: CumulativeParams, monoid: Monoid): HostTensor {
  const out = hostTensor(x.shape, x.dtype);
  const combine = monoid.combine(x.dtype);
  const length = x.shape[axis];
  const stride = stridesOf(x.shape)[axis];
  const lines = length === 0 ? 0 : sizeOf(x.shape) / length;
  for (let line = 0; line < lines; line++) {
    const start = Math.floor(line / stride) * stride * length + (line % stride);
    let sofar = monoid.initial(x.dtype);
    for (let i = 0; i < length; i++) {
      const at = start + (reverse ? length - 1 - i : i) * stride;
      sofar = combine(sofar, x.values[at]);
      out.values[at] = sofar;
    }
  }
  return out;
}

function defineCumulative(name: string, given: Monoid, rules: CumulativeRules): PrimitiveRules<CumulativeParams> {
  const monoid: Monoid = {
    ...given,
    accepts: (dtype) => dtype !== "bool" && given.accepts(dtype),
    acceptable: given === logAddExp ? "floats" : "numbers",
  };
  return definePrimitive<CumulativeParams>(name, {
    batch: batchCumulative(name),
    ...rules,
    abstractEval: ([x], { axis }) => {
      checkAccepts(name, monoid, x);
      checkAxis(name, "axis", axis, x);
      return [x];
    },
    reference: ([x], params) => [scan(x, params, monoid)],
    lowering: {
      kind: "scan",
      axis: ({ params }) => params.axis,
      reverse: ({ params }) => params.reverse,
      initial: (k, { inputs: [x] }) => initialValue(k, monoid, x.dtype),
      combine: (k, left, right, { inputs: [x] }) => monoid.kernel(k, left, right, x.dtype),
    },
    sharding: ({ inputs: [x], params }) => {
      const f = newFactors();
      const dims = x.shape.map((size, axis) => (axis === params.axis ? f.replicated(size) : f.parallel(size)));
      return f.rule([dims], [dims]);
    },
    cost: ({ inputs: [x] }) => ({
      flops: monoid.flops * sizeOf(x.shape),
      transcendentals: monoid.transcendentals * sizeOf(x.shape),
    }),
    exact: monoid.exact,
    printParams: ({ axis, reverse }) => ({ axis: String(axis), reverse: bool(reverse) }),
  });
}

/** Running sums; accumulates in f32 or 32-bit integers. */
export const cumsum = defineCumulative("cumsum", sum, cumsumRules);
/** Running products. */
export const cumprod = defineCumulative("cumprod", product, {
  jvp: scanJvp(({ mul }, a, b) => mul(a, b), productSlopes),
});
/** Running maxima; NaN from the first NaN on. */
export const cummax = defineCumulative("cummax", max, { jvp: scanJvp((ops, a, b) => ops.max(a, b), extremeSlopes) });
/** Running minima; NaN from the first NaN on. */
export const cummin = defineCumulative("cummin", min, { jvp: scanJvp((ops, a, b) => ops.min(a, b), extremeSlopes) });
/** Running `log(Σ exp x)`, of floats. */
export const cumlogsumexp = defineCumulative("cumlogsumexp", logAddExp, { jvp: scanJvp(logAddExpOf, logAddExpSlopes) });
