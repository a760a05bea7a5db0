import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import "../setup.ts";
import { rejection } from "../rejection.ts";

const { customKernel, jit, lax, numpy: jnp } = jax;
const struct = (shape: readonly number[], dtype: jax.DType = "float32"): jax.ShapeDtypeStruct =>
  new jax.ShapeDtypeStruct(shape, dtype);
const workgroupsFor = (x: jax.ShapeDtypeStruct, size = 64): readonly number[] => [
  Math.max(1, Math.ceil(x.shape.reduce((a, b) => a * b, 1) / size)),
];
const range = (n: number): jax.Array => jnp.arange(n, { dtype: "float32" });

/** y = x · factor */
const scale = customKernel({
  name: "scale",
  inputs: { x: { dtype: "float32" }, factor: { dtype: "float32", rank: 0 } },
  outputs: ({ x }) => ({ y: struct(x.shape) }),
  wgsl: `fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= x_size) { return; }
  y[id.x] = x[id.x] * factor[0];
}`,
  workgroups: ({ x }) => workgroupsFor(x),
  cost: ({ x }) => ({ flops: x.shape.reduce((a, b) => a * b, 1) }),
  jvp: ({ x, factor }, t) => ({ y: t.x.mul(factor).add(x.mul(t.factor)) }),
  vmapRule: "sequential",
});

/** x += by, in place */
const increment = customKernel({
  name: "increment",
  inputs: { x: { dtype: "int32" }, by: { dtype: "int32", rank: 0 } },
  outputs: ({ x }) => ({ y: struct(x.shape, "int32") }),
  aliases: { y: "x" },
  wgsl: `@compute @workgroup_size(8)
    fn main(@builtin(global_invocation_id) id: vec3u) {
      if (id.x < y_size) { y[id.x] += by[0]; }
    }`,
  workgroups: ({ x }) => workgroupsFor(x, 8),
  cost: ({ x }) => ({ flops: x.shape[0] }),
});

test("a custom kernel runs alone, on numbers too", async () => {
  assert.equal(await scale({ x: range(5), factor: 3 }).y.toList(), [0, 3, 6, 9, 12]);
  assert.equal(await increment({ x: jnp.array([1, 2]), by: jnp.array(5) }).y.toList(), [6, 7]);
});

test("under jit it reads what other operations made, and they read what it made", async () => {
  const f = jit((x: jax.Array) => scale({ x: x.add(1).reshape([2, 3]), factor: x.sum() }).y.T.sub(1));
  const want = [0, 1, 2, 3, 4, 5].map((x) => (x + 1) * 15 - 1);
  assert.equal((await f(range(6)).toList()) as number[][], [
    [want[0], want[3]],
    [want[1], want[4]],
    [want[2], want[5]],
  ]);
});

test("its own WGSL is in lower().asText, its work in costAnalysis", async () => {
  const f = jit((x: jax.Array) => scale({ x, factor: 2 }).y);
  await jax.ready();
  const text = f.lower(range(100)).asText("wgsl");
  assert.match(text, "@group(0) @binding(0) var<storage, read> x: array<f32>;");
  assert.match(text, "const x_size = 100; const x_shape = array(100);");
  assert.match(text, "y[id.x] = x[id.x] * factor[0];");
  assert.match(f.lower(range(100)).asText("kernels"), "kernel scale workgroup=64x1x1");
  assert.match(f.lower(range(100)).asText(), "custom_kernel[name=scale] a 2.0:f32[]");
  assert.is((await f.lower(range(100)).compile()).costAnalysis().flops, 100);
});

test("the profile shows it by name", async () => {
  const { kernels } = await jax.profiler.kernels(() => scale({ x: range(64), factor: 2 }).y, {
    roofs: false,
  });
  assert.ok(kernels.some(({ name, flops }) => name === "scale" && flops === 64));
});

