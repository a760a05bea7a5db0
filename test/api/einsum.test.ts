import { test } from "uvu";
import * as assert from "uvu/assert";
import { contractionOrder, parseEquation } from "../../packages/jaxscale/src/api/numpy/einsum-equation.ts";
import * as jnp from "../../packages/jaxscale/src/api/numpy/index.ts";
import { forEachIndex, sizeOf, stridesOf } from "../../packages/jaxscale/src/base/shapes.ts";
import type { Array as TracedArray } from "../../packages/jaxscale/src/trace/array.ts";
import { tensorOf } from "./host-backend.ts";

const values = (x: TracedArray): number[] => [...tensorOf(x).values];

/** The definition: sums over every label that the result lacks. */
function naive(
  operands: readonly string[],
  result: string,
  sizes: Record<string, number>,
  data: readonly number[][],
): number[] {
  const labels = [...new Set([...result, ...operands.join("")])];
  const stride = (term: string, label: string): number => {
    const strides = stridesOf([...term].map((l) => sizes[l]));
    return [...term].reduce((sum, l, axis) => sum + (l === label ? strides[axis] : 0), 0);
  };
  const out = new Array<number>(sizeOf([...result].map((l) => sizes[l]))).fill(0);
  forEachIndex(
    labels.map((l) => sizes[l]),
    (index) => {
      const at = (term: string): number => labels.reduce((sum, l, i) => sum + index[i] * stride(term, l), 0);
      out[at(result)] += operands.reduce((product, term, i) => product * data[i][at(term)], 1);
    },
  );
  return out;
}

function check(equation: string, sizes: Record<string, number>): void {
  const [left, result] = equation.split("->");
  const operands = left.split(",");
  // Small whole numbers: every order of summation gives the same float.
  let seed = 1;
  const next = (): number => ((seed = (seed * 16807) % 2147483647) % 7) - 3;
  const data = operands.map((term) => Array.from({ length: sizeOf([...term].map((l) => sizes[l])) }, next));
  const arrays = operands.map((term, i) =>
    jnp.reshape(
      jnp.array(Float32Array.from(data[i])),
      [...term].map((l) => sizes[l]),
    ),
  );
  const got = jnp.einsum(equation, ...arrays);
  assert.equal(
    got.shape,
    [...result].map((l) => sizes[l]),
    equation,
  );
  assert.equal(
    values(got).map((x) => x + 0),
    naive(operands, result, sizes, data).map((x) => x + 0),
    equation,
  );
}

test("einsum sums over what the result lacks, for one to eight operands", () => {
  const sizes = { a: 2, b: 3, c: 2, d: 3, e: 2, f: 2, g: 3, h: 2 };
  for (const equation of [
    "ab->ba",
    "aa->a",
    "aab->b",
    "abc->c",
    "ab,bc->ac",
    "ab,cb->ca",
    "abc,abd->dab",
    "a,b->ba",
    "aab,bcc->ca",
    "abc,c,ab->ab",
    "ab,bc,cd->ad",
    "ab,bc,ca->",
    "abc,cd,be,ef->adf",
    "ab,bc,cd,de,ef->af",
    "ab,bc,cd,de,ef,fg->ag",
    "ab,bc,cd,de,ef,fg,gh->ah",
    "a,b,c,d,e,f,g,h->ahc",
    "ab,ab,ab,ab,ab,ab->b",
  ])
    check(equation, sizes);
});

test("axes under ... broadcast, from the last", () => {
  const x = jnp.ones([5, 1, 2, 3]);
  const y = jnp.ones([4, 3, 2]);
  assert.equal(jnp.einsum("...ij,...jk->...ik", x, y).shape, [5, 4, 2, 2]);
  assert.equal(jnp.einsum("...ij,...jk", x, y).shape, [5, 4, 2, 2]);
  assert.equal(jnp.einsum("i...->...", jnp.ones([2, 3, 4])).shape, [3, 4]);
});

test("without -> the labels that occur once remain, in alphabetical order", () => {
  assert.equal(jnp.einsum("ba", jnp.ones([2, 3])).shape, [3, 2]);
  assert.equal(jnp.einsum("ij,jk", jnp.ones([2, 3]), jnp.ones([3, 4])).shape, [2, 4]);
  assert.equal(jnp.einsum("ii", jnp.ones([3, 3])).shape, []);
});

test("the cheapest order is taken", () => {
  const order = (equation: string, ...shapes: number[][]): unknown => contractionOrder(parseEquation(equation, shapes));
  // 2·100·3 + 2·3·100 against 100·3·100 + 2·100·100 products.
  assert.equal(order("ab,bc,cd->ad", [2, 100], [100, 3], [3, 100]), [
    [0, 1],
    [0, 1],
  ]);
  assert.equal(order("ab,bc,cd->ad", [100, 3], [3, 100], [100, 2]), [
    [1, 2],
    [0, 1],
  ]);
  // The vector first, whatever the number of matrices.
  assert.equal(order("ab,bc,cd,de,ef,f->a", [9, 9], [9, 9], [9, 9], [9, 9], [9, 9], [9]), [
    [4, 5],
    [3, 4],
    [2, 3],
    [1, 2],
    [0, 1],
  ]);
});

test("dtypes promote; a preferred type holds the sum unrounded", () => {
  const x = jnp.ones([2, 300], { dtype: "bfloat16" });
  assert.is(jnp.einsum("ab,ab->a", x, x).dtype, "bfloat16");
  const wide = jnp.einsum("ab,ab->a", x, x, { preferredElementType: "float32" });
  assert.is(wide.dtype, "float32");
  assert.equal(values(at257()), [257]);
  assert.is(jnp.einsum("ab,ab->a", x, jnp.ones([2, 300])).dtype, "float32");
});
// 257 is no bfloat16.
const at257 = (): TracedArray =>
  jnp.einsum("b,b->", jnp.ones(257, { dtype: "bfloat16" }), jnp.ones(257, { dtype: "bfloat16" }), {
    preferredElementType: "float32",
  });

test("equations that do not fit are refused", () => {
  const x = jnp.ones([2, 3]);
  const fails = (pattern: RegExp, equation: string, ...operands: TracedArray[]): void => {
    assert.throws(() => jnp.einsum(equation, ...operands), pattern, equation);
  };
  fails(/takes 2 operands; got 1/, "ij,jk->ik", x);
  fails(/term "ijk" of operand 0 names 3 axes; got shape \[2,3\]/, "ijk->i", x);
  fails(/label "z" of the result must be one of the operands'/, "ij->iz", x);
  fails(/label "i" must appear once in the result/, "ij->ii", x);
  fails(/sizes of label "j" must agree or be 1; got 2 of operand 1, 3/, "ij,jk->ik", x, x);
  fails(/axes of one label in a term must have one size/, "ii->i", x);
  fails(/a term must be letters/, "i$->i", x);
});

test("matmul and dot name the sizes that do not fit", () => {
  const x = jnp.ones([2, 3]);
  assert.throws(
    () => jnp.matmul(x, x),
    /matmul: contracting sizes differ; got float32\[2,3\] axis 1 = 3, float32\[2,3\] axis 0 = 2/,
  );
  assert.throws(() => jnp.matmul(jnp.ones([2, 4, 3]), jnp.ones([5, 3, 2])), /leading sizes must agree or be 1/);
  assert.throws(() => jnp.matmul(x, 2), /operands must have at least 1 axis/);
  assert.throws(() => jnp.dot(x, x), /dot: contracting sizes differ/);
  assert.throws(() => jnp.tensordot(x, x, { axes: [[0], [0, 1]] }), /as many axes of each operand/);
});

test.run();
