import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { readDocument } from "../conformance/fixtures.ts";
import { meshOf } from "../conformance/rows-sharding.ts";

const { nn, numpy: jnp, P } = jax;
type A = jax.Array;
type Entry = string | readonly string[] | null;

interface Propagation {
  readonly formula: string;
  readonly shapes: readonly (readonly number[])[];
  readonly in_specs: readonly (readonly Entry[])[];
  /** The result's spec under `jit`, as JAX prints it. */
  readonly auto: string;
}
const { propagation } = readDocument<{ readonly propagation: readonly Propagation[] }>("sharding");

const mesh = meshOf({ x: 2, y: 4 });
const named = (...spec: Entry[]): jax.NamedSharding => new jax.NamedSharding(mesh, P(...spec));
const normal = (seed: number, shape: readonly number[]): A => jax.random.normal(jax.random.key(seed), shape);
const sharding = (x: A): jax.NamedSharding => (x as jax.DeviceArray).sharding as jax.NamedSharding;

const functions: Readonly<Record<string, (...args: A[]) => A>> = {
  "x + y": (x, y) => x.add(y),
  "x·2 + 1": (x) => x.mul(2).add(1),
  "x @ w": (x, w) => jnp.matmul(x, w),
  "sum(x, axis 0)": (x) => jnp.sum(x, { axis: 0 }),
  "sum(x, axis 1)": (x) => jnp.sum(x, { axis: 1 }),
  "transpose(x)": (x) => x.T,
  "softmax(x, axis −1)": (x) => nn.softmax(x, { axis: -1 }),
  "silu(x @ w1) @ w2": (x, up, down) => jnp.matmul(nn.silu(jnp.matmul(x, up)), down),
  "reshape(x, [2, rows/2, columns])": (x) => x.reshape(2, x.shape[0] / 2, x.shape[1]),
  "reshape(x, [-1])": (x) => x.reshape(-1),
  "broadcast_to(x, [4, *x.shape])": (x) => jnp.broadcastTo(x, [4, ...x.shape]),
  "concatenate([x, x], axis 1)": (x) => jnp.concatenate([x, x], 1),
};

/** JAX leaves trailing Nones in some specs; they split nothing. */
const withoutTrailingNones = (spec: string): string =>
  spec
    .replace(/(, None)+\)$/, ")")
    .replace(/^P\(('\w+')\)$/, "P($1,)")
    .replace(/^P\(None\)$/, "P()");

test(`results lie as in JAX, and hold what the unsharded function gives (${propagation.length} cases)`, async () => {
  for (const { formula, shapes, in_specs, auto } of propagation) {
    const where = `${formula} ${in_specs.map((spec) => spec.map(String)).join(" ")}`;
    const f = functions[formula];
    const args = shapes.map((shape, i) => normal(i, shape));
    const placed = args.map((x, i) => jax.devicePut(x, named(...in_specs[i])));
    const result = jax.jit(f)(...placed);
    assert.is(`${sharding(result).spec}`, withoutTrailingNones(auto), where);
    const want = (await f(...args).data()) as Float32Array;
    const got = (await result.data()) as Float32Array;
    got.forEach((value, i) => assert.ok(Math.abs(value - want[i]) <= 1e-5 * (1 + Math.abs(want[i])), `${where}: ${i}`));
  }
});

test("a tensor-parallel MLP is one all-reduce, and no weight is gathered", () => {
  const f = jax.jit((x: A, up: A, down: A) => jnp.matmul(nn.silu(jnp.matmul(x, up)), down), {
    inShardings: [named(), named(null, "y"), named("y", null)],
  });
  const type = (...shape: number[]): jax.ShapeDtypeStruct => new jax.ShapeDtypeStruct(shape, "float32");
  const text = f.lower(type(8, 16), type(16, 32), type(32, 16)).asText("partitioned");
  assert.match(text, /f32\[16,8\]/);
  assert.is(text.match(/psum/g)?.length, 1);
  assert.not.match(text, /all_gather|own_part/);
});

test("partial sums of bfloat16 stay float32 until they are combined", async () => {
  const x = normal(0, [4, 512]).astype("bfloat16");
  const w = normal(1, [512, 8]).astype("bfloat16");
  const f = jax.jit((a: A, b: A) => jnp.matmul(a, b), { inShardings: [named(null, ["x", "y"]), named(["x", "y"])] });
  const [got, want] = await Promise.all([f(x, w).data(), jnp.matmul(x, w).data()]);
  // One rounding of a sum in another order: at most a step of bfloat16 apart, and mostly equal.
  const apart = [...(got as Float32Array)].filter((value, i) => value !== want[i]);
  assert.ok(apart.length <= 1, `${apart.length} of ${want.length} differ`);
});

