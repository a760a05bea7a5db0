/** Operations outside `jit` on placed arrays: their results lie as in JAX, on devices that share a GPU. Asked of JAX 0.10.2 on eight devices. */
process.env.JAXSCALE_DEVICES = "8";

import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import "../setup.ts";

const { numpy: jnp, NamedSharding, P } = jax;
const mesh = jax.makeMesh([4, 2], ["x", "y"]);
const values = jnp.arange(32, { dtype: "float32" }).reshape([8, 4]);
const placed = jax.devicePut(values, new NamedSharding(mesh, P("x", "y")));

const shardingOf = (x: jax.Array): string => `${(x as jax.DeviceArray).sharding}`;

const operations: readonly [name: string, f: (x: jax.Array) => jax.Array, spec: jax.PartitionSpec][] = [
  ["x + 1", (x) => x.add(1), P("x", "y")],
  ["x.T", (x) => x.T, P("y", "x")],
  ["sum over rows", (x) => jnp.sum(x, { axis: 0 }), P("y")],
  ["sum", (x) => jnp.sum(x), P()],
  ["x · xᵀ", (x) => x.dot(x.T), P("x")],
  ["x[0]", (x) => x.at(0).get(), P("y")],
  ["flat", (x) => x.reshape([32]), P("x")],
  ["to bfloat16", (x) => x.astype("bfloat16"), P("x", "y")],
  ["x + an unplaced array", (x) => x.add(jnp.ones([8, 4])), P("x", "y")],
];

for (const [name, f, spec] of operations)
  test(`${name} lies as in JAX, and is what it is unplaced`, async () => {
    const [got, want] = [f(placed), f(values)];
    assert.is(shardingOf(got), `${new NamedSharding(mesh, spec)}`);
    assert.equal(await got.toList(), await want.toList());
    assert.match(shardingOf(want), /^SingleDeviceSharding/);
  });

test("of arrays on two meshes of the same devices, the first decides", async () => {
  const other = jax.devicePut(jnp.ones([8, 4]), new NamedSharding(jax.makeMesh([8], ["z"]), P("z")));
  const sum = placed.add(other);
  assert.is(shardingOf(sum), `${new NamedSharding(mesh, P("x", "y"))}`);
  assert.equal(await sum.toList(), await values.add(1).toList());
});

test("a shard's array lies on the shard's device", () => {
  const shards = jax.addressableShards(placed);
  assert.equal(
    shards.map(({ data }) => shardingOf(data)),
    shards.map(({ device }) => `SingleDeviceSharding(device=${device.id})`),
  );
});

test.run();
