import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checks } from "../../packages/jaxscale/src/compile.ts";
import { openGpus } from "./on-gpus.ts";

openGpus(2, 8);
checks.enabled = true;

const { lax, nn, numpy: jnp, P } = jax;
type A = jax.Array;
type Entry = string | readonly string[] | null;

const meshes = {
  x: jax.makeMesh([8], ["x"]),
  xy: jax.makeMesh([2, 4], ["x", "y"]),
  xyz: jax.makeMesh([2, 2, 2], ["x", "y", "z"]),
};
const named = (mesh: jax.Mesh, ...spec: Entry[]): jax.NamedSharding => new jax.NamedSharding(mesh, P(...spec));
const shardingOf = (x: A): string => `${((x as jax.DeviceArray).sharding as jax.NamedSharding).spec}`;
const range = (shape: readonly number[], dtype: jax.DType = "float32"): A =>
  jnp
    .arange(
      shape.reduce((a, b) => a * b, 1),
      { dtype: "int32" },
    )
    .reshape(shape)
    .astype(dtype);
const close = (got: readonly number[], want: readonly number[], where = "", tolerance = 1e-5): void =>
  got.forEach((v, i) =>
    assert.ok(Math.abs(v - want[i]) <= tolerance * (1 + Math.abs(want[i])), `${where} ${i}: got ${v}, want ${want[i]}`),
  );
const values = async (x: A): Promise<number[]> => [...(await x.data())];

/** Steps of a lowered function, by kind; collectives by their name. */
const stepsOf = (lowered: jax.Lowered): string[][] =>
  lowered.program().segments.map(({ steps }) => steps.map((s) => (s.kind === "exchange" ? s.collective : s.kind)));

test("the devices of two GPUs: those of the first come first", async () => {
  assert.equal(
    (await jax.devices()).map(({ id }) => id),
    [0, 1, 2, 3, 4, 5, 6, 7],
  );
  assert.is(jax.deviceCount(), 8);
});

test("a sum over devices of two GPUs is one exchange, at the end of a segment", async () => {
  await jax.ready();
  const f = jax.jit((x: A) => jnp.sum(x, { axis: 0 }).mul(2), { inShardings: named(meshes.x, "x") });
  const x = range([8, 4]);
  assert.equal(stepsOf(f.lower(x)), [["dispatch", "allReduce"], ["dispatch"]]);
  assert.equal(await f(x).toList(), [224, 240, 256, 272]);
});

test("an array is what it was in every layout that it is put in, of every dtype", async () => {
  const specs: readonly Entry[][] = [
    [],
    ["x"],
    [null, "x"],
    [["x", "y"]],
    [["y", "x"]],
    ["y", "x"],
    ["x", "y"],
    [null, ["y", "x"]],
  ];
  for (const dtype of ["float32", "bfloat16", "int8", "bool", "uint16"] as const) {
    const x = dtype === "bool" ? range([8, 24]).mul(7).greater(300).astype("bool") : range([8, 24], dtype);
    const want = await values(x);
    let y = x;
    for (const spec of specs) {
      y = jax.devicePut(y, named(meshes.xy, ...spec));
      assert.equal(await values(y), want, `${dtype} ${P(...spec)}`);
    }
    for (const spec of specs.toReversed().slice(1)) {
      y = jax.devicePut(y, named(meshes.xy, ...spec));
      assert.equal(await values(y), want, `${dtype} back to ${P(...spec)}`);
    }
  }
});

test("arrays move between meshes, also to one that is on the second GPU alone, and back", async () => {
  const second = new jax.Mesh([{ id: 4 }, { id: 5 }], "d");
  const x = range([8, 3]);
  const want = await values(x);
  const a = jax.devicePut(x, named(meshes.x, "x"));
  const b = jax.devicePut(a, named(second, "d"));
  assert.equal(await values(b), want);
  assert.equal(
    await values(b.mul(2)),
    want.map((n) => 2 * n),
  );
  const c = jax.devicePut(b, named(meshes.xyz, ["z", "x"]));
  assert.equal(await values(c), want);
});

