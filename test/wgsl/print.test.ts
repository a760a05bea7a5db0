import { test } from "uvu";
import * as assert from "uvu/assert";
import { KernelBuilder } from "../../packages/jaxscale/src/kernel/builder.ts";
import { computed } from "../../packages/jaxscale/src/kernel/grammar.ts";
import type { Value } from "../../packages/jaxscale/src/kernel/ir.ts";
import { f32Literal } from "../../packages/jaxscale/src/wgsl/literals.ts";
import { printWgsl } from "../../packages/jaxscale/src/wgsl/print.ts";
import { table } from "../../packages/jaxscale/src/wgsl/table.ts";
import { closeTestDevice, runKernel } from "../kernel/run-kernel.ts";

const f32 = (...xs: number[]): Float32Array => Float32Array.from(xs);
const bits = (xs: Float32Array): number[] => [...new Uint32Array(xs.buffer)];

/** Values computed by one invocation, stored one after another. */
async function evaluate(
  write: (k: KernelBuilder, read: (i: number) => Value) => Value[],
  input: Float32Array,
): Promise<Float32Array> {
  const k = new KernelBuilder();
  const x = k.buffer("x", "f32", "read", input.length);
  const values = write(k, (i) => k.load(x, k.i32(i)));
  const y = k.buffer("y", "f32", "read_write", values.length);
  values.forEach((v, i) => {
    k.store(y, k.i32(i), v);
  });
  const [, out] = await runKernel(k.finish("evaluate", [1, 1, 1]), [input, new Float32Array(values.length)]);
  return out as Float32Array;
}

test("every op that computes has a row of text", () => {
  for (const name of Object.keys(computed)) assert.type(table[name as keyof typeof table], "function", name);
});

test("an f32 literal reads back as the same f32", () => {
  for (const x of [0, -0, 1, 0.1, 1 / 3, 3.4028234663852886e38, 1e-45, 1.17549435e-38, 16777216, -2.5e10, 1e21])
    assert.ok(Object.is(Math.fround(Number(f32Literal(Math.fround(x)).slice(0, -1))), Math.fround(x)), String(x));
});

test("NaN, infinities, negative zero and overflowing constant arithmetic survive", async () => {
  const out = await evaluate(
    (k) => [
      k.f32(Number.NaN),
      k.f32(Infinity),
      k.f32(-Infinity),
      k.f32(-0),
      k.mul(k.f32(3e38), k.f32(10)),
      k.div(k.f32(1), k.f32(0)),
      k.bitcast("f32", k.u32(0x7f800000)),
    ],
    f32(1),
  );
  assert.ok(Number.isNaN(out[0]));
  assert.equal(bits(out).slice(1), [0x7f800000, 0xff800000, 0x80000000, 0x7f800000, 0x7f800000, 0x7f800000]);
});

test("integers keep their extremes", async () => {
  const k = new KernelBuilder();
  const y = k.buffer("y", "i32", "read_write", 4);
  k.store(y, k.i32(0), k.i32(-(2 ** 31)));
  k.store(y, k.i32(1), k.add(k.load(y, k.i32(3)), k.i32(-1)));
  k.store(y, k.i32(2), k.bitcast("i32", k.u32(0xffffffff)));
  const [out] = await runKernel(k.finish("extremes", [1, 1, 1]), [new Int32Array(4)]);
  assert.equal([...out], [-(2 ** 31), -1, -1, 0]);
});

test("a buffer that is accessed by vectors only is declared as vectors, a mixed one word by word", async () => {
  const k = new KernelBuilder();
  const whole = k.buffer("whole", "f32", "read", 8);
  const mixed = k.buffer("mixed", "f32", "read", 8);
  const y = k.buffer("y", "f32", "read_write", 8);
  const at = k.mul(k.local(0, 2), k.i32(4));
  k.store(y, at, k.add(k.load(whole, at, 4), k.add(k.load(mixed, at, 4), k.splat(k.load(mixed, k.i32(1)), 4))));
  const kernel = k.finish("vectors", [2, 1, 1]);
  const text = printWgsl(kernel);
  assert.match(text, "var<storage, read> whole: array<vec4<f32>>");
  assert.match(text, "var<storage, read> mixed: array<f32>");
  const [, , out] = await runKernel(kernel, [
    f32(0, 1, 2, 3, 4, 5, 6, 7),
    f32(0, 10, 20, 30, 40, 50, 60, 70),
    new Float32Array(8),
  ]);
  assert.equal([...out], [10, 21, 32, 43, 54, 65, 76, 87]);
});

