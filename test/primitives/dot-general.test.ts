import { test } from "uvu";
import * as assert from "uvu/assert";
import type { DType } from "../../packages/jaxscale/src/base/dtypes.ts";
import { type ShapedArray, shapedArray } from "../../packages/jaxscale/src/jaxpr/ir.ts";
import { type DotGeneralParams, dotGeneral } from "../../packages/jaxscale/src/primitives/dot-general.ts";
import { checkAgainstGolden } from "./golden-checks.ts";

checkAgainstGolden("dot", {
  "lax.dot_general": ({ params: p }) => ({
    primitive: dotGeneral,
    params: { dimensionNumbers: p.dimension_numbers, preferredElementType: p.preferred_element_type ?? null },
  }),
});

const plain: DotGeneralParams = {
  dimensionNumbers: [
    [[1], [0]],
    [[], []],
  ],
  preferredElementType: null,
};
const typeOf = (lhs: ShapedArray, rhs: ShapedArray, params: Partial<DotGeneralParams> = {}): ShapedArray =>
  dotGeneral.abstractEval([lhs, rhs], { ...plain, ...params })[0];
const matrix = (rows: number, columns: number, dtype: DType = "float32"): ShapedArray =>
  shapedArray([rows, columns], dtype);

test("errors name the op, the rule and what it got", () => {
  assert.throws(
    () => typeOf(matrix(4, 8), matrix(9, 3)),
    /^dot_general: contracting sizes differ; lhs float32\[4,8\] axis 1 = 8, rhs float32\[9,3\] axis 0 = 9$/,
  );
  assert.throws(
    () =>
      typeOf(matrix(4, 8), matrix(5, 8), {
        dimensionNumbers: [
          [[1], [1]],
          [[0], [0]],
        ],
      }),
    /dot_general: batch sizes differ; lhs float32\[4,8\] axis 0 = 4, rhs float32\[5,8\] axis 0 = 5/,
  );
  assert.throws(
    () =>
      typeOf(matrix(4, 8), matrix(8, 3), {
        dimensionNumbers: [
          [[2], [0]],
          [[], []],
        ],
      }),
    /axes in \[0, 2\); got contracting \[2\]/,
  );
  assert.throws(
    () =>
      typeOf(matrix(4, 8), matrix(8, 3), {
        dimensionNumbers: [
          [[1], []],
          [[], []],
        ],
      }),
    /as many contracting axes/,
  );
  assert.throws(
    () => typeOf(matrix(4, 8, "int32"), matrix(8, 3, "int32"), { preferredElementType: "int8" }),
    /preferred_element_type must hold what the operands' type int32 holds; got int8/,
  );
});

// Results of jax.lax.dot_general, observed.
test("operands of two types give the more precise one, as in JAX", () => {
  const type = (l: DType, r: DType, preferredElementType: DType | null = null): DType =>
    typeOf(matrix(2, 3, l), matrix(3, 4, r), { preferredElementType }).dtype;
  assert.is(type("bfloat16", "float32"), "float32");
  assert.is(type("bfloat16", "float16"), "bfloat16");
  assert.is(type("int8", "float32"), "float32");
  assert.is(type("int8", "int32"), "int32");
  assert.is(type("int8", "uint8"), "int8");
  assert.is(type("uint8", "uint8", "int32"), "int32");
  assert.is(type("bool", "bool", "int32"), "int32");
  assert.is(type("int8", "int8", "float32"), "float32");
});

test("the result is weakly typed only if both operands are", () => {
  const weak = shapedArray([2, 2], "float32", true);
  assert.ok(typeOf(weak, weak).weakType);
  assert.not.ok(typeOf(weak, matrix(2, 2)).weakType);
});

test("params print as in JAX", () => {
  const x = [matrix(2, 3), matrix(3, 4)];
  const dimensionNumbers = plain.dimensionNumbers;
  assert.equal(dotGeneral.printParams({ dimensionNumbers, preferredElementType: "float32" }, x), {
    dimension_numbers: "(([1], [0]), ([], []))",
    preferred_element_type: "float32",
  });
  assert.equal(dotGeneral.printParams(plain, x), { dimension_numbers: "(([1], [0]), ([], []))" });
});

test("cost counts two operations a product", () => {
  const inputs = [matrix(4, 8), matrix(8, 3)];
  assert.equal(dotGeneral.cost({ params: plain, inputs, outputs: [matrix(4, 3)] }), {
    flops: 2 * 4 * 8 * 3,
    transcendentals: 0,
  });
});

test.run();
