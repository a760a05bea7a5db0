/** Arrays put on one device, of four on two GPUs. What comes out, and what is refused, was asked of JAX 0.10.2. */
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import "../setup.ts";
import { openGpus } from "./on-gpus.ts";

openGpus(2, 4);

const { numpy: jnp, devicePut, NamedSharding, P, SingleDeviceSharding } = jax;
const devices = await jax.devices();
const mesh = jax.makeMesh([4], ["x"]);
const shardingOf = (x: jax.Array): string => `${(x as jax.DeviceArray).sharding}`;
const range = (n: number): jax.Array => jnp.arange(n, { dtype: "float32" });

test("a tree goes whole to a device, or each leaf to its own", async () => {
  const tree = { a: range(3), b: 2 as unknown as jax.Array };
  const together = devicePut(tree, devices[3]);
  assert.equal([together.a, together.b].map(shardingOf), Array(2).fill("SingleDeviceSharding(device=3)"));
  assert.equal([await together.a.toList(), await together.b.item()], [[0, 1, 2], 2]);
  const apart = devicePut(tree, { a: new SingleDeviceSharding(devices[1]), b: devices[2] });
  assert.is(shardingOf(apart.a), "SingleDeviceSharding(device=1)");
  assert.is(shardingOf(apart.b), "SingleDeviceSharding(device=2)");
});

test("work goes where its arguments were put, and takes along what nobody placed", async () => {
  const x = devicePut(range(3), devices[2]);
  for (const y of [x.add(1), x.mul(x), x.add(range(3)), jax.jit((a: jax.Array) => a.mul(3))(x)])
    assert.is(shardingOf(y), "SingleDeviceSharding(device=2)");
  assert.equal(await x.add(range(3)).toList(), [0, 2, 4]);
});

test("arrays move between devices and meshes", async () => {
  const split = devicePut(range(8), new NamedSharding(mesh, P("x")));
  for (const device of devices) {
    const whole = devicePut(split, device);
    assert.is(shardingOf(whole), `SingleDeviceSharding(device=${device.id})`);
    assert.equal(await whole.add(0).toList(), [0, 1, 2, 3, 4, 5, 6, 7]);
    const back = devicePut(devicePut(whole, devices[0]), new NamedSharding(mesh, P("x")));
    assert.equal(await back.toList(), [0, 1, 2, 3, 4, 5, 6, 7]);
    const onFirst = devicePut(whole, new NamedSharding(jax.makeMesh([2], ["y"]), P("y")));
    assert.equal(await onFirst.mul(2).toList(), [0, 2, 4, 6, 8, 10, 12, 14]);
  }
  assert.equal(await split.toList(), [0, 1, 2, 3, 4, 5, 6, 7]);
});

test("within a jitted function a device is ignored, as in JAX", () => {
  const f = jax.jit((x: jax.Array) => devicePut(x, devices[2]).mul(2));
  assert.is(shardingOf(f(range(3))), "SingleDeviceSharding(device=0)");
  assert.is(shardingOf(f(devicePut(range(3), devices[3]))), "SingleDeviceSharding(device=3)");
});

test("arguments on different devices are refused", () => {
  const [x, y] = [devicePut(range(4), devices[2]), devicePut(range(4), devices[3])];
  const split = devicePut(range(4), new NamedSharding(mesh, P("x")));
  const refused =
    /^add: arguments must be on the same devices; got float32\[4\] with .* as argument 0 and float32\[4\] with .* as argument 1\. Move one with devicePut/;
  for (const [a, b] of [
    [x, y],
    [split, x],
    [x, split],
  ])
    assert.throws(() => a.add(b), refused);
});

test("what is no place is refused", () => {
  const put = devicePut as (x: jax.Array, where: unknown) => unknown;
  assert.throws(() => put(range(2), "gpu"), /^devicePut: must be a NamedSharding, .* or null; got "gpu"/);
  assert.throws(
    () => put(range(2), { id: 4 }),
    /^devicePut: the device must be one of those that there are, 0 to 3; got 4/,
  );
});

test.run();