test("outShardings and constraints are kept, and a reduction over both axes is one collective a name", async () => {
  const x = normal(0, [8, 16]);
  const out = jax.jit((v: A) => v.mul(2), { outShardings: named("y", "x") })(x);
  assert.is(`${sharding(out).spec}`, "P('y', 'x')");
  const inside = jax.jit((v: A) => jax.withShardingConstraint(v.mul(2), named(["x", "y"])).add(1))(x);
  assert.is(`${sharding(inside).spec}`, "P(('x', 'y'),)");
  assert.equal(await inside.data(), await x.mul(2).add(1).data());
});

test("an axis that goes from one dimension to another is one exchange of parts; nothing is gathered", async () => {
  const x = normal(0, [8, 16]);
  const f = jax.jit((v: A) => v.mul(2), { inShardings: named(null, ["x", "y"]), outShardings: named("y", "x") });
  const text = f.lower(x).asText("partitioned");
  assert.is(text.match(/all_to_all/g)?.length, 1);
  assert.not.match(text, /all_gather|own_part/);
  assert.equal(await f(x).data(), await x.mul(2).data());
});

test("an array that a function closes over keeps its sharding", async () => {
  const w = jax.devicePut(normal(1, [16, 32]), named(null, "y"));
  const x = normal(0, [8, 16]);
  const f = jax.jit((v: A) => jnp.matmul(v, w));
  assert.is(`${sharding(f(x)).spec}`, "P(None, 'y')");
  assert.not.match(f.lower(x).asText("partitioned"), /all_gather/);
  const [got, want] = (await Promise.all([f(x).data(), jnp.matmul(x, normal(1, [16, 32])).data()])) as Float32Array[];
  got.forEach((value, i) => assert.ok(Math.abs(value - want[i]) <= 1e-5 * (1 + Math.abs(want[i])), `${i}`));
});

test("an inner jit's shardings are constraints of the outer program", async () => {
  const inner = jax.jit((v: A) => v.mul(2), { inShardings: named("x"), outShardings: named(null, "y") });
  const x = normal(0, [8, 16]);
  const out = jax.jit((v: A) => inner(v).add(1))(x);
  assert.is(`${sharding(out).spec}`, "P(None, 'y')");
  assert.equal(await out.data(), await x.mul(2).add(1).data());
});

test("gradients of sharded programs are those of unsharded ones", async () => {
  const loss = (w: A, x: A): A => jnp.sum(nn.softmax(jnp.matmul(x, w)).pow(2));
  const [w, x] = [normal(0, [16, 8]), normal(1, [8, 16])];
  const want = (await jax.grad(loss)(w, x).data()) as Float32Array;
  const sharded = jax.jit(jax.grad(loss), { inShardings: [named(null, "y"), named("x")] })(w, x);
  ((await sharded.data()) as Float32Array).forEach((value, i) =>
    assert.ok(Math.abs(value - want[i]) <= 1e-5 * (1 + Math.abs(want[i])), `${i}`),
  );
});

test("an array's shards are its parts, in the mesh's order", async () => {
  const x = jax.devicePut(jnp.arange(16).reshape(4, 4), named("x"));
  const shards = jax.addressableShards(x);
  assert.is(shards.length, 8);
  assert.equal(
    shards.map(({ index }) => index[0]),
    [
      [0, 2],
      [0, 2],
      [0, 2],
      [0, 2],
      [2, 4],
      [2, 4],
      [2, 4],
      [2, 4],
    ],
  );
  assert.equal(
    shards.map(({ replicaId }) => replicaId),
    [0, 1, 2, 3, 0, 1, 2, 3],
  );
  assert.equal([...(await shards[4].data.data())], [8, 9, 10, 11, 12, 13, 14, 15]);
});

test("what does not fit is refused in words", () => {
  const seven = jnp.arange(7);
  assert.throws(() => jax.devicePut(seven, named("y")), /int32\[7\].*7 over 4 devices along y/);
  assert.throws(() => jax.jit((x: A) => x, { inShardings: named("y") })(seven), /inShardings.*7 over 4 devices/);
  assert.throws(() => jax.jit((x: A) => x, { outShardings: named("y") })(seven), /outShardings.*7 over 4 devices/);
  const placed = jax.devicePut(jnp.arange(8), named("y"));
  assert.throws(() => jax.jit((x: A) => x, { inShardings: named("x") })(placed), /must lie as inShardings says/);
  const other = new jax.NamedSharding(meshOf({ z: 4 }), P("z"));
  assert.throws(() => jax.jit((x: A, y: A) => x.add(y))(placed, jax.devicePut(jnp.arange(8), other)), /of one mesh/);
  assert.throws(
    () =>
      jax
        .jit((x: A) => x)
        .lower(seven)
        .asText("ptx" as "wgsl"),
    /the stage must be one of jaxpr, partitioned, kernels, wgsl; got "ptx"/,
  );
});

test.run();
