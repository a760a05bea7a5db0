import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { meshOf } from "../conformance/rows-sharding.ts";
import "../setup.ts";

const { lax, nn, numpy: jnp, P } = jax;
type A = jax.Array;
const mesh = meshOf({ x: 2, y: 4 });
type Metadata = nnx.VariableMetadata;
const specOf = (metadata: Metadata): string => {
  const state = nnx.State.from([[["w"], new nnx.Param(jnp.ones([4, 8]), metadata)]]);
  return String((nnx.getPartitionSpec(state).get("w") as nnx.Variable<unknown>).get());
};

test("logical names become mesh axes by the rules of the Variable and of the context, as in flax", () => {
  assert.is(specOf({ outSharding: ["a", "b"] }), "P('a', 'b')");
  assert.is(specOf({ outSharding: ["a", "b"], shardingRules: [["a", "x"]] }), "P('x', 'b')");
  assert.is(specOf({ outSharding: ["a", "b"], shardingRules: [["a", ["x", "y"]]] }), "P(('x', 'y'), 'b')");
  const rules: Metadata["shardingRules"] = [
    ["a", "x"],
    ["b", null],
  ];
  nnx.logicalAxisRules(rules, () => {
    assert.is(specOf({ outSharding: ["a", "b"] }), "P('x', None)");
    assert.is(specOf({ outSharding: ["a", "c"], shardingRules: [["c", "y"]] }), "P('x', 'y')");
    assert.throws(() => specOf({ outSharding: ["a"], shardingRules: [["a", "y"]] }), /P\('x',\) and P\('y',\) for "a"/);
  });
  assert.is(specOf({ outSharding: ["a", "b"] }), "P('a', 'b')");
});

/** A tensor-parallel MLP that counts its calls. */
class Mlp extends nnx.Module {
  readonly up: nnx.Linear;
  readonly down: nnx.Linear;
  readonly calls = new nnx.BatchStat(jnp.zeros([]));
  constructor(rngs: nnx.Rngs) {
    super();
    const { lecunNormal } = jax.nn.initializers;
    this.up = new nnx.Linear(2, 8, {
      useBias: false,
      kernelInit: nnx.withPartitioning(lecunNormal(), [null, "y"]),
      rngs,
    });
    this.down = new nnx.Linear(8, 3, {
      useBias: false,
      kernelInit: nnx.withPartitioning(lecunNormal(), ["y", null]),
      rngs,
    });
  }
  call(x: A): A {
    this.calls.set(this.calls.get().add(1));
    return this.down.call(nn.relu(this.up.call(x)));
  }
}
const x = jnp.arange(8, { dtype: "float32" }).reshape([4, 2]);
const near = async (got: A, want: A): Promise<void> =>
  assert.ok(((await jnp.max(jnp.abs(got.sub(want))).item()) as number) < 1e-5);

test("getNamedSharding gives what devicePut takes", async () => {
  const model = new Mlp(new nnx.Rngs(0));
  const want = model.call(x);
  const state = nnx.state(model);
  nnx.update(model, jax.devicePut(state, nnx.getNamedSharding(state, mesh) as never));
  const lies = (kernel: nnx.Variable): string =>
    String(((kernel.get() as jax.DeviceArray).sharding as jax.NamedSharding).spec);
  assert.is(lies(model.up.kernel), "P(None, 'y')");
  assert.is(lies(model.down.kernel), "P('y', None)");
  await near(nnx.jit((m: Mlp, x: A) => m.call(x))(model, x), want);
  assert.throws(() => nnx.getNamedSharding(state, meshOf({ z: 2 })), /must name axes of the mesh; got "y"/);
});

test("shardMap splits modules by filters, writes updates back, and compiles once", async () => {
  const model = new Mlp(new nnx.Rngs(0));
  const want = model.call(x);
  const specs = new nnx.StateSharding([
    [nnx.PathContains("up"), P(null, "y")],
    [nnx.PathContains("down"), P("y", null)],
    [true, P()],
  ]);
  const shapes: (readonly number[])[] = [];
  const f = nnx.shardMap(
    (m: Mlp, x: A) => {
      shapes.push(m.up.kernel.shape, m.down.kernel.shape, x.shape);
      return lax.psum(m.call(x), "y");
    },
    { mesh, inSpecs: [specs, P("x")], outSpecs: P("x") },
  );
  await near(f(model, x), want);
  await near(f(model, x), want);
  assert.equal(shapes, [
    [2, 2],
    [2, 3],
    [2, 2],
  ]);
  assert.is(await model.calls.get().item(), 3);
});

test("specs of a module may be those of its metadata, and results trees with modules of their own", async () => {
  const model = new Mlp(new nnx.Rngs(0));
  const specs = new nnx.StateSharding(nnx.getPartitionSpec(nnx.state(model)));
  const f = nnx.shardMap(
    (m: Mlp, x: A) => ({ y: lax.psum(m.call(x), "y"), doubled: new nnx.Param(m.up.kernel.get().mul(2)) }),
    { mesh, inSpecs: [specs, P("x")], outSpecs: { y: P("x"), doubled: P(null, "y") } },
  );
  const { y, doubled } = f(model, x);
  await near(y, model.call(x));
  await near(doubled.get(), model.up.kernel.get().mul(2));
});

test("a leaf without a spec is refused with its path", () => {
  const model = new Mlp(new nnx.Rngs(0));
  const call = (inSpecs: nnx.StateSpecTree, outSpecs: nnx.StateSpecTree = P("x")) =>
    nnx.shardMap((m: Mlp, x: A) => lax.psum(m.call(x), "y"), { mesh, inSpecs, outSpecs })(model, x);
  assert.throws(() => call([new nnx.StateSharding([[nnx.PathContains("up"), P()]]), P("x")]), /got none for calls/);
  assert.throws(() => call([P()]), /inSpecs must have a spec for every leaf; got none for 1/);
});

test.run();
