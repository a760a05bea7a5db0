import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { optimize } from "../../packages/jaxscale/src/compile.ts";
import { type ClosedJaxpr, shapedArray } from "../../packages/jaxscale/src/jaxpr/ir.ts";
import { traceToJaxpr } from "../../packages/jaxscale/src/trace/staging.ts";
import { meshOf } from "../conformance/rows-sharding.ts";

const { lax, nn, numpy: jnp, P } = jax;
type A = jax.Array;
interface Weights {
  readonly up: A;
  readonly down: A;
}
type State = readonly [weights: Weights, mean: Weights, square: Weights];

const mesh = meshOf({ data: 2, tensor: 4 });
const lie = (...spec: (string | null)[]): jax.NamedSharding => new jax.NamedSharding(mesh, P(...spec));
const normal = (seed: number, shape: readonly number[]): A => jax.random.normal(jax.random.key(seed), shape);

const layer = (x: A, { up, down }: Weights): A => x.add(nn.silu(x.dot(up)).dot(down));
const lossOf =
  (one: typeof layer) =>
  (weights: Weights, x: A, y: A): A => {
    const [out] = lax.scan((c: A, w: Weights): [A, null] => [one(c, w), null], x, weights);
    return jnp.mean(out.sub(y).pow(2));
  };

/** A step of Adam. */
const stepOf =
  (loss: ReturnType<typeof lossOf>) =>
  ([weights, mean, square]: State, x: A, y: A): [State, A] => {
    const [value, gradient] = jax.valueAndGrad(loss)(weights, x, y);
    const nextMean = jax.tree.map((m: A, g: A) => m.mul(0.9).add(g.mul(0.1)), mean, gradient);
    const nextSquare = jax.tree.map((s: A, g: A) => s.mul(0.99).add(g.mul(g).mul(0.01)), square, gradient);
    const next = jax.tree.map(
      (w: A, m: A, s: A) => w.sub(m.div(jnp.sqrt(s).add(1e-3)).mul(0.01)),
      weights,
      nextMean,
      nextSquare,
    );
    return [[next, nextMean, nextSquare], value];
  };

const shardings = { up: lie(null, null, "tensor"), down: lie(null, "tensor") };
const weights: Weights = { up: normal(0, [4, 16, 64]).mul(0.2), down: normal(1, [4, 64, 16]).mul(0.2) };
const zeros: Weights = jax.tree.map((x: A) => jnp.zeros(x.shape), weights);
const [x, y] = [normal(2, [8, 16]), normal(3, [8, 16])];
const onMesh = jax.devicePut(weights, shardings);
const batch = jax.devicePut([x, y], lie("data")) as [A, A];

