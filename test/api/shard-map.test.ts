import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { rangeOf as range } from "../arrays.ts";
import { meshOf } from "../conformance/rows-sharding.ts";
import { reference, tensorOf } from "../tensors.ts";

const { lax, numpy: jnp, P } = jax;
type A = jax.Array;
const mesh = meshOf({ x: 2, y: 4 });
const lists = async (x: A): Promise<unknown> => x.toList();

test("a body sees its part, and results are put together as outSpecs says", async () => {
  const shapes: unknown[] = [];
  const f = jax.shardMap(
    (x: A) => {
      shapes.push(x.shape);
      return x.add(lax.axisIndex("x").mul(100).add(lax.axisIndex("y")).astype("float32"));
    },
    { mesh, inSpecs: P("x", "y"), outSpecs: P("x", "y") },
  );
  const x = range(2, 4);
  assert.equal(await lists(f(x)), [
    [0, 2, 4, 6],
    [104, 106, 108, 110],
  ]);
  assert.equal(shapes[0], [1, 1]);
});

test("trees of arguments and results take trees of specs, or one for all", async () => {
  const f = jax.shardMap(({ a, b }: { a: A; b: A }) => ({ total: lax.psum(a, "x"), b: b.mul(2) }), {
    mesh,
    inSpecs: [{ a: P("x"), b: P("y") }],
    outSpecs: { total: P(), b: P("y") },
  });
  const out = f({ a: range(2), b: range(4) });
  assert.equal(await lists(out.total), [1]);
  assert.equal(await lists(out.b), [0, 2, 4, 6]);
});

test("a body keeps the scopes around its call, and a collective is a scope of its own", async () => {
  const summed = jax.shardMap((x: A) => jnp.tanh(lax.psum(jnp.cumsum(x), "x")), {
    mesh,
    inSpecs: P("x"),
    outSpecs: P(),
  });
  const f = jax.jit((x: A) => [jax.namedScope("a", () => summed(x)), jax.namedScope("b", () => summed(x.add(1)))]);
  await jax.ready();
  const { segments } = f.lower(range(64)).program();
  const scopes = new Set(segments.flatMap(({ steps }) => steps).map(({ origin }) => origin.scope));
  assert.equal([...scopes].sort(), ["a", "a/collectives", "b", "b/collectives"]);
});

test("gradients flow through, under jit too: the sum of squares over devices has the gradient 2x", async () => {
  const loss = jax.shardMap((x: A) => lax.psum(jnp.sum(x.mul(x)), ["x", "y"]), {
    mesh,
    inSpecs: P(["x", "y"]),
    outSpecs: P(),
  });
  const x = range(8);
  const doubled = [0, 2, 4, 6, 8, 10, 12, 14];
  assert.equal(await lists(jax.grad(loss)(x)), doubled);
  assert.equal(await lists(jax.jit(jax.grad(loss))(x)), doubled);
});

test("each collective's gradient is that of the unsharded function", async () => {
  const bodies: Readonly<Record<string, [(x: A) => A, jax.PartitionSpec]>> = {
    allGather: [(x) => lax.allGather(x, "x", { tiled: true }).mul(lax.axisIndex("x").add(1).astype("float32")), P("x")],
    psumScatter: [(x) => lax.psumScatter(x, "x", { tiled: true }), P("x")],
    allToAll: [(x) => lax.allToAll(x, "x", 0, 0, { tiled: true }), P("x")],
    ppermute: [(x) => lax.ppermute(x, "x", [[0, 1]]), P("x")],
  };
  // Each result element is a sum of elements of x, so gradients of Σ r·f(x) are sums of r: found by pushing unit vectors through.
  for (const [name, [body, out]] of Object.entries(bodies)) {
    const f = jax.shardMap(body, { mesh, inSpecs: P("x"), outSpecs: out });
    const x = range(8).add(1);
    const jacobian = (await lists(jax.jit(jax.jacfwd(f))(x) as A)) as number[][];
    const weights = range(jacobian.length).add(1);
    const gradient = await lists(jax.grad((v: A) => jnp.sum(f(v).mul(weights)))(x));
    const wanted = x.shape[0];
    const transposed = globalThis.Array.from({ length: wanted }, (_, j) =>
      jacobian.reduce((sum, row, i) => sum + row[j] * (i + 1), 0),
    );
    assert.equal(gradient, transposed, name);
  }
});

