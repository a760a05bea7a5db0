import { test } from "uvu";
import * as assert from "uvu/assert";
import { hostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import type { KernelBuilder } from "../../packages/jaxscale/src/kernel/builder.ts";
import type { Value } from "../../packages/jaxscale/src/kernel/ir.ts";
import * as math from "../../packages/jaxscale/src/kernel/math.ts";
import { difference } from "../conformance/compare.ts";
import { readFamily } from "../conformance/fixtures.ts";
import { closeTestDevice, mapOnDevice } from "./run-kernel.ts";
import { specialValues } from "./special-values.ts";

type Unary = (k: KernelBuilder, x: Value) => Value;

const smallest = 2 ** -126;
const largest = 3.4028234663852886e38;

function assertClose(name: string, at: readonly number[], got: number, want: number, relative: number): void {
  if (Number.isNaN(want)) return assert.ok(Number.isNaN(got), `${name}(${at}) is NaN, got ${got}`);
  if (Math.abs(want) > largest * (1 + relative)) return assert.is(got, Math.sign(want) * Infinity, `${name}(${at})`);
  if (Math.abs(want) < smallest) return assert.ok(Math.abs(got) <= smallest, `${name}(${at}) is ${want}, got ${got}`);
  const error = Math.abs(got - want) / Math.abs(want);
  assert.ok(
    error <= relative || (Math.abs(want) > largest && got === Math.sign(want) * Infinity),
    `${name}(${at}) is ${want}, got ${got}`,
  );
}

const linear = (from: number, to: number, n = 4000): number[] =>
  Array.from({ length: n }, (_, i) => from + ((to - from) * i) / (n - 1));
/** Both signs, spaced by equal ratios. */
const magnitudes = (from: number, to: number, n = 2000): number[] =>
  linear(Math.log2(from), Math.log2(to), n).flatMap((e) => [2 ** e, -(2 ** e)]);
const everywhere = magnitudes(1e-37, 3e38);

/** Function, its truth, where, and the relative error allowed. */
const rows: readonly (readonly [string, Unary, (x: number) => number, readonly number[], number])[] = [
  ["exp", math.exp, Math.exp, linear(-110, 95), 1e-5],
  ["exp2", math.exp2, (x) => 2 ** x, linear(-160, 140), 1e-5],
  ["expm1", math.expm1, Math.expm1, [...linear(-20, 89), ...magnitudes(1e-30, 1)], 1e-5],
  ["log", math.log, Math.log, [...everywhere, ...linear(0.5, 2)], 3e-7],
  ["log2", math.log2, Math.log2, [...everywhere, ...linear(0.5, 2)], 4e-7],
  ["log10", math.log10, Math.log10, [...everywhere, ...linear(0.5, 2)], 4e-7],
  ["log1p", math.log1p, Math.log1p, [...everywhere, ...linear(-0.9999, 2)], 4e-7],
  ["logistic", math.logistic, (x) => 1 / (1 + Math.exp(-x)), linear(-87, 100), 1e-5],
  ["cbrt", math.cbrt, Math.cbrt, everywhere, 1e-6],
  ["sqrt", math.sqrt, Math.sqrt, everywhere, 3e-7],
  ["rsqrt", math.rsqrt, (x) => 1 / Math.sqrt(x), everywhere, 3e-7],
  ["sin", math.sin, Math.sin, [...linear(-10, 10), ...linear(-1e5, 1e5), ...everywhere], 1e-6],
  ["cos", math.cos, Math.cos, [...linear(-10, 10), ...linear(-1e5, 1e5), ...everywhere], 1e-6],
  ["tan", math.tan, Math.tan, [...linear(-10, 10), ...linear(-1e5, 1e5), ...everywhere], 1e-6],
  ["asin", math.asin, Math.asin, [...linear(-1.1, 1.1), ...magnitudes(1e-37, 1)], 1e-6],
  ["acos", math.acos, Math.acos, [...linear(-1.1, 1.1), ...magnitudes(1e-37, 1)], 1e-6],
  ["atan", math.atan, Math.atan, [...everywhere, ...linear(-3, 3)], 1e-6],
  ["sinh", math.sinh, Math.sinh, [...linear(-91, 91), ...magnitudes(1e-37, 80)], 1e-5],
  ["cosh", math.cosh, Math.cosh, [...linear(-91, 91), ...magnitudes(1e-37, 80)], 1e-5],
  ["tanh", math.tanh, Math.tanh, [...everywhere, ...linear(-12, 12)], 1e-6],
  ["asinh", math.asinh, Math.asinh, everywhere, 1e-6],
  ["acosh", math.acosh, Math.acosh, [...everywhere, ...linear(0.9, 3)], 1e-6],
  ["atanh", math.atanh, Math.atanh, [...linear(-1.1, 1.1), ...magnitudes(1e-37, 0.9)], 1e-6],
];

for (const [name, apply, truth, points, relative] of rows)
  test(`${name} is within ${relative} of the true value`, async () => {
    const xs = Float32Array.from(points);
    const [got] = await mapOnDevice([xs], apply);
    for (let i = 0; i < xs.length; i++) assertClose(name, [xs[i]], got[i], truth(xs[i]), relative);
  });

const functions = math as unknown as Readonly<Record<string, Unary>>;
for (const [name, table] of Object.entries(specialValues))
  test(`${name} agrees with values computed in 40 digits`, async () => {
    const [got] = await mapOnDevice([Float32Array.from(table, ([x]) => x)], functions[name]);
    table.forEach(([x, want], i) => {
      // Near a zero of the function an error relative to its terms is all that f32 can promise.
      const slack = name === "lgamma" || name === "digamma" ? 1e-6 : 0;
      assert.ok(Math.abs(got[i] - want) <= 1e-5 * Math.abs(want) + slack, `${name}(${x}) is ${want}, got ${got[i]}`);
    });
  });

const family = readFamily("unary");
const names: Readonly<Record<string, string>> = { erf_inv: "erfInv", log2: "log2", log10: "log10" };
for (const golden of family?.cases ?? []) {
  const [module, op] = golden.op.split(".");
  const apply = functions[names[op] ?? op] as Unary | undefined;
  if (!family || !apply || golden.tags?.includes("implementation-defined") || module === "nn") continue;
  const [input] = golden.inputs;
  if (typeof input !== "string" || family.tensor(input).dtype !== "float32") continue;
  test(`${golden.name} agrees with JAX`, async () => {
    const want = family.tensor(golden.outputs[0]);
    const [got] = await mapOnDevice([family.tensor(input).values as Float32Array], apply);
    assert.is(difference(hostTensor(want.shape, want.dtype, got), want, golden), undefined);
  });
}

const binaries = { "lax.pow": math.pow, "lax.atan2": math.atan2, "lax.rem": math.floatRem } as const;
const pairs = readFamily("binary");
for (const golden of pairs?.cases ?? []) {
  const apply = (binaries as Readonly<Record<string, (k: KernelBuilder, x: Value, y: Value) => Value>>)[golden.op];
  const inputs = golden.inputs.filter((i) => typeof i === "string");
  if (!pairs || !apply || inputs.length < 2 || golden.tags?.includes("implementation-defined")) continue;
  const [x, y] = inputs.map((i) => pairs.tensor(i));
  if (x.dtype !== "float32" || y.dtype !== "float32" || x.values.length !== y.values.length) continue;
  test(`${golden.name} agrees with JAX`, async () => {
    const want = pairs.tensor(golden.outputs[0]);
    const [got] = await mapOnDevice([x.values as Float32Array, y.values as Float32Array], apply);
    assert.is(difference(hostTensor(want.shape, want.dtype, got), want, golden), undefined);
  });
}

const edges = [
  Number.NaN,
  Infinity,
  -Infinity,
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  2,
  -2,
  3,
  -3,
  2.5,
  -2.5,
  1e30,
  -1e30,
  16777217,
  1e-30,
];
const cross = (xs: readonly number[]): [Float32Array, Float32Array] => [
  Float32Array.from(xs.flatMap((x) => xs.map(() => x))),
  Float32Array.from(xs.flatMap(() => xs)),
];

test("pow meets every special case of IEEE 754", async () => {
  const [x, y] = cross(edges);
  const [got] = await mapOnDevice([x, y], math.pow);
  x.forEach((a, i) => {
    // ECMAScript's ** differs from IEEE 754 in these.
    const want = a === 1 || (a === -1 && Math.abs(y[i]) === Infinity) ? 1 : a ** y[i];
    if (want === 0) return assert.ok(Object.is(got[i], want), `pow(${a}, ${y[i]}) is ${want}, got ${got[i]}`);
    assertClose("pow", [a, y[i]], got[i], want, 2e-5);
  });
});

test("atan2 meets every special case of IEEE 754", async () => {
  const [y, x] = cross(edges);
  const [got] = await mapOnDevice([y, x], math.atan2);
  y.forEach((a, i) => {
    const want = Math.atan2(a, x[i]);
    if (want === 0) return assert.ok(Object.is(got[i], want), `atan2(${a}, ${x[i]}) is ${want}, got ${got[i]}`);
    assertClose("atan2", [a, x[i]], got[i], want, 1e-6);
  });
});

test("floatRem is exact, whatever the quotient", async () => {
  const [x, y] = cross([...edges, 0.1, 7, 1e10, -123456789, 3.4e38, 1.5e-30, Math.PI]);
  const [got] = await mapOnDevice([x, y], math.floatRem);
  x.forEach((a, i) => {
    const want = a % y[i];
    assert.ok(
      Object.is(got[i], want) || (Number.isNaN(want) && Number.isNaN(got[i])) || Math.abs(want) < smallest,
      `${a} % ${y[i]} is ${want}, got ${got[i]}`,
    );
  });
});

test("functions of a vector are the functions of its lanes", async () => {
  const xs = Float32Array.from([0.3, -2, 40, 1e6]);
  const apply = [math.exp, math.log1p, math.sin, math.erf, math.tanh, math.lgamma, math.cbrt] as const;
  for (const f of apply) {
    const out = await mapOnDevice([xs], (k, x) => [f(k, x), k.lane(f(k, k.vec([x, k.f32(1), x, x])), 2)]);
    assert.equal([...out[0]], [...out[1]]);
  }
});

test.after(closeTestDevice);
test.run();