/** Collectives of a printed program, those of loops' bodies behind `in scan:`. */
const collectivesOf = (text: string): string[] =>
  [
    ...text.matchAll(
      /^( *)((?:\w+:\S+ )+)= (psum|pmax|all_gather|own_part|reduce_scatter)\[\s*(?:[a-z_]+=\w+\s+)*(?:axes|axis_name)=(\S+)/gm,
    ),
  ].map(([, indent, results, name, axes]) => {
    const types = results.trim().replaceAll(/\w+:/g, "");
    return `${indent.length > 4 ? "in scan: " : ""}${name} ${axes} ${types}`;
  });

test("a data- and tensor-parallel step of Adam gives the numbers of one device", async () => {
  const step = jax.jit(stepOf(lossOf(layer)));
  let [sharded, alone]: [State, State] = [
    [onMesh, zeros, zeros],
    [weights, zeros, zeros],
  ];
  for (let i = 0; i < 3; i++) {
    const [next, value] = step(sharded, ...batch);
    const [nextAlone, valueAlone] = step(alone, x, y);
    sharded = next;
    alone = nextAlone;
    const [a, b] = [Number(await value.item()), Number(await valueAlone.item())];
    assert.ok(Math.abs(a - b) <= 1e-5 * b, `step ${i}: ${a} and ${b}`);
  }
  const want = jax.tree.leaves(alone) as A[];
  for (const [i, x] of (jax.tree.leaves(sharded) as A[]).entries()) {
    const [a, b] = (await Promise.all([x.data(), want[i].data()])) as Float32Array[];
    a.forEach((value, j) => assert.ok(Math.abs(value - b[j]) <= 1e-4 * (1 + Math.abs(b[j])), `${i}: ${value} ${b[j]}`));
    const { spec } = (x as jax.DeviceArray).sharding as jax.NamedSharding;
    assert.is(`${spec}`, i % 2 === 0 ? "P(None, 'tensor')" : "P(None, None, 'tensor')");
  }
});

test("its loops hold the all-reduces of tensor parallelism, and the weights' gradients are summed once over the batch, together", () => {
  const text = jax
    .jit(stepOf(lossOf(layer)))
    .lower([onMesh, zeros, zeros], ...batch)
    .asText("partitioned");
  assert.equal(collectivesOf(text), [
    "in scan: psum ('tensor',) f32[4,16]",
    "in scan: psum ('tensor',) f32[4,16]",
    // The loss and both gradients.
    "psum ('data',) f32[] f32[4,16,16] f32[4,16,16]",
  ]);
});

test("on one GPU, a layer's gradient of all devices is one product that sums over the batch: no device's part is kept", () => {
  const gradients = (up: A, down: A, v: A): A[] => {
    const loss = (w: Weights): A =>
      jnp.sum(lax.scan((c: A, one: Weights): [A, null] => [layer(c, one), null], v, w)[0]);
    return Object.values(jax.grad(loss)({ up, down }));
  };
  const types = [weights.up, weights.down, x].map(({ shape }) => shapedArray(shape, "float32"));
  const traced = traceToJaxpr("f", (up, down, v) => gradients(up, down, v), types);
  const layouts = [
    [[], [], ["tensor"]],
    [[], ["tensor"], []],
    [["data"], []],
  ];
  const { closed } = optimize(traced, { name: "f", mesh, layouts, wanted: [undefined, undefined] });
  const stacks = closed.jaxpr.eqns
    .filter(({ primitive }) => primitive.name === "scan")
    .flatMap(({ outputs }) => outputs);
  const largest = Math.max(...stacks.map(({ aval }) => aval.shape.reduce((a, b) => a * b, 1)));
  assert.is(largest, 4 * 16 * 64);
});

test("with weights split over the batch's axis, gradients are scattered as they are summed", async () => {
  const f = (...[w, m, v]: A[]): A[] => {
    const gradient = jax.grad((u: A) => jnp.sum(jnp.sin(v.dot(u))))(w);
    const mean = m.mul(0.9).add(gradient.mul(0.1));
    return [w.sub(mean.mul(0.01)), mean, gradient.mul(gradient).add(w)];
  };
  const args = [normal(4, [16, 8]), normal(5, [16, 8]), normal(6, [8, 16])];
  const split = ["data", "data", ["data", "tensor"]].map((axes) => new jax.NamedSharding(mesh, P(axes)));
  const placed = args.map((arg, i) => jax.devicePut(arg, split[i]));
  const jitted = jax.jit(f);
  assert.equal(collectivesOf(jitted.lower(...placed).asText("partitioned")), [
    "all_gather ('data',) f32[16,8]",
    "reduce_scatter ('data',) f32[8,8]",
    "psum ('tensor',) f32[8,8]",
  ]);
  const [got, want] = [jitted(...placed), f(...args)];
  for (const [i, one] of got.entries()) {
    const [a, b] = (await Promise.all([one.data(), want[i].data()])) as Float32Array[];
    a.forEach((value, j) => assert.ok(Math.abs(value - b[j]) <= 1e-5 * (1 + Math.abs(b[j])), `${i}: ${value} ${b[j]}`));
  }
});

test("rematerialised layers are computed again on each device, with their all-reduce", async () => {
  const remat = jax.checkpoint(layer) as typeof layer;
  const gradients = (one: typeof layer) => jax.jit((w: Weights) => jax.grad(lossOf(one))(w, ...batch));
  const text = gradients(remat).lower(onMesh).asText("partitioned");
  assert.not.match(text, /all_gather/);
  const products = (t: string): number => t.match(/dot_general\[/g)?.length ?? 0;
  // Of the product with `down`, nothing but its cotangents is needed.
  assert.is(products(text), products(gradients(layer).lower(onMesh).asText("partitioned")) + 1);
  const [got, want] = [gradients(remat)(onMesh), jax.grad(lossOf(layer))(weights, x, y)];
  for (const name of ["up", "down"] as const) {
    const [a, b] = (await Promise.all([got[name].data(), want[name].data()])) as Float32Array[];
    a.forEach((value, i) => assert.ok(Math.abs(value - b[i]) <= 1e-5 * (1 + Math.abs(b[i])), `${name} ${i}`));
  }
});

test("what a checkpoint computes again stays apart from what computed it before", () => {
  const one = jax.checkpoint((v: A, w: A) => jnp.sin(jnp.sin(v.dot(w))));
  const f = (w: A, v: A): A[] => [...jax.valueAndGrad((u: A) => jnp.sum(one(v, u)))(w)];
  const traced = traceToJaxpr("f", (w, v) => f(w, v), [
    shapedArray([16, 8], "float32"),
    shapedArray([8, 16], "float32"),
  ]);
  const layouts = [
    [[], ["tensor"]],
    [["data"], []],
  ];
  const sharded = optimize(traced, { name: "f", mesh, layouts, wanted: [undefined, undefined] });
  const sines = ({ jaxpr }: ClosedJaxpr): number =>
    jaxpr.eqns.filter(({ primitive }) => primitive.name === "sin").length;
  // Two of the value and one that is computed again: of the outer one, only the cosine is needed.
  assert.is(sines(sharded.closed), 3);
  assert.is(sines(optimize(traced).closed), 3);
});

test.run();