test("of a vector in a buffer declared word by word only the lanes in use are loaded", async () => {
  const k = new KernelBuilder();
  const x = k.buffer("x", "f32", "read", 8);
  const y = k.buffer("y", "f32", "read_write", 2);
  const lane = k.local(0, 2);
  const vector = k.load(x, k.mul(lane, k.i32(4)), 4);
  k.store(y, lane, k.add(k.add(k.lane(vector, 1), k.lane(vector, 3)), k.load(x, lane)));
  const kernel = k.finish("lanes", [2, 1, 1]);
  assert.is(printWgsl(kernel).match(/\bx\[/g)?.length, 3);
  const [, out] = await runKernel(kernel, [f32(0, 1, 2, 3, 4, 5, 6, 7), new Float32Array(2)]);
  assert.equal([...out], [4, 13]);
});

test("control flow, variables, shared memory, atomics and immediates run, immediates also from a uniform", async () => {
  const k = new KernelBuilder();
  const x = k.buffer("x", "i32", "read", 64);
  const total = k.buffer("total", "i32", "read_write", 2, true);
  const y = k.buffer("y", "i32", "read_write", 8);
  const shared = k.shared("partial", "i32", 8);
  const lane = k.local(0, 8);
  const count = k.immediate("count", "i32", { min: 0, max: 8 });
  const sum = k.variable(k.i32(0), "sum");
  k.loop(k.i32(0), count, k.i32(1), (i) => k.set(sum, k.add(k.get(sum), k.load(x, k.add(k.mul(lane, k.i32(8)), i)))));
  k.storeShared(shared, lane, k.get(sum));
  k.barrier();
  const swapped = k.loadShared(shared, k.sub(k.i32(7), lane));
  k.if(
    k.lt(lane, k.i32(4)),
    () => void k.atomic("atomicAdd", total, k.i32(0), swapped),
    () => void k.atomic("atomicMax", total, k.i32(1), swapped),
  );
  const halvings = k.variable(swapped, "rest");
  const steps = k.variable(k.i32(0), "steps");
  k.while(
    () => k.gt(k.get(halvings), k.i32(0)),
    () => {
      k.set(halvings, k.div(k.get(halvings), k.i32(2)));
      k.set(steps, k.add(k.get(steps), k.i32(1)));
    },
  );
  k.store(y, lane, k.get(steps));
  const kernel = k.finish("everything", [8, 1, 1]);
  const input = Int32Array.from({ length: 64 }, (_, i) => i);
  const sums = Array.from({ length: 8 }, (_, l) => 8 * l * 5 + 10);
  const data = [input, new Int32Array(2), new Int32Array(8)];
  for (const print of ["immediate", "uniform"] as const) {
    const [, totals, ys] = await runKernel(kernel, data, { immediates: Int32Array.of(5, 0, 0, 0), print });
    assert.equal([...totals], [sums[7] + sums[6] + sums[5] + sums[4], sums[3]]);
    assert.equal([...ys], sums.map((s) => Math.floor(Math.log2(s)) + 1).reverse());
  }
});

test("a comparison as an argument is not taken for a template", async () => {
  const out = await evaluate(
    (k, read) => {
      const [a, b] = [read(0), read(1)];
      const both = k.select(k.lt(a, b), k.cast("f32", k.gt(b, a)), k.f32(0));
      return [k.add(both, k.cast("f32", k.eq(k.lt(a, b), k.gt(a, b))))];
    },
    f32(1, 2),
  );
  assert.equal([...out], [1]);
});

test("an expression that reads a variable is evaluated before the variable changes", async () => {
  const out = await evaluate(
    (k, read) => {
      const v = k.variable(read(0), "v");
      const before = k.mul(k.get(v), k.f32(10));
      k.set(v, read(1));
      const after = k.get(v);
      return [before, after];
    },
    f32(1, 2),
  );
  assert.equal([...out], [10, 2]);
});

test.after(closeTestDevice);
test.run();
