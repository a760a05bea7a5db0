import { test } from "uvu";
import * as assert from "uvu/assert";
import { castBytes, type FloatDType } from "../../packages/models/src/safetensors/cast.ts";

const bits = (dtype: FloatDType, values: readonly number[]) =>
  new Uint8Array((dtype === "float32" ? Uint32Array : Uint16Array).from(values).buffer);
const cast = (from: FloatDType, to: FloatDType, value: number): number => {
  const bytes = castBytes(bits(from, [value]), from, to);
  return to === "float32" ? new Uint32Array(bytes.buffer)[0] : new Uint16Array(bytes.buffer)[0];
};
const floatBits = (x: number): number => new Uint32Array(Float32Array.of(x).buffer)[0];

/** The value of a half, from the definition of IEEE 754. */
function halfValue(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 31;
  const fraction = half & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

test("every half widens to the float of its value, and narrows back to itself", () => {
  for (let half = 0; half < 65536; half++) {
    const float = cast("float16", "float32", half);
    const value = new Float32Array(Uint32Array.of(float).buffer)[0];
    assert.ok(Object.is(value, Math.fround(halfValue(half))), half.toString(16));
    if (!Number.isNaN(value)) assert.is(cast("float32", "float16", float), half);
  }
});

test("every bfloat16 widens exactly, and narrows back to itself", () => {
  for (let brain = 0; brain < 65536; brain++) {
    const float = cast("bfloat16", "float32", brain);
    assert.is(float, brain * 65536);
    if ((brain & 0x7fff) <= 0x7f80) assert.is(cast("float32", "bfloat16", float), brain);
  }
});

test("floats narrow to the nearest, ties to even", () => {
  // The midpoint of neighbours, and the floats beside it.
  for (let half = 0; half < 0x7bff; half += 7) {
    const middle = (halfValue(half) + halfValue(half + 1)) / 2;
    const float = floatBits(middle);
    assert.is(cast("float32", "float16", float), half % 2 === 0 ? half : half + 1);
    assert.is(cast("float32", "float16", float - 1), half);
    assert.is(cast("float32", "float16", float + 1), half + 1);
  }
  for (let brain = 0; brain < 0x7f7f; brain += 5) {
    const float = brain * 65536 + 0x8000;
    assert.is(cast("float32", "bfloat16", float), brain % 2 === 0 ? brain : brain + 1);
    assert.is(cast("float32", "bfloat16", float - 1), brain);
    assert.is(cast("float32", "bfloat16", float + 1), brain + 1);
  }
});

test("what is too large becomes infinity, what is too small zero, NaN stays NaN", () => {
  assert.is(cast("float32", "float16", floatBits(65519.99)), 0x7bff);
  assert.is(cast("float32", "float16", floatBits(65520)), 0x7c00);
  assert.is(cast("float32", "float16", floatBits(-1e30)), 0xfc00);
  assert.is(cast("float32", "float16", floatBits(2 ** -25)), 0);
  assert.is(cast("float32", "float16", floatBits(-(2 ** -26))), 0x8000);
  assert.is(cast("float32", "bfloat16", floatBits(3.4e38)), 0x7f80);
  assert.is(cast("float32", "bfloat16", 0x7f800001) & 0x7fff, 0x7fc0);
  assert.is(cast("float32", "float16", 0xff800001), 0xfe00);
  assert.is(cast("bfloat16", "float16", 0x3f80), 0x3c00);
  assert.is(cast("float16", "bfloat16", 0x3c01), 0x3f80);
});

test("a dtype cast to itself is the same bytes", () => {
  const bytes = bits("bfloat16", [1, 2, 3]);
  assert.is(castBytes(bytes, "bfloat16", "bfloat16"), bytes);
});

test.run();
