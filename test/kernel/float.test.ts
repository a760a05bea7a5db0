import { test } from "uvu";
import * as assert from "uvu/assert";
import { roundTo } from "../../packages/jaxscale/src/base/rounding.ts";
import type { KernelBuilder } from "../../packages/jaxscale/src/kernel/builder.ts";
import * as float from "../../packages/jaxscale/src/kernel/float.ts";
import type { Value } from "../../packages/jaxscale/src/kernel/ir.ts";
import { closeTestDevice, mapOnDevice } from "./run-kernel.ts";

type Binary = (k: KernelBuilder, a: Value, b: Value) => Value;

const edges = [Number.NaN, Infinity, -Infinity, 0, -0, 1, -1, 2.5, -3, 1e38, -3e38, 0.3, 1e30, 1e8];
const left = Float32Array.from(edges.flatMap((a) => edges.map(() => a)));
const right = Float32Array.from(edges.flatMap(() => edges));
const f = Math.fround;
const smallest = 2 ** -126;
/** Equal, where a denormal may stand for a zero. */
const same = (a: number, b: number): boolean =>
  a === b || (Number.isNaN(a) && Number.isNaN(b)) || (Math.abs(a) < smallest && Math.abs(b) < smallest);

async function holds(name: string, formula: Binary, truth: (a: number, b: number) => number | boolean): Promise<void> {
  const [got] = await mapOnDevice([left, right], formula);
  for (let i = 0; i < left.length; i++) {
    const want = Number(truth(left[i], right[i]));
    assert.ok(same(got[i], want), `${name}(${left[i]}, ${right[i]}) is ${want}, got ${got[i]}`);
  }
}

test("comparisons are right for NaN and infinities, also negated", async () => {
  await holds(
    "lt",
    (k, a, b) => k.lt(a, b),
    (a, b) => a < b,
  );
  await holds(
    "le",
    (k, a, b) => k.le(a, b),
    (a, b) => a <= b,
  );
  await holds(
    "gt",
    (k, a, b) => k.gt(a, b),
    (a, b) => a > b,
  );
  await holds(
    "ge",
    (k, a, b) => k.ge(a, b),
    (a, b) => a >= b,
  );
  await holds(
    "eq",
    (k, a, b) => k.eq(a, b),
    (a, b) => a === b,
  );
  await holds(
    "ne",
    (k, a, b) => k.ne(a, b),
    (a, b) => a !== b,
  );
  await holds(
    "not lt",
    (k, a, b) => k.not(k.lt(a, b)),
    (a, b) => !(a < b),
  );
  await holds(
    "ne of itself",
    (k, a) => k.ne(a, a),
    (a) => Number.isNaN(a),
  );
});

test("maximum, minimum and clamp pass NaN on", async () => {
  await holds("maximum", float.maximum, Math.max);
  await holds("minimum", float.minimum, Math.min);
  await holds(
    "clamp",
    (k, a, b) => float.clampNan(k, a, k.f32(-1), b),
    (a, b) => Math.min(Math.max(a, -1), b),
  );
});

