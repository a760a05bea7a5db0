/** `convert_element_type`: the value in another dtype. */
import { computeType, type DType, isBool, isFloat, rangeOf } from "../base/dtypes.ts";
import { floatToInt, intToFloat } from "../kernel/float.ts";
import { constantLike, defineNary } from "./define-elementwise.ts";

export type ConvertElementTypeParams = {
  readonly newDtype: DType;
  readonly weakType: boolean;
};

/**
 * The value nearest in another dtype. Floats round to nearest even; float to integer truncates and saturates, NaN gives 0;
 * integers wrap; what is not 0 is true.
 */
export const convertElementType = defineNary<ConvertElementTypeParams>("convert_element_type", {
  resultType: (_, { newDtype, weakType }) => ({ dtype: newDtype, weakType }),
  printParams: ({ newDtype, weakType }) => ({
    new_dtype: newDtype,
    weak_type: weakType ? "True" : "False",
  }),
  flops: () => 0,
  identity: () => true,
  jvp: ({ bind1 }, _, [dx], __, params) =>
    dx && isFloat(params.newDtype) ? bind1("convert_element_type", [dx], params) : null,
  transpose: ({ bind1 }, [ct], _, { inputs: [{ dtype, weakType }] }) => [
    ct && bind1("convert_element_type", [ct], { newDtype: dtype, weakType }),
  ],
  reference: ([x], { dtype, result }) => {
    if (isBool(result)) return x !== 0 ? 1 : 0;
    if (!isFloat(dtype) || isFloat(result)) return x;
    const { min, max } = rangeOf(result);
    return Number.isNaN(x) ? 0 : Math.min(Math.max(Math.trunc(x), min), max);
  },
  kernel: (k, [x], { result }) => {
    if (x.type === "f32") return isFloat(result) ? x : floatToInt(k, result, x);
    if (isBool(result)) return x.type === "bool" ? x : k.ne(x, constantLike(k, x, 0));
    return isFloat(result) ? intToFloat(k, x) : k.cast(computeType(result), x);
  },
});