test("vmap over a shardMap maps each device's part", async () => {
  const f = jax.shardMap((x: A) => x.sub(lax.pmean(x, "y")), { mesh, inSpecs: P("y"), outSpecs: P("y") });
  assert.equal(await lists(jax.vmap(f)(range(2, 4))), [
    [-1.5, -0.5, 0.5, 1.5],
    [-1.5, -0.5, 0.5, 1.5],
  ]);
});

test("over axes that axisNames leaves out the body runs as if they were not there", async () => {
  const f = jax.shardMap((x: A) => lax.psum(x, "x"), { mesh, inSpecs: P("x"), outSpecs: P(), axisNames: ["x"] });
  assert.equal(await lists(f(range(4))), [2, 4]);
  assert.throws(
    () => jax.shardMap((x: A) => x, { mesh, inSpecs: P("y"), outSpecs: P("y"), axisNames: ["x"] })(range(4)),
    /specs must name axes of axisNames only; got "y"/,
  );
});

const over = (f: (x: A) => unknown, outSpecs: jax.PartitionSpec, inSpecs = P("x"), checkVma = true) =>
  jax.shardMap(f as (x: A) => A, { mesh, inSpecs, outSpecs, checkVma });

test("what varies must be named by outSpecs, as JAX's check_vma wants", async () => {
  assert.throws(() => over((x) => x, P())(range(2)), /varies over "x"/);
  assert.throws(() => over((x) => lax.allGather(x, "x", { tiled: true }), P())(range(2)), /varies over "x"/);
  assert.throws(() => over((x) => lax.allGather(x, "x", { tiled: true }).mul(2), P())(range(2)), /varies over "x"/);
  assert.equal(await lists(over((x) => lax.allGather(x, "x", { tiled: true }), P(), P("x"), false)(range(2))), [0, 1]);
  assert.equal(await lists(over((x) => x, P(), P("x"), false)(range(4))), [0, 1]);
  // A value that does not vary may be sharded: every device gives it.
  assert.equal(await lists(over((x) => lax.psum(x, "x"), P("x"))(range(2))), [1, 1]);
  assert.equal(await lists(over((x) => lax.psum(x, "x"), P(), P())(range(2))), [0, 2]);
});