test("arithmetic is IEEE's, also in expressions that drivers would simplify", async () => {
  await holds(
    "add",
    (k, a, b) => k.add(a, b),
    (a, b) => f(a + b),
  );
  await holds(
    "sub",
    (k, a, b) => k.sub(a, b),
    (a, b) => f(a - b),
  );
  await holds(
    "mul",
    (k, a, b) => k.mul(a, b),
    (a, b) => f(a * b),
  );
  await holds(
    "div",
    (k, a, b) => k.div(a, b),
    (a, b) => f(a / b),
  );
  await holds(
    "x * 0",
    (k, a) => k.mul(a, k.f32(0)),
    (a) => a * 0,
  );
  await holds(
    "0 / x",
    (k, a) => k.div(k.f32(0), a),
    (a) => 0 / a,
  );
  await holds(
    "x / inf",
    (k, a) => k.div(a, k.f32(Infinity)),
    (a) => a / Infinity,
  );
  await holds(
    "x - x",
    (k, a) => k.sub(a, a),
    (a) => a - a,
  );
  await holds(
    "x + -x",
    (k, a) => k.add(a, k.neg(a)),
    (a) => a - a,
  );
  await holds(
    "(a + b) - b",
    (k, a, b) => k.sub(k.add(a, b), b),
    (a, b) => f(f(a + b) - b),
  );
  await holds(
    "(a - b) + b",
    (k, a, b) => k.add(k.sub(a, b), b),
    (a, b) => f(f(a - b) + b),
  );
  await holds(
    "(x + 1e8) - 1e8",
    (k, a) => k.sub(k.add(a, k.f32(1e8)), k.f32(1e8)),
    (a) => f(f(a + 1e8) - 1e8),
  );
  await holds(
    "(a * b) / b",
    (k, a, b) => k.div(k.mul(a, b), b),
    (a, b) => f(f(a * b) / b),
  );
  await holds(
    "fma with 0",
    (k, a, b) => k.fma(a, k.f32(0), b),
    (a, b) => f(a * 0 + b),
  );
});

test("classes and signs of floats are told by their bits", async () => {
  await holds("isNaN", float.isNaN, (a) => Number.isNaN(a));
  await holds("isInf", float.isInf, (a) => Math.abs(a) === Infinity);
  await holds("isFinite", float.isFinite, (a) => Number.isFinite(a));
  const numbers = left.filter((x) => !Number.isNaN(x));
  const [signs] = await mapOnDevice([numbers], float.signBit);
  numbers.forEach((x, i) => assert.is(signs[i], Number(x < 0 || Object.is(x, -0))));
  const [got] = await mapOnDevice(
    [Float32Array.of(2, -2, 0, 5), Float32Array.of(-0, 1, -3, -Infinity)],
    float.copySign,
  );
  assert.equal([...got], [-2, 2, -0, -5]);
});

test("floats become integers toward zero, saturating, NaN as 0", async () => {
  const xs = Float32Array.from([
    ...edges,
    127.9,
    128,
    -128.9,
    255.5,
    256,
    65535.9,
    -32769,
    2147483520,
    4294967040,
    4294967296,
    -0.9,
  ]);
  const bounds = [
    ["int8", -128, 127],
    ["uint8", 0, 255],
    ["int16", -32768, 32767],
    ["uint16", 0, 65535],
    ["int32", -(2 ** 31), 2 ** 31 - 1],
    ["uint32", 0, 2 ** 32 - 1],
  ] as const;
  for (const [dtype, min, max] of bounds) {
    const [got] = await mapOnDevice([xs], (k, x) => float.floatToInt(k, dtype, x));
    xs.forEach((x, i) => {
      const want = Number.isNaN(x) ? 0 : Math.min(Math.max(Math.trunc(x), min), max);
      assert.ok(got[i] === want, `${x} as ${dtype} is ${want}, got ${got[i]}`);
    });
  }
});

test("integers become the nearest floats, ties to even", async () => {
  const u = Uint32Array.from({ length: 4000 }, (_, i) => (i * 1073807359 + (i % 7)) >>> 0);
  u.set([0, 1, 0xffffffff, 0xffffff7f, 0xffffff80, 0x80000080, 0x80000180, 0x7fffffff, 16777217, 16777219]);
  const [fromUnsigned, fromSigned] = await mapOnDevice([u, Int32Array.from(u)], (k, a, b) => [
    float.intToFloat(k, a),
    float.intToFloat(k, b),
  ]);
  u.forEach((x, i) => {
    assert.is(fromUnsigned[i], roundTo("float32", x));
    assert.is(fromSigned[i], roundTo("float32", x | 0));
  });
});

test.after(closeTestDevice);
test.run();