test("each device's shard is its part, on its device", async () => {
  const x = jax.devicePut(range([4, 16]), named(meshes.xy, null, ["y", "x"]));
  for (const { device, index, data } of jax.addressableShards(x)) {
    const [, [start, stop]] = index;
    const want = [0, 1, 2, 3].flatMap((row) => Array.from({ length: stop - start }, (_, i) => 16 * row + start + i));
    assert.equal(await values(data), want);
    assert.is(`${(data as jax.DeviceArray).sharding}`, `SingleDeviceSharding(device=${device.id})`);
    assert.equal(
      await values(data.add(jnp.array(1))),
      want.map((n) => n + 1),
    );
  }
});

test("GPUs that take different branches all run what a branch with collectives computes", async () => {
  const pair = new jax.Mesh([{ id: 0 }, { id: 4 }], ["x"]);
  const run = (branch: (u: A) => A) =>
    values(
      jax.shardMap((x: A) => lax.cond(x.at(0).get().greater(2), branch, (u: A) => u.mul(2), x), {
        mesh: pair,
        inSpecs: P("x"),
        outSpecs: P("x"),
        checkVma: false,
      })(range([8])),
    );
  // The first GPU has 0 to 3 and doubles them, the second has 4 to 7.
  assert.equal(await run((u) => lax.psum(u.mul(3).sub(1), "x")), [0, 2, 4, 6, 10, 16, 22, 28]);
  const thrice = (u: A): A => lax.foriLoop(0, 3, (_: A, sum: A) => lax.psum(sum, "x"), u);
  assert.equal(await run(thrice), [0, 2, 4, 6, 16, 24, 32, 40]);
});

test("operations outside jit keep what lies on several GPUs there", async () => {
  const x = jax.devicePut(range([8, 4]), named(meshes.x, "x"));
  const y = x.mul(2).add(range([4]));
  assert.is(shardingOf(y), "P('x',)");
  assert.equal(
    (await y.toList()) as unknown,
    (await range([8, 4])
      .mul(2)
      .add(range([4]))
      .toList()) as unknown,
  );
  assert.is(await jnp.sum(x).item(), 496);
});

test("a jitted function that closes over arrays on several GPUs leaves them there", async () => {
  const w = jax.devicePut(range([8, 6]), named(meshes.x, "x"));
  const b = range([6]);
  const f = jax.jit((x: A) => jnp.matmul(x, w).add(b));
  const x = range([3, 8]);
  assert.equal(await values(f(x)), await values(jnp.matmul(x, range([8, 6])).add(b)));
  assert.equal(await values(f(x.add(1))), await values(jnp.matmul(x.add(1), range([8, 6])).add(b)));
});

test("disposing of an array gives back what each GPU holds, and nothing of what it was made of", async () => {
  const x = range([8, 4]);
  const y = jax.devicePut(x, named(meshes.x));
  y.dispose();
  assert.ok(y.isDeleted);
  assert.throws(() => y.add(1), /disposed of/);
  assert.is(await jnp.sum(x).item(), 496);
  const z = jax.devicePut(x, named(meshes.x, "x"));
  const again = jax.devicePut(z, named(meshes.x, "x"));
  z.dispose();
  assert.is(await jnp.sum(again).item(), 496);
});

test("donated arrays are gone on all GPUs, those that lay on one too", async () => {
  const f = jax.jit((x: A) => x.add(1), { donateArgnums: 0, inShardings: named(meshes.x, "x") });
  const x = jax.devicePut(range([8]), named(meshes.x, "x"));
  assert.equal(await values(f(x)), [1, 2, 3, 4, 5, 6, 7, 8]);
  assert.ok(x.isDeleted);
  const unplaced = range([8]);
  assert.equal(await values(f(unplaced)), [1, 2, 3, 4, 5, 6, 7, 8]);
  assert.ok(unplaced.isDeleted);
});

test("a signature is compiled for each way in which its arguments lie", async () => {
  let traced = 0;
  const f = jax.jit((x: A) => {
    traced++;
    return x.mul(3);
  });
  const x = range([8, 8]);
  const want = await values(x.mul(3));
  for (const spec of [["x"], [null, "x"], []] as const) {
    const y = f(jax.devicePut(x, named(meshes.x, ...spec)));
    assert.equal(await values(y), want);
  }
  assert.equal(await values(f(x)), want);
  assert.is(traced, 1);
});