test("several results, packed dtypes as words, shapes as constants", async () => {
  const unpack = customKernel({
    name: "unpack",
    inputs: { b: { dtype: "uint8", rank: 2 } },
    outputs: ({ b }) => ({ low: struct(b.shape, "int32"), sums: struct([b.shape[0]], "uint32") }),
    wgsl: `
fn byte(i: u32) -> u32 { return (b[i / 4] >> (8 * (i % 4))) & 255u; }
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= u32(b_shape[0])) { return; }
  var sum = 0u;
  for (var c = 0u; c < u32(b_shape[1]); c++) {
    let value = byte(id.x * u32(b_shape[1]) + c);
    low[id.x * u32(b_shape[1]) + c] = i32(value & 15u);
    sum += value;
  }
  sums[id.x] = sum;
}`,
    workgroups: () => [1],
    cost: () => ({ flops: 0 }),
  });
  const { low, sums } = unpack({
    b: jnp.array(
      [
        [1, 18, 255],
        [7, 16, 33],
      ],
      { dtype: "uint8" },
    ),
  });
  assert.equal(await low.toList(), [
    [1, 2, 15],
    [7, 0, 1],
  ]);
  assert.equal(await sums.toList(), [274, 56]);
});

test("a histogram in atomics, on counts that are taken over", async () => {
  const histogram = customKernel({
    name: "histogram",
    inputs: { counts: { dtype: "int32" }, bins: { dtype: "int32" } },
    outputs: ({ counts }) => ({ total: counts }),
    aliases: { total: "counts" },
    atomics: ["total"],
    wgsl: "fn main(@builtin(global_invocation_id) id: vec3u) { if (id.x < bins_size) { atomicAdd(&total[bins[id.x]], 1); } }",
    workgroups: ({ bins }) => workgroupsFor(bins),
    cost: () => ({ flops: 0 }),
  });
  const f = jit((bins: jax.Array) => histogram({ counts: jnp.zeros([4], { dtype: "int32" }), bins }).total);
  assert.equal(await f(lax.rem(jnp.arange(200), 3)).toList(), [67, 67, 66, 0]);
});

test("in place leaves the input as it was, unless it is donated: then its buffer is taken over", async () => {
  const x = jnp.arange(3);
  const f = jit((x: jax.Array) => increment({ x, by: 10 }).y);
  assert.equal(await f(x).toList(), [10, 11, 12]);
  assert.equal(await x.toList(), [0, 1, 2]);
  const both = jit((x: jax.Array) => [increment({ x, by: 10 }).y, x.mul(2)]);
  assert.equal(await Promise.all(both(x).map((y) => y.toList())), [
    [10, 11, 12],
    [0, 2, 4],
  ]);
  const donating = jit((x: jax.Array) => increment({ x, by: 10 }).y, { donateArgnums: 0 });
  const compiled = await donating.lower(x).compile();
  assert.is(compiled.memoryAnalysis().aliasSizeBytes, 16);
  const copies = compiled.program.segments.flatMap((s) => s.steps).filter((s) => s.kind === "copy");
  assert.is(copies.length, 0);
  assert.equal(await donating(x).toList(), [10, 11, 12]);
  assert.ok(x.isDeleted);
});

test("an array that is passed twice, one of them taken over, keeps its values for the other", async () => {
  const add = customKernel({
    name: "add_into",
    inputs: ["x", "z"],
    outputs: ({ x }) => ({ y: struct(x.shape) }),
    aliases: { y: "x" },
    wgsl: "fn main(@builtin(global_invocation_id) id: vec3u) { if (id.x < z_size) { y[id.x] += z[z_size - 1 - id.x]; } }",
    workgroups: () => [1],
    cost: () => ({ flops: 0 }),
  });
  const f = jit((x: jax.Array) => {
    const y = x.mul(2);
    return add({ x: y, z: y }).y;
  });
  assert.equal(await f(range(4)).toList(), [6, 6, 6, 6]);
});

