import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { readDocument } from "../conformance/fixtures.ts";
import { meshOf } from "../conformance/rows-sharding.ts";

type Entry = string | readonly string[] | null;
interface Layout {
  readonly mesh: Readonly<Record<string, number>>;
  readonly shape: readonly number[];
  readonly spec: readonly Entry[];
  /** For each device, the range of each dimension. */
  readonly indices: readonly (readonly (readonly [number, number])[])[];
  readonly shard_shape: readonly number[];
  readonly replicated: boolean;
}
const { layouts } = readDocument<{ readonly layouts: readonly Layout[] }>("sharding");

test(`every device has the part of an array that it has in JAX (${layouts.length} layouts)`, () => {
  for (const { mesh, shape, spec, indices, shard_shape, replicated } of layouts) {
    const sharding = new jax.NamedSharding(meshOf(mesh), jax.P(...spec));
    assert.equal([...sharding.shardShape(shape)], shard_shape, `${sharding}`);
    assert.equal([...sharding.devicesIndicesMap(shape).values()], indices, `${sharding}`);
    assert.is(sharding.isFullyReplicated, replicated, `${sharding}`);
  }
});

const grid = meshOf({ x: 2, y: 4 });
const sharded = (...entries: Entry[]): jax.NamedSharding => new jax.NamedSharding(grid, jax.P(...entries));

test("specs that differ in trailing nulls are equivalent, those that order axes otherwise are not", () => {
  assert.ok(sharded("x", null).isEquivalentTo(sharded("x"), 2));
  assert.ok(sharded(["x"]).isEquivalentTo(sharded("x"), 1));
  assert.not(sharded(["x", "y"]).isEquivalentTo(sharded(["y", "x"]), 1));
  assert.not(sharded("x", null).isEquivalentTo(sharded(null, "x"), 2));
});

test("what JAX refuses is refused, with the axis, the size and the mesh", () => {
  assert.throws(
    () => sharded("y").shardShape([7]),
    /must divide its size; got dimension 0 of shape \[7\], 7 over 4 devices along y/,
  );
  assert.throws(() => sharded("x", "y").shardShape([8]), /must not be longer than the array's rank; got P\('x', 'y'\)/);
  assert.throws(() => sharded("q"), /must name axes of the mesh; got "q" in P\('q',\) for Mesh\('x': 2, 'y': 4/);
  assert.throws(() => sharded("x", "x"), /split at most one dimension; got "x" twice in P\('x', 'x'\)/);
  assert.throws(() => sharded(["x", "x"]), /split at most one dimension/);
});

test("makeMesh takes devices in order and says how many it lacks", () => {
  assert.is(jax.makeMesh([1, 1], ["data", "tensor"]).size, 1);
  assert.throws(
    () => jax.makeMesh([2, 2], ["tp", "ep"]),
    /^Need 4 \(tp=2, ep=2\), 1 available; JAXSCALE_DEVICES=4 makes logical ones$/,
  );
  assert.throws(() => jax.makeMesh([8], ["x", "y"]), /a name for each axis size; got 1 sizes and 2 names/);
  assert.throws(() => jax.makeMesh([1], ["x"], { axisTypes: ["Explicit"] }), /got Explicit for x/);
});

test("what is no spec, and devices that are none or given twice, are refused in words", () => {
  const mesh = jax.makeMesh([1], ["x"]);
  const [first] = mesh.devices;
  assert.throws(() => new jax.NamedSharding(mesh, ["x", null] as never), /must be made of a Mesh and a PartitionSpec/);
  assert.throws(
    () => new jax.NamedSharding(mesh, "x" as never),
    /PartitionSpec, such as P\("x", null\); got .* and .*x/,
  );
  assert.throws(() => jax.makeMesh([2], ["x"], { devices: [first, first] }), /devices must be distinct .*at place 1/);
  assert.throws(
    () => jax.makeMesh([2], ["x"], { devices: [undefined, undefined] as never }),
    /distinct ones of await devices\(\); got undefined at place 0/,
  );
});

test.run();
