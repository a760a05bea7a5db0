import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { meshOf } from "../conformance/rows-sharding.ts";
import "../setup.ts";

const { numpy: jnp, P } = jax;
const mesh = meshOf({ x: 2, y: 4 });
const named = (...spec: (string | string[] | null)[]): jax.NamedSharding => new jax.NamedSharding(mesh, P(...spec));
const whole = Array.from({ length: 8 }, (_, i) => Array.from({ length: 4 }, (_, j) => 4 * i + j));
const partOf = (index: readonly jax.IndexRange[]): number[][] =>
  whole.slice(...index[0]).map((row) => row.slice(...index[1]));

test("a callback gives each part once, and the array lies as the sharding says", async () => {
  for (const sharding of [named("x", "y"), named(["y", "x"]), named(null, "x"), named()]) {
    const asked: string[] = [];
    const x = jax.makeArrayFromCallback([8, 4], sharding, (index) => {
      asked.push(JSON.stringify(index));
      return partOf(index);
    });
    assert.equal(await x.toList(), whole);
    assert.is(String((x as jax.DeviceArray).sharding), String(sharding));
    assert.is(new Set(asked).size, asked.length);
    assert.is(asked.length, (8 * 4) / sharding.shardShape([8, 4]).reduce((a, b) => a * b));
  }
});

test("scalars and arrays without elements have a part as well", async () => {
  assert.is(await jax.makeArrayFromCallback([], named(), () => 5).item(), 5);
  const empty = jax.makeArrayFromCallback([0, 4], named("x", "y"), () => jnp.zeros([0, 1]));
  assert.equal(empty.shape, [0, 4]);
});

test("the parts of an array make it again, on the mesh's devices in order", async () => {
  const x = jax.devicePut(jnp.array(whole), named("y", "x"));
  const parts = jax.addressableShards(x).map(({ data }) => data);
  const again = jax.makeArrayFromSingleDeviceArrays([8, 4], named("y", "x"), parts);
  assert.equal(await again.toList(), whole);
  assert.is(again.dtype, "int32");
});

test("parts that do not fit are refused with their device", () => {
  const sharding = named("x", "y");
  const arrays = Array.from({ length: 8 }, () => jnp.zeros([4, 1]));
  const make = (given: readonly jax.Array[]) => jax.makeArrayFromSingleDeviceArrays([8, 4], sharding, given);
  assert.throws(() => make(arrays.slice(1)), /an array for each of the 8 devices of Mesh\(.*; got 7/);
  assert.throws(() => make(arrays.with(5, jnp.zeros([4, 2]))), /\[4,1\]; got float32\[4,2\] for device 5/);
  assert.throws(() => make(arrays.with(3, jnp.zeros([4, 1], { dtype: "int32" }))), /one dtype; got float32 and int32/);
  assert.throws(() => jax.makeArrayFromCallback([7, 4], sharding, () => 0), /7 over 2 devices along x/);
  assert.throws(() => jax.makeArrayFromCallback([8, 4], sharding, () => 0), /\[4,1\]; got int32\[\] for device 0/);
  assert.throws(
    () => jax.makeArrayFromCallback([8, 4], sharding, () => undefined as never),
    /the callback must return the values of a part; got undefined for the part \[\[0,4\],\[0,1\]\], called at/,
  );
  assert.throws(() => jax.makeArrayFromCallback([8], P("x") as never, () => 0), /must be a NamedSharding; got/);
});

test.run();