test("in loops and branches it runs as often as it should, also under a predicate of the device", async () => {
  const counted = jit((x: jax.Array) => lax.foriLoop(0, 5, (i, c: jax.Array) => increment({ x: c, by: i }).y, x));
  assert.equal(await counted(jnp.arange(3)).toList(), [10, 11, 12]);
  const decided = jit((x: jax.Array) =>
    lax.whileLoop(
      (c: jax.Array) => c.at(0).get().less(20),
      (c: jax.Array) => increment({ x: c, by: 7 }).y,
      x,
    ),
  );
  assert.equal(await decided(jnp.arange(3)).toList(), [21, 22, 23]);
  const chosen = jit((p: jax.Array, x: jax.Array) =>
    lax.cond(
      p,
      (x: jax.Array) => increment({ x, by: 7 }).y,
      (x: jax.Array) => x,
      x,
    ),
  );
  assert.equal(await chosen(jnp.array(true), jnp.arange(3)).toList(), [7, 8, 9]);
  assert.equal(await chosen(jnp.array(false), jnp.arange(3)).toList(), [0, 1, 2]);
});

test("arrays without elements are inputs and results", async () => {
  assert.equal(await scale({ x: jnp.zeros([0]), factor: 2 }).y.toList(), []);
  const count = customKernel({
    name: "count",
    inputs: ["x"],
    outputs: () => ({ n: struct([], "int32"), none: struct([0]) }),
    wgsl: "fn main() { n[0] = x_size; }",
    workgroups: () => [1],
    cost: () => ({ flops: 0 }),
  });
  const { n, none } = count({ x: jnp.zeros([3, 0]) });
  assert.is(await n.item(), 0);
  assert.equal(await none.toList(), []);
});

test("with a jvp rule it has derivatives in both modes", async () => {
  const f = (x: jax.Array, k: jax.Array): jax.Array => scale({ x, factor: k }).y.mul(range(3)).sum();
  // Σ i·k·xᵢ
  const [dx, dk] = jit(jax.grad(f, { argnums: [0, 1] }))(
    jnp.array([1.5, 2, 3]),
    jnp.array(4, { dtype: "float32" }),
  ) as unknown as jax.Array[];
  assert.equal(await dx.toList(), [0, 4, 8]);
  assert.is(await dk.item(), 8);
  const [, tangent] = jax.jvp((x: jax.Array) => scale({ x, factor: 4 }).y, [range(3)], [jnp.ones([3])]);
  assert.equal(await (tangent as jax.Array).toList(), [4, 4, 4]);
});

test("vmap runs it for one index after the other, or as its rule says", async () => {
  const rows = jax.vmap((x: jax.Array, factor: jax.Array) => scale({ x, factor }).y)(jnp.ones([2, 3]), range(2).add(1));
  assert.equal(await rows.toList(), [
    [1, 1, 1],
    [2, 2, 2],
  ]);
  let asked: unknown;
  const negate = customKernel({
    name: "negate",
    inputs: ["x"],
    outputs: ({ x }) => ({ y: struct(x.shape) }),
    wgsl: "fn main(@builtin(global_invocation_id) id: vec3u) { if (id.x < x_size) { y[id.x] = -x[id.x]; } }",
    workgroups: ({ x }) => workgroupsFor(x),
    cost: () => ({ flops: 0 }),
    vmapRule: (axisSize, batched, { x }): { readonly y: jax.Array } => {
      asked = [axisSize, batched, x.shape];
      return negate({ x });
    },
  });
  assert.equal(
    await jax
      .vmap((x: jax.Array) => negate({ x }).y, { inAxes: 1 })(jnp.ones([2, 3]))
      .toList(),
    [
      [-1, -1],
      [-1, -1],
      [-1, -1],
    ],
  );
  assert.equal(asked, [3, { x: true }, [3, 2]]);
});

test("without a rule, a transformation says so by the kernel's name", () => {
  const plain = customKernel({
    name: "plain",
    inputs: ["x"],
    outputs: ({ x }) => ({ y: x }),
    wgsl: "fn main() {}",
    workgroups: () => [1],
    cost: () => ({ flops: 0 }),
  });
  assert.throws(() => jax.grad((x: jax.Array) => plain({ x }).y.sum())(range(3)), /custom kernel plain: no jvp rule/);
  assert.throws(
    () => jax.vmap((x: jax.Array) => plain({ x }).y)(jnp.ones([2, 3])),
    /custom kernel plain: no vmap rule/,
  );
});

