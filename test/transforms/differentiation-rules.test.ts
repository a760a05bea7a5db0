import { test } from "uvu";
import * as assert from "uvu/assert";
import { isFloat } from "../../packages/jaxscale/src/base/dtypes.ts";
import type { HostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import { newVar } from "../../packages/jaxscale/src/jaxpr/ir.ts";
import { primitiveNamed } from "../../packages/jaxscale/src/primitives/primitive.ts";
import type { Array as TracedArray } from "../../packages/jaxscale/src/trace/array.ts";
import { bind } from "../../packages/jaxscale/src/trace/trace.ts";
import { backwardPass } from "../../packages/jaxscale/src/transforms/backward-pass.ts";
import { jvpOf, linearizeOf } from "../../packages/jaxscale/src/transforms/differentiate.ts";
import { ops } from "../../packages/jaxscale/src/transforms/jaxpr-transforms.ts";
import { describe, loadSamples, rulesOf, type Sample, scattered } from "../primitives/samples/sample.ts";
import { apply, arrayOf, floats, isSingle, moved, valuesOf } from "./sample-calls.ts";

/** A derivative by agreement, which is not that of the op's values. */
const conventional = new Set(["stop_gradient", "reduce_precision"]);
const samples = (await loadSamples()).filter((sample) => isSingle(sample) && !conventional.has(sample.primitive.name));
const hasDerivative = (sample: Sample): boolean => {
  const { jvp, differentiate, linearize } = rulesOf(sample);
  return Boolean(jvp ?? differentiate ?? linearize);
};

/** As in JAX, or because it is left to what the op is made of. */
const without: Readonly<Record<string, string>> = {
  conv_patches: "made when a convolution is lowered, after transformations",
  nextafter: "JAX has none",
  pmax: "JAX has none",
  pmin: "JAX has none",
};

const returnsFloats = (sample: Sample): boolean =>
  apply(sample, sample.inputs.map(arrayOf)).some((x) => isFloat(x.dtype));

test("an op that takes and gives floats has a derivative, or is named as having none", () => {
  const lacking = samples.filter((sample) => !hasDerivative(sample) && returnsFloats(sample));
  assert.equal(
    [...new Set(lacking.map(({ primitive }) => primitive.name))].filter((name) => !(name in without)),
    [],
  );
});

const tangentsOf = (sample: Sample, chosen: readonly boolean[], seed: number): readonly (HostTensor | null)[] =>
  sample.inputs.map(({ shape }, i) => (chosen[i] ? scattered("float32", shape, seed + i) : null));

/** scatter-mul has no derivative in updates that may meet, and says so. */
const isRefused = ({ primitive, params }: Sample, chosen: readonly boolean[]): boolean =>
  primitive.name === "scatter-mul" && !params.uniqueIndices && chosen[2];

/** Every operand alone, and all together. */
function choices(sample: Sample): readonly (readonly boolean[])[] {
  const all = floats(sample);
  return combinations(all).filter((chosen) => !isRefused(sample, chosen));
}

function combinations(all: readonly boolean[]): readonly (readonly boolean[])[] {
  const one = all.flatMap((float, i) => (float ? [all.map((_, j) => i === j)] : []));
  return one.length === 1 ? one : [all, ...one];
}

interface Slopes {
  /** d/dh of the results at operands `x + h · t`, in fourth order. */
  readonly central: readonly number[][];
  /** How much the slopes on both sides differ: at a kink, a lot. */
  readonly bend: readonly number[][];
}

function differences(sample: Sample, tangents: readonly (HostTensor | null)[], h: number): Slopes {
  const at = (k: number): readonly (readonly number[])[] =>
    apply(
      sample,
      sample.inputs.map((x, i) => {
        const t = tangents[i];
        return arrayOf(t ? moved(x, t, k * h) : x);
      }),
    ).map(valuesOf);
  const [a, b, middle, c, d] = [-2, -1, 0, 1, 2].map(at);
  const each = (f: (o: number, i: number) => number): number[][] => a.map((row, o) => row.map((_, i) => f(o, i)));
  return {
    central: each((o, i) => (8 * (c[o][i] - b[o][i]) - (d[o][i] - a[o][i])) / (12 * h)),
    bend: each((o, i) => (c[o][i] + b[o][i] - 2 * middle[o][i]) / h),
  };
}

const near = (x: number, y: number, scale: number, tolerance: number): boolean =>
  Math.abs(x - y) <= tolerance * (scale + Math.abs(y));

let compared = 0;
for (const sample of samples.filter(hasDerivative)) {
  const check = (chosen: readonly boolean[]): void => {
    const tangents = tangentsOf(sample, chosen, 11);
    const [coarse, fine] = [differences(sample, tangents, 2 ** -5), differences(sample, tangents, 2 ** -6)];
    const { results, tangents: found } = jvpOf(
      (xs) => ({ results: apply(sample, xs), aux: [] }),
      sample.inputs.map(arrayOf),
      tangents.map((t) => t && arrayOf(t)),
    );
    results.forEach((result, o) => {
      if (!isFloat(result.dtype)) return assert.is(found[o], null);
      const tangent = found[o] ? valuesOf(found[o] as TracedArray) : fine.central[o].map(() => 0);
      const scale = Math.max(1, ...valuesOf(result).filter(Number.isFinite).map(Math.abs));
      tangent.forEach((got, i) => {
        // At a kink, a jump or a pole the differences do not settle.
        const want = fine.central[o][i];
        if (!near(coarse.central[o][i], want, scale, 2e-4) || !near(fine.bend[o][i], 0, scale, 0.1)) return;
        compared++;
        assert.ok(near(got, want, scale, 2e-3), `result ${o} at ${i}: got ${got}, differences say ${want}`);
      });
    });
  };
  test(`the tangent is what differences say: ${describe(sample)}`, () => choices(sample).forEach(check));
}

test("differences settle at most places", () => {
  assert.ok(compared > 5000, `${compared} places`);
});

const dot = (xs: readonly (TracedArray | null)[], ys: readonly (TracedArray | null)[]): number => {
  let total = 0;
  xs.forEach((x, i) => {
    const y = ys[i];
    if (!x || !y) return;
    const [a, b] = [valuesOf(x), valuesOf(y)];
    for (let k = 0; k < a.length; k++) total += a[k] * b[k];
  });
  return total;
};

/** Derivatives that are not finite somewhere prove nothing. */
const allFinite = (xs: readonly (TracedArray | null)[]): boolean =>
  xs.every((x) => x === null || valuesOf(x).every(Number.isFinite));

/** A promise that indices are in bounds, which some samples break: a gather clamps then, and its transpose drops. */
const keepsPromise = ({ params }: Sample): boolean => params.mode !== "PROMISE_IN_BOUNDS";

for (const sample of samples.filter((s) => hasDerivative(s) && keepsPromise(s))) {
  const check = (chosen: readonly boolean[]): void => {
    // What is not chosen is a constant of the function.
    const fixed = sample.inputs.map(arrayOf);
    const free = fixed.filter((_, i) => chosen[i]);
    const run = (xs: readonly TracedArray[]): readonly TracedArray[] => {
      const given = [...xs];
      return apply(
        sample,
        fixed.map((x, i) => (chosen[i] ? (given.shift() as TracedArray) : x)),
      );
    };
    const { results, pushForward, pullBack } = linearizeOf((xs) => ({ results: run(xs), aux: [] }), free);
    const v = free.map((x, i) => arrayOf(scattered("float32", x.shape, 21 + i)));
    const ct = results.map((x, i) => (isFloat(x.dtype) ? arrayOf(scattered("float32", x.shape, 31 + i)) : null));
    const [pushed, pulled] = [pushForward(v), pullBack(ct)];
    if (!allFinite(pushed) || !allFinite(pulled)) return;
    const [left, right] = [dot(ct, pushed), dot(pulled, v)];
    const scale = Math.sqrt(dot(ct, ct) * dot(pushed, pushed)) + Math.sqrt(dot(pulled, pulled) * dot(v, v));
    assert.ok(Math.abs(left - right) <= 1e-4 * (1 + scale), `got ${right}, wanted ${left}`);
  };
  test(`pulling back is the transpose of pushing forward: ${describe(sample)}`, () => choices(sample).forEach(check));
}

const message = (f: () => unknown): string => {
  try {
    f();
  } catch (error) {
    return String(error);
  }
  return "nothing thrown";
};

test("an op without a rule says so by its name", () => {
  const x = arrayOf(scattered("float32", [3]));
  const next = (xs: readonly TracedArray[]) => ({
    results: bind(primitiveNamed("nextafter"), [xs[0], x], {}),
    aux: [],
  });
  assert.is(
    message(() => jvpOf(next, [x], [x])),
    "TypeError: nextafter: no differentiation rule",
  );
  const sine = { constvars: [], invars: [newVar(x.aval)], outvars: [newVar(x.aval)] };
  const eqns = [
    {
      primitive: primitiveNamed("sin"),
      inputs: sine.invars,
      outputs: sine.outvars,
      params: {},
      source: { scope: "" },
    },
  ];
  assert.is(
    message(() => backwardPass(ops, { jaxpr: { ...sine, eqns }, consts: [] }, [null], [x])),
    "TypeError: sin: no transpose rule",
  );
});

test("scatter-mul refuses updates that may meet", () => {
  const sample = samples.find((s) => s.primitive.name === "scatter-mul") as Sample;
  const tangents = tangentsOf(sample, [false, false, true], 1).map((t) => t && arrayOf(t));
  assert.match(
    message(() => jvpOf((xs) => ({ results: apply(sample, xs), aux: [] }), sample.inputs.map(arrayOf), tangents)),
    /scatter-mul: no differentiation rule for updates unless uniqueIndices is promised/,
  );
});

test.run();