test("a compiled function counts what one GPU has, and takes arguments that lie as they did", async () => {
  const f = jax.jit((x: A) => x.mul(2), { inShardings: named(meshes.x, "x") });
  const x = range([8, 8]);
  const compiled = await f.lower(x).compile();
  const { argumentSizeBytes, outputSizeBytes } = compiled.memoryAnalysis();
  assert.equal([argumentSizeBytes, outputSizeBytes], [128, 128]);
  assert.equal(await values(compiled.call(jax.devicePut(x, named(meshes.x, "x")))[0]), await values(x.mul(2)));
  assert.throws(
    () => compiled.call(jax.devicePut(x, named(meshes.x, null, "x"))),
    /arguments must lie as they did when it was compiled; got float32\[8,8\] .*spec=P\(None, 'x'\)\) as argument 0, wanted .*spec=P\('x',\)/,
  );
});

test("debug.nans finds the operation between arrays on several GPUs", async () => {
  const f = jax.debug.nans(jax.jit((x: A) => jnp.sum(jnp.log(x.sub(1)))));
  let message = "";
  await f(jax.devicePut(range([8]), named(meshes.x, "x")))
    .data()
    .catch((error: Error) => {
      message = error.message;
    });
  assert.match(message, /^debug.nans: log must make no NaN; got one in float32\[8\] of float32\[8\]/);
});

test("collectives in the bodies of loops: scan, a loop with bounds, one that the device ends", async () => {
  const x = range([8, 4]).div(32);
  const steps = (f: (x: A) => A, spec: readonly Entry[]) => jax.jit(f, { inShardings: named(meshes.x, ...spec) });
  const normalized = (c: A): A => c.div(jnp.sum(c)).add(c.mul(0.5));
  const scan = (c: A): A => lax.scan((s: A) => [normalized(s), jnp.sum(s)], c, null, { length: 5 })[0];
  const counted = (c: A): A => lax.foriLoop(0, 5, (_: A, s: A) => normalized(s), c);
  const until = (c: A): A =>
    lax.whileLoop(
      (s: A) => jnp.sum(s).greater(3),
      (s: A) => normalized(s),
      c,
    );
  for (const f of [scan, counted, until])
    for (const spec of [["x"], [null, null]] as const) {
      close(await values(steps(f, spec)(x)), await values(f(x)), `${f} ${spec}`);
    }
});

test("branches with collectives in them", async () => {
  const f = (x: A): A =>
    lax.cond(
      jnp.sum(x).greater(100),
      (y: A) => y.sub(jnp.max(y, { axis: 0 })),
      (y: A) => y.div(jnp.sum(y, { axis: 0 })),
      x,
    );
  for (const x of [range([8, 4]), range([8, 4]).div(100)])
    close(await values(jax.jit(f, { inShardings: named(meshes.x, "x") })(x)), await values(f(x)));
});

test("scalars, arrays without elements, and parts that are no whole words go over GPUs", async () => {
  const s = jax.devicePut(jnp.array(3), named(meshes.x));
  assert.is(await s.mul(2).item(), 6);
  const none = jax.devicePut(jnp.zeros([0, 8]), named(meshes.x, null, "x"));
  assert.equal(await values(jnp.sum(none, { axis: 0 })), [0, 0, 0, 0, 0, 0, 0, 0]);
  for (const dtype of ["int8", "float16", "bool"] as const) {
    const x = range([8, 3]).greater(10).astype(dtype);
    const gather = jax.jit((y: A) => y, { outShardings: named(meshes.x) });
    assert.equal(await values(gather(jax.devicePut(x, named(meshes.x, "x")))), await values(x), dtype);
    const most = jax.jit((y: A) => jnp.max(y, { axis: 0 }));
    assert.equal(await values(most(jax.devicePut(x, named(meshes.x, "x")))), [1, 1, 1], dtype);
  }
});

test("sums of low precision are rounded once", async () => {
  const x = jnp.concatenate([jnp.array([256]), jnp.ones([7])]).astype("bfloat16");
  const f = jax.shardMap((y: A) => lax.psum(y, "x"), { mesh: meshes.x, inSpecs: P("x"), outSpecs: P() });
  // 256 + 7 is 264 rounded to 8 bits; rounded on each GPU it is 260 + 4, but 256 + 1 + 1 + 1 is 256.
  assert.is(await f(x).at(0).get().item(), 264);
});

