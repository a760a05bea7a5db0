import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { getClient } from "../../packages/jaxscale/src/runtime/index.ts";
import { rejection } from "../rejection.ts";
import "../setup.ts";

const { jit, numpy: jnp } = jax;
type A = jax.Array;

const unhandled: unknown[] = [];
process.on("unhandledRejection", (reason) => unhandled.push(reason));

const destroyDevice = async (): Promise<void> => (await getClient().device()).gpu.destroy();
const matrix = (n: number): A => jnp.linspace(0, 1, n * n).reshape([n, n]);

test("a device lost mid-run fails every pending read with DeviceError, and the next call runs on a new one", async () => {
  const step = jit((x: A) => jnp.tanh(x.dot(x)).mul(0.1));
  let x = matrix(256);
  const pending: Promise<unknown>[] = [];
  for (let i = 0; i < 20; i++) {
    x = step(x);
    pending.push(x.data(), x.sum().item(), x.blockUntilReady());
  }
  await destroyDevice();
  const outcomes = await Promise.allSettled(pending);
  const failed = outcomes.flatMap((o) => (o.status === "rejected" ? [o.reason as Error] : []));
  assert.ok(failed.length > 0);
  for (const error of failed) {
    assert.instance(error, jax.DeviceError);
    assert.match(error.message, /was lost \(destroyed\)/);
  }
  // What lived on the lost device is gone, and says so.
  assert.match((await rejection(x.data())).message, /was lost/);
  assert.match((await rejection(x.add(1).data())).message, /was lost/);
  // The same jitted function, compiled again for the new device.
  assert.equal((await step(matrix(4)).data()).length, 16);
});

test("numbers, literals and arrays made on the host work right after a loss", async () => {
  const two = jnp.array(2);
  assert.is(await two.mul(3).item(), 6);
  await destroyDevice();
  assert.is(await two.mul(3).item(), 6);
  assert.equal(await jnp.array([1, 2]).mul(two).toList(), [2, 4]);
});

test("a constant captured by a jitted function is lost with its device, with a clear error", async () => {
  const w = jnp.array([1, 2, 3]);
  const f = jit((x: A) => x.add(w));
  assert.equal(await f(jnp.ones(3)).toList(), [2, 3, 4]);
  await destroyDevice();
  assert.match((await rejection(f(jnp.ones(3)).data())).message, /was lost/);
});

test("a device lost while programs are compiled fails those calls, and not the next", async () => {
  const f = jit((x: A) => jnp.cumsum(jnp.exp(jnp.sin(x))));
  const early = f(jnp.ones([1000]));
  const reading = early.data().catch((error: Error) => error);
  await destroyDevice();
  const outcome = await reading;
  if (outcome instanceof Error) assert.match(outcome.message, /lost/);
  assert.is((await f(jnp.ones([1000])).data()).length, 1000);
});

test("five losses in a row leave nothing behind", async () => {
  const f = jit((x: A) => x.mul(2));
  for (let i = 0; i < 5; i++) {
    assert.equal(await f(jnp.array([i])).toList(), [2 * i]);
    await destroyDevice();
  }
  assert.ok(jax.statistics().bytesInUse < 10_000, `${jax.statistics().bytesInUse} bytes in use`);
});

test("no rejection went unhandled", async () => {
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(unhandled, []);
});

test.run();
