import { test } from "uvu";
import * as assert from "uvu/assert";
import { type DType, dtypeNames } from "../../packages/jaxscale/src/base/dtypes.ts";
import { DTypeError, ShapeError } from "../../packages/jaxscale/src/base/errors.ts";
import { digamma, erf, erfc, erfInv, lgamma } from "../../packages/jaxscale/src/base/special-functions.ts";
import type { HostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import { type Params, type ShapedArray, shapedArray } from "../../packages/jaxscale/src/jaxpr/ir.ts";
import { primitiveNamed } from "../../packages/jaxscale/src/primitives/primitive.ts";
import { difference } from "../conformance/compare.ts";
import { callOf, elementwiseFamilies, flushDenormals, laxCases, operandsOf } from "./elementwise-cases.ts";
import { evaluate as evaluateAll, loadSamples, tensor } from "./samples/sample.ts";

await loadSamples();

const evaluate = (name: string, inputs: readonly HostTensor[], params: Params = {}): HostTensor =>
  evaluateAll(primitiveNamed(name), inputs, params)[0];

for (const family of elementwiseFamilies)
  test(`references of ${family.name} ops agree with JAX`, () => {
    const wrong = laxCases(family).flatMap((golden) => {
      const problemWith = (operands: readonly HostTensor[]) => {
        const { name, inputs, params } = callOf(golden, operands);
        return difference(evaluate(name, inputs, params), family.tensor(golden.outputs[0]), golden);
      };
      const operands = operandsOf(family, golden);
      let problem = problemWith(operands);
      // Where JAX flushed a denormal operand, so may this test.
      if (problem && golden.tags?.includes("denormal")) problem = problemWith(operands.map(flushDenormals));
      return problem ? [`${golden.name}: ${problem}`] : [];
    });
    assert.equal(wrong, []);
  });

const typeOf = (name: string, inputs: readonly ShapedArray[], params: Params = {}): ShapedArray =>
  primitiveNamed(name).abstractEval(inputs, params)[0];
const f32 = (...shape: number[]) => shapedArray(shape, "float32");
const i32 = (...shape: number[]) => shapedArray(shape, "int32");

test("a scalar and an axis of size 1 stretch along the other operand", () => {
  const column = tensor("float32", [2, 1], [10, 20]);
  const row = tensor("float32", [1, 3], [1, 2, 3]);
  assert.equal([...evaluate("add", [column, row]).values], [11, 12, 13, 21, 22, 23]);
  assert.equal([...evaluate("mul", [tensor("float32", [], [2]), row]).values], [2, 4, 6]);
  assert.equal(typeOf("add", [f32(0, 3), f32(1, 3)]).shape, [0, 3]);
  assert.equal(typeOf("add", [f32(), f32()]).shape, []);
});

test("operands of different dtypes, ranks or sizes are errors that name both", () => {
  assert.throws(
    () => typeOf("add", [f32(2, 3), i32(3)]),
    (e: unknown) =>
      e instanceof DTypeError && e.message === "add: operands must have equal dtypes; got float32[2,3] and int32[3]",
  );
  assert.throws(
    () => typeOf("add", [f32(2, 3), f32(3)]),
    (e: unknown) =>
      e instanceof ShapeError &&
      e.message === "add: operands must have equal ranks or be scalars; got float32[2,3] and float32[3]",
  );
  assert.throws(
    () => typeOf("mul", [f32(2, 3), f32(2, 4)]),
    /mul: operands must have equal sizes, or size 1, along axis 1; got float32\[2,3\] and float32\[2,4\]/,
  );
  assert.throws(
    () => typeOf("sin", [i32(3)]),
    /sin: dtype must be one of float32, float16, bfloat16, float8_e4m3fn; got int32\[3\]/,
  );
  assert.throws(() => typeOf("add", [shapedArray([2], "bool"), shapedArray([2], "bool")]), /add: dtype must be one of/);
  assert.throws(() => typeOf("integer_pow", [i32(2)], { y: -1 }), /integers cannot be raised to negative powers/);
  assert.throws(() => typeOf("clamp", [f32(1), f32(3), f32()]), /clamp: bounds must be scalars/);
  assert.throws(
    () => typeOf("select_n", [shapedArray([1], "bool"), f32(3), f32(3)]),
    /select_n: which must be a scalar/,
  );
  assert.throws(
    () => typeOf("select_n", [shapedArray([], "bool"), f32(3), f32(3), f32(3)]),
    /select_n: a bool chooses/,
  );
  assert.throws(
    () => typeOf("bitcast_convert_type", [shapedArray([3], "uint8")], { newDtype: "float32" }),
    /last axis must have size 4/,
  );
});

test("a result is weakly typed only if every operand is", () => {
  const weak = shapedArray([], "float32", true);
  assert.ok(typeOf("mul", [weak, weak]).weakType);
  assert.not(typeOf("mul", [weak, f32(2)]).weakType);
  assert.ok(typeOf("convert_element_type", [f32()], { newDtype: "int32", weakType: true }).weakType);
  assert.not(typeOf("bitcast_convert_type", [weak], { newDtype: "int32" }).weakType);
});

test("parameters print under JAX's names", () => {
  const print = (name: string, params: Params) => primitiveNamed(name).printParams(params, [f32()]);
  assert.equal(print("convert_element_type", { newDtype: "bfloat16", weakType: false }), {
    new_dtype: "bfloat16",
    weak_type: "False",
  });
  assert.equal(print("integer_pow", { y: -2 }), { y: "-2" });
  assert.equal(print("round", { roundingMethod: 1 }), { rounding_method: "1" });
  assert.equal(print("reduce_precision", { exponentBits: 8, mantissaBits: 7 }), {
    exponent_bits: "8",
    mantissa_bits: "7",
  });
});

test("every axis is a parallel factor, but for an operand's axes of size 1", () => {
  const inputs = [f32(2, 1), f32(2, 3), f32()];
  const rule = primitiveNamed("add").sharding({ params: {}, inputs, outputs: [f32(2, 3)] });
  assert.equal(rule.operands, [[["d0"], []], [["d0"], ["d1"]], []]);
  assert.equal(rule.results, [[["d0"], ["d1"]]]);
  assert.equal(rule.factors, { d0: { size: 2, kind: "parallel" }, d1: { size: 3, kind: "parallel" } });
});

test("select_n takes the nearest case for an index out of range", () => {
  const which = tensor("int32", [5], [-3, 0, 1, 2, 9]);
  const cases = [10, 20, 30].map((x) => tensor("int32", [5], Array(5).fill(x)));
  assert.equal([...evaluate("select_n", [which, ...cases]).values], [10, 10, 20, 30, 30]);
});

test("a logical shift and the counts of bits work within the dtype's width", () => {
  const x = tensor("int8", [1], [-128]);
  assert.equal([...evaluate("shift_right_logical", [x, tensor("int8", [1], [3])]).values], [16]);
  assert.equal([...evaluate("shift_right_arithmetic", [x, tensor("int8", [1], [8])]).values], [-1]);
  assert.equal([...evaluate("population_count", [x]).values], [1]);
  assert.equal([...evaluate("clz", [tensor("uint16", [1], [1])]).values], [15]);
});

test("a bitcast to other widths and back is the identity", () => {
  const wide = tensor("uint32", [2], [0x01020384, 0xfffefdfc]);
  for (const newDtype of ["int8", "uint16", "bfloat16"] as DType[]) {
    const parts = evaluate("bitcast_convert_type", [wide], { newDtype });
    assert.equal([...evaluate("bitcast_convert_type", [parts], { newDtype: "uint32" }).values], [...wide.values]);
  }
});

test("identity ops take every dtype", () => {
  for (const dtype of dtypeNames) assert.equal(typeOf("stop_gradient", [shapedArray([2], dtype)]).dtype, dtype);
});

// Values of DLMF and of closed forms.
test("special functions meet their identities in double precision", () => {
  const near = (got: number, want: number) =>
    assert.ok(Math.abs(got - want) <= 4e-15 * Math.max(1, Math.abs(want)), `${got} is not ${want}`);
  near(erf(1), 0.8427007929497149);
  near(erf(-2.6), -0.9997639655834707);
  near(erfc(5) / 1.5374597944280349e-12, 1);
  for (const x of [0.01, 0.3, 0.5, 1, 2, 3, 4]) near(erf(x) + erfc(x), 1);
  for (const y of [1e-30, 0.01, 0.3, 0.5, 0.9, 0.9999, 1 - 2 ** -24]) near(erf(erfInv(y)) / y, 1);
  near(lgamma(0.5), Math.log(Math.PI) / 2);
  near(lgamma(21), Math.log(2432902008176640000));
  near(lgamma(-0.5), Math.log(2 * Math.sqrt(Math.PI)));
  near(digamma(1), -0.5772156649015329);
  near(digamma(0.25), -0.5772156649015329 - Math.PI / 2 - 3 * Math.LN2);
  for (const x of [-3.3, -0.2, 0.7, 5.5]) near(digamma(x + 1), digamma(x) + 1 / x);
});

test.run();
