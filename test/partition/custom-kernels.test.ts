/** A user's kernel on a mesh: on each device's part by its rule, or whole; never over parts that it was not written for. */
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { meshOf } from "../conformance/rows-sharding.ts";
import "../setup.ts";

const { customKernel, numpy: jnp, P } = jax;
type A = jax.Array;

await jax.ready();
const mesh = meshOf({ x: 2, y: 2 });
const lie = (...spec: (string | null)[]): jax.NamedSharding => new jax.NamedSharding(mesh, P(...spec));
const struct = (shape: readonly number[], dtype: jax.DType): jax.ShapeDtypeStruct =>
  new jax.ShapeDtypeStruct(shape, dtype);

/** Sums of the elements before and at each place of a row: wrong if a row is not whole. */
const makeRunning = (shardingRule?: string) =>
  customKernel({
    name: "running",
    inputs: { x: { dtype: "float32", rank: 2 } },
    outputs: ({ x }) => ({ y: struct(x.shape, "float32") }),
    wgsl: `fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= u32(x_shape[0])) { return; }
  var sum = 0.0;
  for (var i = 0u; i < u32(x_shape[1]); i++) {
    sum += x[id.x * u32(x_shape[1]) + i];
    y[id.x * u32(x_shape[1]) + i] = sum;
  }
}`,
    workgroups: ({ x }) => [Math.ceil(x.shape[0] / 64)],
    cost: ({ x }) => ({ flops: x.shape[0] * x.shape[1] }),
    ...(shardingRule && { shardingRule }),
  });
const x = jnp.arange(32, { dtype: "float32" }).reshape(4, 8);
const want = jnp.cumsum(x, { axis: 1 });
const runs = (lowered: jax.Lowered): number =>
  lowered
    .program()
    .segments.flatMap(({ steps }) => steps)
    .filter(({ origin }) => origin.operations.includes("custom_kernel")).length;

test("with a rule each device runs it on its rows, and what the rule wants whole is gathered", async () => {
  const running = makeRunning("r * -> r *");
  const f = jax.jit((v: A) => running({ x: v }).y, { inShardings: lie("x", "y") });
  assert.match(f.lower(x).asText("partitioned"), /all_gather[\s\S]*f32\[2,8\] = custom_kernel/);
  assert.is(runs(f.lower(x)), 2);
  assert.equal(await f(x).data(), await want.data());
});

test("without one it runs once, on the whole", async () => {
  const running = makeRunning();
  const f = jax.jit((v: A) => running({ x: v }).y.add(1), { inShardings: lie("x", "y") });
  assert.match(f.lower(x).asText("partitioned"), /f32\[4,8\] = custom_kernel/);
  assert.is(runs(f.lower(x)), 1);
  assert.equal(await f(x).data(), await want.add(1).data());
});

test("in shardMap it runs once a device, on what the device has", async () => {
  const running = makeRunning();
  const local = jax.shardMap((v: A) => running({ x: v }).y, { mesh, inSpecs: P("x", "y"), outSpecs: P("x", "y") });
  const f = jax.jit(local);
  assert.is(runs(f.lower(x)), 4);
  assert.equal(
    await f(x).data(),
    await jnp
      .cumsum(x.reshape(4, 2, 4), { axis: 2 })
      .reshape(4, 8)
      .data(),
  );
});

test("an alias writes the device's own part", async () => {
  const double = customKernel({
    name: "double",
    inputs: { x: { dtype: "int32" } },
    outputs: (inputs) => ({ y: struct(inputs.x.shape, "int32") }),
    aliases: { y: "x" },
    wgsl: `fn main(@builtin(global_invocation_id) id: vec3u) { if (id.x < y_size) { y[id.x] *= 2; } }`,
    workgroups: () => [1],
    cost: () => ({ flops: 1 }),
    shardingRule: "i -> i",
  });
  const numbers = jnp.arange(12);
  const f = jax.jit((v: A): A[] => [double({ x: v }).y, v], { inShardings: lie("y") });
  const [doubled, kept] = f(numbers);
  assert.equal([...(await doubled.data())], [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22]);
  assert.equal(await kept.data(), await numbers.data());
});

test("partial results of packed inputs are of packed inputs: their words are read as they are", async () => {
  const sums = customKernel({
    name: "sums",
    inputs: { x: { dtype: "bfloat16", rank: 2 } },
    outputs: (inputs) => ({ y: struct([inputs.x.shape[1]], "float32") }),
    wgsl: `fn at(i: u32) -> f32 { return bitcast<f32>(((x[i / 2] >> (16 * (i % 2))) & 0xffffu) << 16); }
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= y_size) { return; }
  var sum = 0.0;
  for (var i = 0u; i < u32(x_shape[0]); i++) { sum += at(i * u32(x_shape[1]) + id.x); }
  y[id.x] = sum;
}`,
    workgroups: () => [1],
    cost: () => ({ flops: 1 }),
    shardingRule: { rule: "i j -> j", reductions: { i: "add" } },
  });
  const f = jax.jit((v: A) => sums({ x: v }).y, { inShardings: lie("x", "y") });
  const packed = x.astype("bfloat16");
  assert.match(f.lower(packed).asText("partitioned"), /custom_kernel\[name=sums\] a\n.*psum/);
  assert.equal(await f(packed).data(), await x.sum({ axis: 0 }).data());
});

test("vmap, which is no mesh, is still refused in words", () => {
  assert.throws(() => jax.vmap((v: A) => makeRunning()({ x: v }).y)(x.reshape(2, 2, 8)), /running: no vmap rule/);
});

test.run();
