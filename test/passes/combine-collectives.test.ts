/** Programs of one device with as few collectives as there can be, and the same values: all are whole numbers, so sums are exact. */
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { HostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import { optimize } from "../../packages/jaxscale/src/compile.ts";
import { interpret } from "../../packages/jaxscale/src/jaxpr/interpret.ts";
import { shapedArray } from "../../packages/jaxscale/src/jaxpr/ir.ts";
import type { Layout } from "../../packages/jaxscale/src/partition/layout.ts";
import { topologyOf } from "../../packages/jaxscale/src/partition/topology.ts";
import { traceToJaxpr } from "../../packages/jaxscale/src/trace/staging.ts";
import { meshOf } from "../conformance/rows-sharding.ts";
import { held, interpretOnGpus, joined } from "../partition/interpret-on-gpus.ts";
import { counting, onMesh, type Spec, tensor } from "../partition/on-mesh.ts";
import "../setup.ts";

const { nn, numpy: jnp, P } = jax;
type A = jax.Array;

const mesh = { x: 2, y: 4 };
const named = (...spec: Spec): jax.NamedSharding => new jax.NamedSharding(meshOf(mesh), P(...spec));
const small = (...shape: number[]): HostTensor => tensor(shape, "float32", [1, -2, 3, 0, 2, -1, 4]);
const [a, b] = [small(8, 16), small(16, 8)];
const rowParallel: readonly Spec[] = [
  [null, "y"],
  ["y", null],
];

test("a sum of sums is one", async () => {
  const f = (u: A, v: A, w: A, z: A): A => jnp.matmul(u, v).add(jnp.matmul(w, z)).sub(jnp.matmul(u, z));
  const specs = [...rowParallel, ...rowParallel];
  const { moves } = await onMesh(f, { mesh, args: [a, b, a, b], specs });
  assert.equal(moves, ["psum float32[8,8]"]);
});

test("sums over other axes, or that are read elsewhere too, stay apart", async () => {
  const other: readonly Spec[] = [
    [null, "x"],
    ["x", null],
  ];
  const f = (u: A, v: A, w: A, z: A): A => jnp.matmul(u, v).add(jnp.matmul(w, z));
  const { moves } = await onMesh(f, { mesh, args: [a, b, a, b], specs: [...rowParallel, ...other] });
  assert.is(moves.length, 2);
  const twice = (u: A, v: A, w: A, z: A): A[] => {
    const left = jnp.matmul(u, v);
    return [left.add(jnp.matmul(w, z)), left];
  };
  const both = await onMesh(twice, { mesh, args: [a, b, a, b], specs: [...rowParallel, ...rowParallel] });
  // Not added before, but sent together.
  assert.is(both.moves.length, 1);
  assert.match(both.text, /psum\[axes=\('y',\) axis_index_groups=None\] \w+ \w+\n/);
});

test("sums that do not wait for each other are sent together, what follows them behind", async () => {
  const f = (u: A, v: A, w: A, z: A): A[] => {
    const left = jnp.matmul(u, v).mul(2).add(1);
    const right = jnp.matmul(w, z).sum({ axis: 0 });
    return [left, right, left.mul(right)];
  };
  const { moves, text } = await onMesh(f, { mesh, args: [a, b, a, b], specs: [...rowParallel, ...rowParallel] });
  assert.is(moves.length, 1, text);
});

test("a sum that waits for another is sent behind it: one for each row-parallel product of a chain", async () => {
  const f = (u: A, up: A, down: A): A => {
    const once = u.add(jnp.matmul(nn.relu(jnp.matmul(u, up)), down));
    return once.add(jnp.matmul(nn.relu(jnp.matmul(once, up)), down));
  };
  const specs: Spec[] = [[], [null, "y"], ["y", null]];
  const { moves } = await onMesh(f, { mesh, args: [a, b, small(8, 16)], specs });
  assert.equal(moves, ["psum float32[8,16]", "psum float32[8,16]"]);
});

for (const dtype of ["float32", "bfloat16"] as const)
  test(`of a ${dtype} sum that is split only parts are made`, async () => {
    const args = [tensor([8, 16], dtype, [1, -2, 3]), tensor([16, 8], dtype, [1, 0, 2, -1])];
    const f = (u: A, v: A): A => jnp.matmul(u, v).add(1);
    const { moves, text } = await onMesh(f, { mesh, args, specs: rowParallel, wanted: [["y", null]] });
    assert.equal(moves, ["reduce_scatter float32[2,8]"], text);
    assert.not.match(text, /own_part/);
  });

test("the own part of what was gathered was there, and what two need is gathered once", async () => {
  const back = (x: A): A =>
    jax.withShardingConstraint(jax.withShardingConstraint(x, named()).mul(3), named("y", null)).add(1);
  const { moves } = await onMesh(back, { mesh, args: [a], specs: [["y", null]] });
  assert.equal(moves, []);
  const whole = (x: A): A => jax.withShardingConstraint(x, named());
  const twice = await onMesh((x: A): A[] => [jnp.sort(whole(x), { axis: 0 }), whole(x).mul(2)], {
    mesh,
    args: [a],
    specs: [["y", null]],
    wanted: [[], []],
  });
  assert.equal(twice.moves, ["all_gather float32[8,16]"]);
});

test("a mean over devices is a sum and a division", () => {
  const f = jax.shardMap((x: A) => jax.lax.pmean(x, "y"), { mesh: meshOf(mesh), inSpecs: P("y"), outSpecs: P() });
  const text = jax
    .jit(f)
    .lower(new jax.ShapeDtypeStruct([8], "float32"))
    .asText();
  assert.match(text, /reduce_sum[\s\S]*div \w+ 4.0:f32\[\]/);
});

test("between GPUs, sums of several shapes and dtypes are exchanges of one array a dtype", async () => {
  const grid = meshOf({ x: 4 });
  const topology = topologyOf(grid, (id) => id >> 1);
  const split: Layout = [["x"], []];
  const args = [counting([8, 3], "float32"), counting([4, 5], "bfloat16"), counting([8, 2], "int32")];
  const types = args.map(({ shape, dtype }) => shapedArray(shape, dtype));
  const traced = traceToJaxpr("f", (...xs) => xs.map((x, i) => jnp.sum(x as A, { axis: 0 }).mul(i + 2)) as A[], types);
  const layouts = args.map(() => split);
  const wanted = args.map((): Layout => [[]]);
  const { closed, partitioned } = optimize(traced, { name: "f", mesh: grid, layouts, wanted, topology });
  assert.is(partitioned?.local.jaxpr.eqns.filter(({ primitive }) => primitive.name === "psum").length, 1);
  const exchanges = closed.jaxpr.eqns.filter(({ primitive }) => primitive.name === "exchange");
  assert.equal(
    exchanges.map(({ outputs: [v] }) => [v.aval.dtype, ...v.aval.shape]),
    [
      ["float32", 8],
      ["int32", 2],
    ],
  );
  const perGpu = args.map((x, i) => held(x, layouts[i], topology));
  const results = interpretOnGpus(
    closed,
    topology.gpus.map((_, gpu) => perGpu.map((parts) => parts[gpu])),
    topology,
  );
  const want = interpret(optimize(traced).closed, args);
  want.forEach((tensorWanted, i) => {
    const got = joined(
      results.map((own) => own[i]),
      tensorWanted.shape,
      [[]],
      topology,
    );
    assert.equal([...got.values], [...tensorWanted.values]);
  });
});

test.run();