test("a scan's carry that becomes varying is refused, and accepted after pcast", async () => {
  const body = (start: (c: A) => A) => (x: A) =>
    lax.scan((c: A): [A, null] => [c.add(jnp.sum(x)), null], start(jnp.zeros([])), null, { length: 3 })[0].reshape([1]);
  assert.throws(
    () =>
      over(
        body((c) => c),
        P("x"),
      )(range(4)),
    /scan: a carry must vary over the same mesh axes.*lax\.pcast\(x, "x"/,
  );
  const cast = body((c) => lax.pcast(c, "x", { to: "varying" }));
  assert.equal(await lists(over(cast, P("x"))(range(4))), [3, 15]);
});

test("arguments and specs that do not fit are refused with their path", () => {
  assert.throws(() => over((x) => x, P("x"))(range(7)), /args\[0\], float32\[7\].*7 over 2 devices along x/);
  assert.throws(() => over((x) => x, P("x"), P("x", "y"))(range(8)), /longer than the array's rank/);
  assert.throws(() => over((x) => jnp.sum(x), P("x"))(range(8)), /longer than the rank of its result; got P\('x',\)/);
  assert.throws(() => over((x) => lax.psum(x, "q"), P("x"))(range(8)), /unbound axis name; got "q", bound are x, y/);
  assert.throws(() => lax.psum(range(2), "x"), /unbound axis name/);
  assert.throws(
    () => over((x) => lax.psumScatter(x, "x", { tiled: true }), P("x"))(range(14)),
    /scatterDimension must divide into a part for each of the 2 devices; got size 7/,
  );
  assert.throws(
    () => over((x) => lax.allToAll(x, "x", 0, 0), P("x"))(range(8)),
    /an element for each of the 2 devices; got size 4/,
  );
  assert.throws(
    () =>
      over(
        (x) =>
          lax.ppermute(x, "x", [
            [0, 1],
            [1, 1],
          ]),
        P("x"),
      )(range(2)),
    /a device must receive at most once; got 1 twice/,
  );
  assert.throws(
    () => over((x) => lax.ppermute(x, "x", [[0, 2]]), P("x"))(range(2)),
    /ppermute: devices must be numbers of those along x, 0 to 1; got 2 in \[\[0, 2\]\]/,
  );
});

test("a branch with a collective may be chosen by a value that varies: every device takes part, some use the result", async () => {
  const f = (collective: (u: A) => A) =>
    over((x) => lax.cond(x.at(0).get().greater(1), collective, (u: A) => u.mul(2), x), P("x"))(range(4));
  // The first device has [0, 1] and doubles it, the second has [2, 3].
  assert.equal(await lists(f((u) => lax.psum(u, "x"))), [0, 2, 2, 4]);
  assert.equal(await lists(f((u) => lax.ppermute(u, "x", [[0, 1]]))), [0, 2, 0, 1]);
  assert.equal(await lists(f((u) => lax.allGather(u, "x").at(1).get())), [0, 2, 2, 3]);
  assert.equal(await lists(f((u) => jax.jit((v: A) => lax.psum(v, "x"))(u))), [0, 2, 2, 4]);
});

test("what shardMap refuses names the user's line", () => {
  const here = /, called at .*shard-map\.test\.ts:\d+:\d+\)?$/;
  assert.throws(() => over((x) => x, P("x"))(range(7)), here);
  assert.throws(() => over((x) => x, P())(range(8)), here);
  assert.throws(() => over((x) => jnp.sum(x), P("x"))(range(8)), here);
  assert.throws(
    () => over((x) => x, P("x"), "x" as never)(range(8)),
    /inSpecs must be PartitionSpecs, such as P\("x"\); got "x"/,
  );
});

test("specs must be given, one for each argument", () => {
  const twoOf = (inSpecs: jax.SpecTree) => jax.shardMap((a: A, b: A) => a.add(b), { mesh, inSpecs, outSpecs: P("x") });
  assert.throws(
    () => twoOf([P("x"), P("x"), P("x")])(range(8), range(8)),
    /inSpecs has another structure .*: must be an array of length 2; got an array of length 3/,
  );
  assert.throws(
    () => jax.shardMap((x: A) => x, { mesh, inSpecs: P("x") } as never),
    /shardMap: the option outSpecs must be given; got \{ mesh, inSpecs \}/,
  );
});

// JAX refuses these too, and takes axis_index of an axis named twice.
test("an axis is combined over once, and mapped over once", async () => {
  const twice = (collective: (x: A) => A) => () => over(collective, P("x"))(range(8));
  assert.throws(
    twice((x) => lax.psum(x, ["x", "x"])),
    /psum: an axis must be named once; got "x" twice in \["x", "x"\]/,
  );
  assert.throws(
    twice((x) => lax.allGather(x, ["x", "y", "x"])),
    /all_gather: an axis must be named once/,
  );
  const index = over((x) => x.mul(0).add(lax.axisIndex(["x", "x"]).astype("float32")), P("x"));
  assert.equal(await lists(index(range(2))), [0, 3]);
  const inner = (axisNames?: readonly string[]) =>
    jax.shardMap((x: A) => x.mul(2), { mesh, inSpecs: P("y"), outSpecs: P("y"), axisNames });
  assert.throws(
    twice((x) => inner()(x)),
    /within another shardMap axes must be those that it leaves; got "x" again/,
  );
  const outer = jax.shardMap((x: A) => inner(["y"])(x), { mesh, inSpecs: P("x"), outSpecs: P("x"), axisNames: ["x"] });
  assert.equal(await lists(outer(range(8))), [0, 2, 4, 6, 8, 10, 12, 14]);
});

test("constraints within a body name the axes that are left", async () => {
  const asked = (spec: jax.PartitionSpec) =>
    jax.shardMap((x: A) => jax.withShardingConstraint(x, new jax.NamedSharding(mesh, spec)), {
      mesh,
      inSpecs: P("x"),
      outSpecs: P("x"),
      axisNames: ["x"],
    });
  assert.throws(
    () => asked(P("x"))(range(8)),
    /withShardingConstraint: within shardMap a spec must not name an axis that it maps over; got "x" in P\('x',\) for float32\[4\], called at/,
  );
  assert.equal(await lists(asked(P("y"))(range(8))), [0, 1, 2, 3, 4, 5, 6, 7]);
});

test("pbroadcast gives every device what the source has", async () => {
  assert.equal(await lists(over((x) => lax.pbroadcast(x, "x", 1), P("x"))(range(4))), [2, 3, 2, 3]);
});

/** Every collective, along an axis or several, of all leaves of a tree. Each element of a result is a sum of elements of operands. */
const collectives: Readonly<Record<string, (x: unknown, axes: string | readonly string[]) => unknown>> = {
  psum: lax.psum,
  pmean: lax.pmean,
  allGather: (x, axes) => lax.allGather(x, axes, { axis: 1 }),
  allGatherTiled: (x, axes) => lax.allGather(x, axes, { tiled: true }),
  psumScatter: (x, axes) => lax.psumScatter(x, axes, { tiled: true }),
  allToAll: (x, axes) => lax.allToAll(x, axes, 0, 1, { tiled: true }),
  ppermute: (x, axes) =>
    lax.ppermute(x, axes, [
      [0, 1],
      [1, 0],
    ]),
  pbroadcast: (x, axes) => lax.pbroadcast(x, axes, 1),
  pcast: (x, axes) => lax.pcast(x, axes, { to: "varying" }),
};

test("every collective works along one axis or several, on trees, with jvp, transpose and vmap", async () => {
  for (const [name, collective] of Object.entries(collectives))
    for (const axes of ["y", ["x", "y"]]) {
      const body = (x: A): A => {
        const { a, b } = collective({ a: x, b: [x.mul(2)] }, axes) as { a: A; b: A[] };
        const own = lax.axisIndex(axes).add(lax.axisSize(axes)).astype("float32");
        return a.add(b[0].mul(own)).reshape([-1]);
      };
      const f = jax.shardMap(body, { mesh, inSpecs: P(["x", "y"]), outSpecs: P(["x", "y"]) });
      const checks = (x: A): A[] => {
        const v = jnp.sin(x);
        const [value, pullback] = jax.vjp(f, x);
        const [, tangent] = jax.jvp(f, [x], [v]);
        const u = jnp.cos(jnp.arange(value.size, { dtype: "float32" }));
        const [back] = pullback(u) as readonly A[];
        const differences = jax
          .vmap(f)(jnp.stack([x, v]))
          .sub(jnp.stack([value, f(v)]));
        return [
          jnp.sum(u.mul(tangent)),
          jnp.sum(back.mul(v)),
          ...[tangent.sub(f(v)), differences].map((d) => jnp.max(jnp.abs(d))),
        ];
      };
      const operand = tensorOf([64, 2], "float32", (i) => i);
      const [left, right, fromLinear, fromRows] = (await reference(checks, [operand])).map(({ values }) => values[0]);
      // The transpose is that of the derivative, ⟨u, f′v⟩ = ⟨f′ᵀu, v⟩; a linear f is its own derivative; vmap is f of each row.
      assert.ok(Math.abs(left - right) < 1e-3 * (1 + Math.abs(left)), `${name} along ${axes}: ${left} and ${right}`);
      assert.ok(fromLinear < 1e-4, `${name} along ${axes}: jvp`);
      assert.is(fromRows, 0, `${name} along ${axes}: vmap`);
    }
});

test("a permutation along two axes counts devices in row-major order, as JAX does", async () => {
  const f = jax.shardMap(
    (x: A) =>
      lax.ppermute(
        x,
        ["x", "y"],
        [
          [0, 5],
          [5, 0],
          [1, 2],
          [7, 7],
        ],
      ),
    { mesh, inSpecs: P(["x", "y"]), outSpecs: P(["x", "y"]) },
  );
  // What JAX 0.10.2 gives, and for the gradient of a weighted sum.
  assert.equal(await lists(f(range(8))), [5, 0, 1, 0, 0, 0, 0, 7]);
  const weighted = (x: A): A => jnp.sum(f(x).mul(range(8).add(1)));
  assert.equal(await lists(jax.grad(weighted)(range(8))), [6, 3, 0, 0, 0, 1, 0, 8]);
});

test("a call is one program whatever the number of devices: collectives become ordinary ops and fuse", async () => {
  const f = over((x) => lax.psum(x.mul(2), "x"), P());
  const compiled = await jax.jit(f).lower(range(2)).compile();
  assert.is(compiled.program.kernels.length, 1);
});

test("a sum over no axis is the value, also of parts that propagation splits further", async () => {
  const f = jax.shardMap((x: A) => lax.psum(x, []), { mesh, inSpecs: P("x"), outSpecs: P("x") });
  assert.equal(await lists(f(range(2))), [0, 1]);
  const jitted = jax.jit((x: A) => f(x).add(1));
  const placed = jax.devicePut(range(2), new jax.NamedSharding(mesh, P("x")));
  assert.equal(await lists(jitted(placed)), [1, 2]);
  assert.not.match(jitted.lower(placed).asText("partitioned"), "psum");
});

test.run();