test("writes out of bounds change no other array", async () => {
  const overrun = customKernel({
    name: "overrun",
    inputs: ["x"],
    outputs: ({ x }) => ({ y: x }),
    wgsl: `fn main(@builtin(global_invocation_id) id: vec3u) {
  y[id.x] = x[id.x];
  for (var i = 1u; i < 4096u; i++) { y[id.x + i * 64u] = -7.0; }
  y[4294967295u - id.x] = -7.0;
}`,
    workgroups: () => [1],
    cost: () => ({ flops: 0 }),
  });
  const neighbours = Array.from({ length: 8 }, (_, i) => jnp.full([64], i, { dtype: "float32" }).add(0));
  const f = jit((x: jax.Array) => {
    const [before, after] = [x.mul(2), x.mul(3)];
    const { y } = overrun({ x: before });
    return [y, scale({ x: before, factor: 1 }).y, scale({ x: after, factor: 1 }).y];
  });
  const x = range(64);
  const [, before, after] = f(x);
  assert.equal(await before.toList(), (await x.mul(2).toList()) as number[]);
  assert.equal(await after.toList(), (await x.mul(3).toList()) as number[]);
  assert.equal(await x.toList(), [...Array(64).keys()]);
  for (const [i, neighbour] of neighbours.entries()) assert.equal(await neighbour.toList(), Array(64).fill(i));
});

const here = /called at .*custom-kernel\.test\.ts:\d+:\d+/;
const define =
  (options: object): (() => unknown) =>
  () =>
    customKernel({
      name: "k",
      inputs: ["x"],
      outputs: () => ({ y: struct([1]) }),
      wgsl: "fn main() {}",
      workgroups: () => [1],
      cost: () => ({ flops: 0 }),
      ...options,
    } as never)({ x: range(3) } as never);

