import { test } from "uvu";
import * as assert from "uvu/assert";
import { canonicalAxes, sizeOf } from "../../packages/jaxscale/src/base/shapes.ts";
import { type HostTensor, hostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import { shapedArray } from "../../packages/jaxscale/src/jaxpr/ir.ts";
import { argmax, argmin } from "../../packages/jaxscale/src/primitives/arg-reduction.ts";
import { cumlogsumexp, cummax, cummin, cumprod, cumsum } from "../../packages/jaxscale/src/primitives/cumulative.ts";
import {
  reduceAnd,
  reduceMax,
  reduceMin,
  reduceOr,
  reduceProd,
  reduceSum,
  reduceXor,
} from "../../packages/jaxscale/src/primitives/reduction.ts";
import { checkAgainstGolden, type Mapping } from "./golden-checks.ts";
import { evaluate, rulesOf, tensor } from "./samples/sample.ts";

type Named = { readonly name: string };

/** A jnp reduction is the primitive where it neither converts nor starts from a given value. */
const reduces =
  (primitive: Named): Mapping =>
  ({ params: p }, [x], [out]) =>
    x.dtype === out.dtype && p.initial === undefined
      ? { primitive, params: { axes: canonicalAxes("test", p.axis as number | null, x.shape.length) } }
      : undefined;

const flat = (x: HostTensor): HostTensor => hostTensor([sizeOf(x.shape)], x.dtype, x.values);
const locates =
  (primitive: Named): Mapping =>
  ({ params: p }, [x], [out]) =>
    p.axis === null || p.axis === undefined
      ? { primitive, params: { axes: [0], indexDtype: out.dtype }, inputs: [flat(x)] }
      : { primitive, params: { axes: canonicalAxes("test", p.axis as number, x.shape.length), indexDtype: out.dtype } };
const scans =
  (primitive: Named): Mapping =>
  ({ params: p }, [x]) => ({
    primitive,
    params: { axis: canonicalAxes("test", (p.axis as number) ?? 0, x.shape.length)[0], reverse: p.reverse ?? false },
  });

checkAgainstGolden("reduce", {
  "jnp.sum": reduces(reduceSum),
  "jnp.prod": reduces(reduceProd),
  "jnp.max": reduces(reduceMax),
  "jnp.min": reduces(reduceMin),
  "jnp.any": reduces(reduceOr),
  "jnp.all": reduces(reduceAnd),
  "jnp.argmax": locates(argmax),
  "jnp.argmin": locates(argmin),
  "lax.argmax": locates(argmax),
  "lax.cumsum": scans(cumsum),
  "lax.cumprod": scans(cumprod),
  "lax.cummax": scans(cummax),
  "lax.cummin": scans(cummin),
  "lax.cumlogsumexp": scans(cumlogsumexp),
});

const valuesOf = (primitive: Named, input: HostTensor, axes: number[]): number[] => [
  ...evaluate(rulesOf({ primitive }), [input], { axes })[0].values,
];

test("a reduction over nothing is its neutral element, as in lax", () => {
  const none = hostTensor([2, 0], "float32");
  assert.equal(valuesOf(reduceSum, none, [1]), [0, 0]);
  assert.equal(valuesOf(reduceProd, none, [1]), [1, 1]);
  assert.equal(valuesOf(reduceMax, none, [1]), [-Infinity, -Infinity]);
  assert.equal(valuesOf(reduceMin, hostTensor([2, 0], "int8"), [1]), [127, 127]);
  assert.equal(valuesOf(reduceAnd, hostTensor([2, 0], "uint8"), [1]), [255, 255]);
  assert.equal(valuesOf(reduceAnd, hostTensor([1, 0], "bool"), [1]), [1]);
  assert.equal(valuesOf(reduceXor, hostTensor([1, 0], "int32"), [1]), [0]);
});

test("integer sums and products wrap to the dtype", () => {
  assert.equal(valuesOf(reduceSum, tensor("int8", [3], [100, 100, 100]), [0]), [44]);
  assert.equal(valuesOf(reduceSum, tensor("uint32", [2], [2 ** 32 - 1, 2]), [0]), [1]);
  assert.equal(valuesOf(reduceProd, tensor("int32", [2], [65537, 65537]), [0]), [131073]);
});

test("argmax finds the first NaN, else the first extreme; zeros of both signs tie", () => {
  const at = (primitive: Named, ...values: number[]): number =>
    evaluate(rulesOf({ primitive }), [tensor("float32", [values.length], values)], {
      axes: [0],
      indexDtype: "int32",
    })[0].values[0];
  assert.is(at(argmax, 1, Number.NaN, 3, Number.NaN), 1);
  assert.is(at(argmin, 1, Number.NaN, -3), 1);
  assert.is(at(argmax, -0, 0), 0);
  assert.is(at(argmax, -Infinity, -Infinity), 0);
});

test("errors name the op, the rule and what it got", () => {
  const bools = shapedArray([2], "bool");
  const floats = shapedArray([2, 0], "float32");
  const located = { axes: [1], indexDtype: "int32" as const };
  assert.throws(
    () => reduceSum.abstractEval([bools], { axes: [0] }),
    /^reduce_sum: the operand must hold numbers; got bool\[2\]$/,
  );
  assert.throws(
    () => reduceAnd.abstractEval([floats], { axes: [0] }),
    /reduce_and: the operand must hold integers or bools; got float32\[2,0\]/,
  );
  assert.throws(
    () => reduceMax.abstractEval([floats], { axes: [2] }),
    /axes must be distinct axes in \[0, 2\); got \(2,\) for float32\[2,0\]/,
  );
  assert.throws(
    () => argmax.abstractEval([floats], located),
    /argmax: the reduced axis must not be empty; got float32\[2,0\] axis 1 = 0/,
  );
  assert.throws(
    () => argmin.abstractEval([bools], { axes: [0], indexDtype: "float32" }),
    /index_dtype must be an integer; got float32/,
  );
  assert.throws(
    () => cumsum.abstractEval([bools], { axis: 0, reverse: false }),
    /cumsum: the operand must hold numbers/,
  );
  assert.throws(
    () => cumlogsumexp.abstractEval([shapedArray([2], "int32")], { axis: 0, reverse: false }),
    /must hold floats; got int32\[2\]/,
  );
  assert.throws(() => cummax.abstractEval([floats], { axis: 2, reverse: false }), /axis must be in \[0, 2\); got 2/);
});

test("params print as in JAX", () => {
  const x = [shapedArray([2, 3], "float32")];
  assert.equal(reduceSum.printParams({ axes: [0, 1] }, x), { axes: "(0, 1)", out_sharding: "None" });
  assert.equal(reduceMax.printParams({ axes: [1] }, x), { axes: "(1,)" });
  assert.equal(argmax.printParams({ axes: [1], indexDtype: "int32" }, x), { axes: "(1,)", index_dtype: "int32" });
  assert.equal(cumsum.printParams({ axis: 0, reverse: false }, x), { axis: "0", reverse: "False" });
});

test.run();
