import type { DType } from "../../../packages/jaxscale/src/base/dtypes.ts";
import { type Sample, scattered, tensor } from "./sample.ts";

const shape = [4, 6];
const of = (name: string, inputs: Sample["inputs"], params: Sample["params"] = {}): Sample => ({
  primitive: { name },
  inputs,
  params,
});
const names = (text: string): readonly string[] => text.trim().split(/\s+/);

const unary = (dtype: DType) => (name: string) => of(name, [scattered(dtype, shape)]);
/** Equal shapes, a scalar, and an axis of size 1. */
const binary = (dtype: DType) => (name: string) => [
  of(name, [scattered(dtype, shape), scattered(dtype, shape, 2)]),
  of(name, [scattered(dtype, shape), scattered(dtype, [], 3)]),
  of(name, [scattered(dtype, [4, 1]), scattered(dtype, [1, 6], 2)]),
];

const ofFloats = names(`
  neg sign abs floor ceil is_finite square stop_gradient copy exp exp2 expm1 log log1p logistic sqrt rsqrt cbrt
  sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh erf erfc erf_inv lgamma digamma
`);
const ofFloatPairs = names("add add_any sub mul div rem max min pow atan2 nextafter eq ne lt le gt ge");
const ofIntegers = names("neg sign abs square not population_count clz");
const ofIntegerPairs = names(`
  add sub mul div rem max min and or xor shift_left shift_right_logical shift_right_arithmetic eq ne lt le gt ge
`);
const ofBoolPairs = names("max min and or xor eq ne lt le gt ge");

const x = scattered("float32", shape);
const choices = [1, 2, 3].map((seed) => scattered("bfloat16", shape, seed));
const low = tensor("float32", [], [-1]);
const high = tensor("float32", [], [0.5]);

export const samples: Sample[] = [
  ...ofFloats.flatMap((name) => [unary("float32")(name), unary("bfloat16")(name), unary("float16")(name)]),
  ...ofFloatPairs.flatMap((name) => [...binary("float32")(name), ...binary("float16")(name)]),
  ...ofIntegers.flatMap((name) => [unary("int32")(name), unary("int8")(name)]),
  ...ofIntegerPairs.flatMap((name) => [...binary("int32")(name), ...binary("uint8")(name), ...binary("int16")(name)]),
  ...ofBoolPairs.flatMap(binary("bool")),
  unary("bool")("not"),
  of("pow", [scattered("float32", shape), scattered("int32", shape, 2)]),
  ...[-2, 0, 3].map((y) => of("integer_pow", [x], { y })),
  of("integer_pow", [scattered("uint8", shape)], { y: 5 }),
  of("round", [x], { roundingMethod: 0 }),
  of("round", [x], { roundingMethod: 1 }),
  of("reduce_precision", [x], { exponentBits: 5, mantissaBits: 2 }),
  of("select_n", [scattered("bool", shape), ...choices.slice(0, 2)]),
  of("select_n", [scattered("bool", []), ...choices.slice(0, 2)]),
  of("select_n", [scattered("int32", shape), ...choices]),
  of("clamp", [low, x, high]),
  of("clamp", [scattered("int8", shape), scattered("int8", shape, 2), scattered("int8", shape, 3)]),
  of("convert_element_type", [x], { newDtype: "int8", weakType: false }),
  of("convert_element_type", [scattered("bool", [])], { newDtype: "bfloat16", weakType: true }),
  of("bitcast_convert_type", [x], { newDtype: "uint32" }),
  of("bitcast_convert_type", [x], { newDtype: "int16" }),
  of("bitcast_convert_type", [scattered("uint8", [6, 4])], { newDtype: "float32" }),
];