test("what cannot be is refused when it is traced, with the user's line", async () => {
  const { limits } = await jax.ready();
  const refused: readonly (readonly [object, RegExp])[] = [
    [{ inputs: ["x", "loop"] }, /names of WGSL variables; got loop, a WGSL keyword/],
    [{ inputs: ["x", "shared"] }, /got shared, reserved by WGSL/],
    [{ inputs: ["2x"] }, /got 2x, no WGSL identifier/],
    [{ inputs: ["x", "x_size"] }, /names must be distinct; got x_size/],
    [{ outputs: () => ({ x: struct([1]) }) }, /names must be distinct; got x/],
    [{ outputs: () => ({ y: struct([1.5]) }) }, /y must have a shape of whole numbers; got \[1\.5\]/],
    [{ outputs: () => ({ y: struct([1], "float64" as jax.DType) }) }, /y must have a dtype; got float64/],
    [{ outputs: () => ({}) }, /must have a result; got none/],
    [{ wgsl: "fn other() {} // fn main() {}" }, /must have an entry point `fn main/],
    [{ wgsl: "@group(0) @binding(0) var<storage> z: array<f32>;\nfn main() {}" }, /must not declare bindings/],
    [{ workgroupSize: 0 }, /workgroupSize must be .* of at least 1; got \[0\]/],
    [
      { workgroupSize: 32, wgsl: "@compute @workgroup_size(64) fn main() {}" },
      /must agree with @workgroup_size\(64\); got \[32\]/,
    ],
    [{ workgroupSize: [1024, 64] }, /invocations of a workgroup must be at most \d+ on .*; got 65536/],
    [{ workgroups: () => [0] }, /workgroups must be .* of at least 1; got \[0\]/],
    [{ workgroups: () => [1, 70000] }, /workgroups in one dimension must be at most 65535 .*; got 70000/],
    [{ aliases: { y: "x" } }, /y must have the type of x, which it aliases; got float32\[1\] and float32\[3\]/],
    [{ aliases: { y: "z" } }, /aliases must name an input for y; got z/],
    [{ aliases: { z: "x" } }, /aliases and atomics must name outputs; got z/],
    [{ atomics: ["y"] }, /atomics must be int32 or uint32; got float32\[1\] for y/],
    [{ inputs: { x: { dtype: "int32" } } }, /x must be int32; got float32\[3\]/],
    [{ inputs: { x: { dtype: ["int32", "bfloat16"] } } }, /x must be int32 or bfloat16; got float32\[3\]/],
    [{ inputs: { x: { rank: 2 } } }, /x must have rank 2; got float32\[3\]/],
    [{ inputs: ["x", "z"] }, /takes \{ x, z \}; got \{ x \}/],
    [
      {
        outputs: () =>
          Object.fromEntries(
            Array.from({ length: limits.maxStorageBuffersPerShaderStage }, (_, i) => [`y${i}`, struct([1])]),
          ),
      },
      /storage bindings \(inputs, outputs\) must be at most \d+ on/,
    ],
    [{ outputs: () => ({ y: struct([2 ** 31]) }) }, /bytes of y \(float32\[2147483648\]\) must be at most/],
  ];
  for (const [options, message] of refused) {
    const error = thrown(define(options));
    assert.match(error.message, /^custom kernel k: /);
    assert.match(error.message, message);
    assert.match(error.message, here);
  }
});

function thrown(f: () => unknown): Error {
  try {
    f();
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was thrown");
}

test("a name that could end the comment it stands in is refused", () => {
  const options = {
    inputs: [],
    outputs: () => ({ y: struct([1]) }),
    wgsl: "fn main() { y[0] = 1; }",
    workgroups: () => [1],
    cost: () => ({ flops: 0 }),
  };
  for (const end of ["\n", "\v", "\f", "\r", "\u0085", "\u2028", "\u2029", "\0"])
    assert.throws(
      () => customKernel({ ...options, name: `k${end}var<private> injected: i32;` }),
      /^custom kernel: must have a name of one line; got "k.*injected: i32;", called at .*custom-kernel\.test\.ts:/s,
    );
  assert.throws(() => customKernel({ ...options, name: "" }), /must have a name of one line; got ""/);
  const f = jit(() => customKernel({ ...options, name: "größe * 2 */" })({}).y);
  assert.match(f.lower().asText("wgsl"), /^\/\/ größe \* 2 \*\/$/m);
});

test("names of functions and scopes do not reach the WGSL", () => {
  const f = (x: jax.Array) => jax.namedScope("a\nb", () => x.add(1).sum());
  const named = Object.defineProperty(f, "name", { value: "f\nvar<private> injected: i32;" });
  assert.not.match(jit(named).lower(range(4)).asText("wgsl"), /^b|injected/m);
});

test("WGSL that does not compile is a DeviceError with the line of the WGSL and that of the call", async () => {
  const broken = customKernel({
    name: "broken",
    inputs: ["x"],
    outputs: ({ x }) => ({ y: x }),
    wgsl: "// a comment\nfn main() {\n  y[0] = nonsense(x[0]);\n}",
    workgroups: () => [1],
    cost: () => ({ flops: 0 }),
  });
  for (const call of [() => broken({ x: range(3) }).y, () => jit((x: jax.Array) => broken({ x }).y)(range(3))]) {
    const error = await rejection(call().data());
    assert.instance(error, jax.DeviceError);
    assert.match(error.message, "line 3 of its wgsl, `y[0] = nonsense(x[0]);`: unresolved call target 'nonsense'");
    assert.match(error.message, here);
  }
});

test("directives, block comments and constants of the user's are left in order", async () => {
  const odd = customKernel({
    name: "odd",
    inputs: ["x"],
    outputs: ({ x }) => ({ y: x }),
    wgsl: `/* enable f16; /* nested */ */ diagnostic(off, derivative_uniformity);
const two = 2.0; // fn main() {
@workgroup_size(4, /* one row */ 2) @compute
fn main(@builtin(local_invocation_index) i: u32) { y[i] = two * x[i]; }`,
    workgroups: () => [1],
    cost: () => ({ flops: 0 }),
  });
  assert.equal(await odd({ x: range(8) }).y.toList(), [0, 2, 4, 6, 8, 10, 12, 14]);
});

test.run();