test("gradients through shardMap, and of what is split", async () => {
  const w = range([8, 4]).div(10);
  const x = range([8, 8]).div(10);
  // Each device has a column of x and a row of w.
  const loss = (v: A): A =>
    jnp.sum(
      jax.shardMap((a: A, b: A) => lax.psum(nn.silu(jnp.matmul(a, b)), "x"), {
        mesh: meshes.x,
        inSpecs: [P(null, "x"), P("x")],
        outSpecs: P(),
      })(x, v),
    );
  const plain = (v: A): A =>
    jnp.sum(
      [0, 1, 2, 3, 4, 5, 6, 7]
        .map((i) => nn.silu(jnp.outer(x.T.at(i).get(), v.at(i).get())))
        .reduce((a, b) => a.add(b)),
    );
  close(await values(jax.grad(loss)(w)), await values(jax.grad(plain)(w)), "gradient", 1e-4);
});

test("within shardMap the gradient of what is equal on all devices is the sum over them, also around loops", async () => {
  const x = range([8, 4]).div(10);
  const gradient = (checkVma: boolean) =>
    jax.shardMap(
      (w: A, part: A) => {
        const step = (c: A): [A, null] => [c.add(jnp.sum(part.mul(w))), null];
        const start = lax.pcast(jnp.array(0, { dtype: "float32" }), "x", { to: "varying" });
        const g = jax.grad((v: A) => jnp.sum(v.mul(part)))(w);
        return [checkVma ? g : lax.psum(g, "x"), lax.psum(lax.scan(step, start, null, { length: 3 })[0], "x")] as const;
      },
      { mesh: meshes.x, inSpecs: [P(), P("x")], outSpecs: P(), checkVma },
    );
  for (const checkVma of [true, false]) {
    const [g, total] = gradient(checkVma)(jnp.ones([4]), x);
    close(await values(g), await values(jnp.sum(x, { axis: 0 })), `checkVma ${checkVma}`);
    close(await values(total), [3 * ((await jnp.sum(x).item()) as number)], `scan, checkVma ${checkVma}`);
  }
});

test("what a program prints is printed once, whole", async () => {
  const lines: string[] = [];
  const log = console.log;
  console.log = (line: string) => void lines.push(line);
  try {
    jax.jit((x: A) => {
      jax.debug.print("{}", jnp.sum(x));
      return x;
    })(jax.devicePut(range([8]), named(meshes.x, "x")));
    await jax.effectsBarrier();
  } finally {
    console.log = log;
  }
  assert.equal(lines, ["28.0"]);
});

test("a mesh in which a GPU's devices are no block is refused, and so is a device that there is not", () => {
  const ids = [0, 4, 1, 5, 2, 6, 3, 7].map((id) => ({ id }));
  const mixed = new jax.Mesh(ids, "x");
  assert.throws(
    () => jax.devicePut(range([8]), named(mixed, "x")),
    /^Mesh: the devices of each GPU must be a block of the grid, all blocks equal; got .* on GPUs 0, 1, 0, 1/,
  );
  const missing = new jax.Mesh([{ id: 8 }, { id: 9 }], "x");
  assert.throws(
    () => jax.devicePut(range([8]), named(missing, "x")),
    /^Mesh: devices must be among those that there are, 0 to 7; got 8/,
  );
});

test("devices are as many on each GPU", () => {
  process.env.JAXSCALE_DEVICES = "3";
  try {
    assert.throws(
      () => jax.deviceCount(),
      /^JAXSCALE_DEVICES: must be a multiple of the number of GPUs; got 3 for the 2/,
    );
  } finally {
    process.env.JAXSCALE_DEVICES = "8";
  }
});

test("arrays without elements have shards on every device", () => {
  for (const spec of [["x"], [], [null, "x"], ["x", "y"]] as const) {
    const x = jax.devicePut(jnp.zeros([0, 8]), named(meshes.xy, ...spec));
    const shards = jax.addressableShards(x);
    assert.is(shards.length, 8);
    for (const { data } of shards) assert.is(data.shape[0], 0);
  }
});

test.run();
