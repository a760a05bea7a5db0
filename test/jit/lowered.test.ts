import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { DType } from "../../packages/jaxscale/src/base/dtypes.ts";
import { lavapipe } from "../golden/targets.ts";
import { rejection } from "../rejection.ts";
import "../setup.ts";

const { jit, lax, nn, numpy: jnp } = jax;
type A = jax.Array;

const struct = (shape: readonly number[], dtype: DType = "float32"): A =>
  new jax.ShapeDtypeStruct(shape, dtype) as unknown as A;
const dense = jit((x: A, w: A, b: A) => nn.relu(x.dot(w).add(b)), { name: "dense" });
const types = [struct([8, 16]), struct([16, 32]), struct([32])] as const;

// Before any device is open.
test("the jaxpr needs no device, kernels do unless a target is given", () => {
  const lowered = dense.lower(...types);
  assert.match(lowered.asText(), /^\{ lambda ; a:f32\[8,16\] b:f32\[16,32\] c:f32\[32\]\. let/);
  assert.match(lowered.asText("jaxpr"), /dot_general/);
  assert.throws(() => lowered.asText("wgsl"), /no device is known yet for dense; call await jax\.ready\(\) first/);
  assert.match(lowered.asText("wgsl", lavapipe), /@compute/);
});

test("each stage has its text: jaxpr, kernels, WGSL", async () => {
  await jax.ready();
  const lowered = dense.lower(...types);
  assert.match(lowered.asText("kernels"), /dot_general/);
  assert.match(lowered.asText("wgsl"), /@compute @workgroup_size[\s\S]*fn main/);
});

test("a lowered function compiles to what can be called, and refuses other types", async () => {
  const compiled = await jit((x: A) => [x.add(1), x.mul(2)] as const)
    .lower(struct([3]))
    .compile();
  const [a, b] = compiled.call(jnp.ones(3));
  assert.equal(
    [await a.toList(), await b.toList()],
    [
      [2, 2, 2],
      [2, 2, 2],
    ],
  );
  assert.throws(() => compiled.call(jnp.ones(4)), /takes float32\[3\], for which it was lowered; got float32\[4\]/);
  assert.throws(() => compiled.call(), /got no arguments/);
});

// ---- what it costs, against numbers made by hand ---------------------------------

test("a product of m×k and k×n counts 2·m·n·k, and its bytes once each", async () => {
  const [m, k, n] = [32, 48, 64];
  const compiled = await jit((x: A, y: A) => x.dot(y))
    .lower(struct([m, k]), struct([k, n]))
    .compile();
  assert.equal(compiled.costAnalysis(), {
    flops: 2 * m * n * k,
    transcendentals: 0,
    bytesAccessed: 4 * (m * k + k * n + m * n),
    communication: [],
  });
});

test("batches count too; bfloat16 takes two bytes", async () => {
  const [b, m, k, n] = [3, 4, 16, 8];
  const compiled = await jit((x: A, y: A) => jnp.matmul(x, y))
    .lower(struct([b, m, k], "bfloat16"), struct([b, k, n], "bfloat16"))
    .compile();
  assert.is(compiled.costAnalysis().flops, 2 * b * m * n * k);
  assert.is(compiled.costAnalysis().bytesAccessed, 2 * b * (m * k + k * n + m * n));
});

test("a fused chain reads and writes once, and counts every operation", async () => {
  const n = 1000;
  const compiled = await jit((x: A, y: A) => jnp.exp(x.mul(y).add(1)))
    .lower(struct([n]), struct([n]))
    .compile();
  assert.equal(compiled.costAnalysis(), {
    flops: 2 * n,
    transcendentals: n,
    bytesAccessed: 3 * 4 * n,
    communication: [],
  });
});

test("a cheap operation that is computed where it is read still counts", async () => {
  const n = 64;
  const compiled = await jit((x: A) => x.mul(2).add(1).T)
    .lower(struct([n, n]))
    .compile();
  assert.equal(compiled.costAnalysis(), {
    flops: 2 * n * n,
    transcendentals: 0,
    bytesAccessed: 2 * 4 * n * n,
    communication: [],
  });
});

test("memory: arguments, results, and temporaries that live at once", async () => {
  const n = 256;
  const compiled = await jit((x: A, w: A) => x.dot(w).dot(w).dot(w))
    .lower(struct([n, n]), struct([n, n]))
    .compile();
  const matrix = 4 * n * n;
  // The second product is written while the first is read; the third is the result.
  assert.equal(compiled.memoryAnalysis(), {
    argumentSizeBytes: 2 * matrix,
    outputSizeBytes: matrix,
    aliasSizeBytes: 0,
    temporarySizeBytes: 2 * matrix,
    constantSizeBytes: 0,
    peakSizeBytes: 5 * matrix,
  });
});

test("a captured array is a constant of the program; a donated one is an alias", async () => {
  const w = jnp.ones([64, 64]);
  // The donated argument is read for the last time before the result is written.
  const f = jit((x: A) => nn.softmax(x.dot(w)).dot(w), { donateArgnums: 0 });
  const { constantSizeBytes, aliasSizeBytes, peakSizeBytes } = (
    await f.lower(struct([64, 64])).compile()
  ).memoryAnalysis();
  const matrix = 4 * 64 * 64;
  assert.equal([constantSizeBytes, aliasSizeBytes, peakSizeBytes], [matrix, matrix, 4 * matrix]);
});

test("packed arrays take their packed bytes, in whole vectors of sixteen", async () => {
  const compiled = await jit((x: A) => x.add(x))
    .lower(struct([1001], "bfloat16"))
    .compile();
  const bytes = Math.ceil((1001 * 2) / 16) * 16;
  assert.is(compiled.memoryAnalysis().argumentSizeBytes, bytes);
  assert.is(compiled.memoryAnalysis().outputSizeBytes, bytes);
});

test("a gathered embedding counts the rows it reads, not the table", async () => {
  const compiled = await jit((table: A, ids: A) => jnp.take(table, ids, { axis: 0, mode: "clip" }))
    .lower(struct([10000, 64]), struct([4], "int32"))
    .compile();
  assert.ok(compiled.costAnalysis().bytesAccessed < 10000, `${compiled.costAnalysis().bytesAccessed} bytes`);
});

test("a cache update counts what it writes, not the cache", async () => {
  const put = jit((cache: A, row: A, i: A) => lax.dynamicUpdateSlice(cache, row, [i, 0]), { donateArgnums: 0 });
  const compiled = await put.lower(struct([10000, 64]), struct([1, 64]), struct([], "int32")).compile();
  assert.ok(compiled.costAnalysis().bytesAccessed < 10000, `${compiled.costAnalysis().bytesAccessed} bytes`);
});

test("a compile rejects with what is wrong, and never leaves a rejection unhandled", async () => {
  const bad = jit((x: A) => x.reshape(7));
  assert.throws(() => bad.lower(struct([8])), /reshape/);
  assert.match((await rejection(Promise.resolve().then(() => bad.lower(struct([8]))))).message, /reshape/);
});

test("compile() makes the program that calls run, once", async () => {
  const lowered = jit((x: A) => x.mul(3).add(1), { name: "once" }).lower(jnp.ones([5]));
  const { program } = await lowered.compile();
  assert.is((await lowered.compile()).program, program);
});

test.run();
