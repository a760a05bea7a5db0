import { test } from "uvu";
import * as assert from "uvu/assert";
import { windowBytes } from "../../packages/jaxscale/src/base/target.ts";
import { chunkBytesOf } from "../../packages/jaxscale/src/runtime/device.ts";
import type { Storage } from "../../packages/jaxscale/src/runtime/storage.ts";
import { affine, dispatch, floats, lazy, rawKernel, rawProgram, words } from "./raw-programs.ts";
import { clientWith, rejection } from "./settings.ts";

const mebibyte = 2 ** 20;

test("10,000 calls make no buffer and no bind group after the first", async () => {
  const client = clientWith();
  const f = affine(8, 2);
  const x = client.upload(words([1, 2, 3, 4, 5, 6, 7, 8]));
  await client.load(f);
  for (let i = 0; i < 3; i++) client.launch(f, [x])[0].dispose();
  await client.idle();
  const before = { ...client.statistics };
  for (let i = 0; i < 10000; i++) client.launch(f, [x])[0].dispose();
  assert.is(client.statistics.buffersCreated - before.buffersCreated, 0);
  assert.is(client.statistics.bindGroupsCreated - before.bindGroupsCreated, 0);
  await client.idle();
  assert.is(client.statistics.dispatches - before.dispatches, 10000);
  const submits = client.statistics.submits - before.submits;
  assert.ok(submits < 1000, `small calls of one turn share submits; got ${submits}`);
});

test("results that are dropped, not disposed of, are found again when the loop awaits", async () => {
  const client = clientWith();
  const f = affine(8, 2);
  const x = client.upload(words([1, 2, 3, 4, 5, 6, 7, 8]));
  for (let i = 0; i < 3000; i++) {
    client.launch(f, [x]);
    if (i % 10 === 0) await client.idle();
  }
  assert.ok(client.statistics.buffersCreated < 1500, `${client.statistics.buffersCreated} buffers`);
});

test("a loop that drops results over the budget goes on: garbage is collected", async () => {
  const client = clientWith({ JAXSCALE_MEMORY_BUDGET: `${32 * mebibyte}` });
  const f = affine(mebibyte, 1);
  let x = client.upload(new Uint32Array(mebibyte));
  for (let i = 0; i < 50; i++) [x] = client.launch(f, [x]);
  assert.is(floats(await client.read(x))[7], 50);
  assert.ok(client.statistics.peakBytes <= 40 * mebibyte);
});

test("over the budget with everything held is an error that names the largest holders", async () => {
  const client = clientWith({ JAXSCALE_MEMORY_BUDGET: `${20 * mebibyte}` });
  const f = affine(mebibyte, 1);
  const held: Storage[] = [client.upload(new Uint32Array(mebibyte), 4 * mebibyte, "float32[1024,1024]")];
  for (let i = 0; i < 6; i++) held.push(client.launch(f, [held[0]])[0]);
  const error = await rejection(client.read(held[6]));
  assert.match(error.message, /budget of 20\.0 MiB .*got 4\.0 MiB more.*4 × float32\[1048576\] of \w+: 16\.0 MiB/s);
  assert.is(error.name, "DeviceError");
  // What fitted is whole, and memory given back is used again.
  assert.is(floats(await client.read(held[1]))[0], 1);
  await rejection(client.read(held[5]));
  for (const storage of held.slice(1)) storage.dispose();
  assert.is(floats(await client.read(client.launch(f, [held[0]])[0]))[0], 1);
});

test("an array above the buffer size is several buffers, and windows of it are bound one by one", async () => {
  const client = clientWith({ JAXSCALE_LIMITS: "maxBufferSize=1024,maxStorageBufferBindingSize=600" });
  const target = await client.ready();
  assert.is(windowBytes(target), 512);
  assert.is(chunkBytesOf(target), 1024);
  const size = 700;
  const values = Float32Array.from({ length: size }, (_, i) => i);
  const x = client.upload(words(values));
  assert.is(x.borrow().block?.buffers.length, 3);
  assert.equal(floats(await client.read(x)), [...values]);

  const access = ["read", "read_write"] as const;
  const steps = Array.from({ length: Math.ceil((size * 4) / 512) }, (_, window) => {
    const range = { offsetBytes: window * 512, sizeBytes: Math.min(512, size * 4 - window * 512) };
    return dispatch(
      0,
      [
        { slot: 0, access: "read", ...range },
        { slot: 1, access: "read_write", ...range },
      ],
      access,
      128,
    );
  });
  const f = lazy(
    rawProgram({
      kernels: [rawKernel("add_one", access, "b1[i] = b0[i] + 1.0;")],
      slots: [
        { kind: "argument", index: 0, sizeBytes: size * 4 },
        { kind: "output", index: 0, sizeBytes: size * 4 },
        { kind: "temporary", arena: 0, offsetBytes: 512, sizeBytes: size * 4 },
        { kind: "output", index: 1, sizeBytes: size * 4 },
      ],
      arenas: [512 + size * 4],
      steps: [
        ...steps,
        { kind: "copy", from: 1, to: 2, sizeBytes: size * 4, origin: steps[0].origin },
        { kind: "copy", from: 2, to: 3, sizeBytes: size * 4, origin: steps[0].origin },
      ],
      results: [1, 3],
    }),
  );
  const [y, z] = client.launch(f, [x]);
  assert.equal(
    floats(await client.read(y)),
    [...values].map((v) => v + 1),
  );
  assert.equal(
    floats(await client.read(z)),
    [...values].map((v) => v + 1),
  );
});

test("disposed memory is given back to the device when another size needs it", async () => {
  const client = clientWith({ JAXSCALE_MEMORY_BUDGET: `${16 * mebibyte}` });
  for (let megabytes = 1; megabytes <= 15; megabytes++) {
    const x = client.upload(new Uint32Array((megabytes * mebibyte) / 4));
    await client.read(x);
    x.dispose();
  }
  assert.ok(client.statistics.bytesInUse === 0);
});

test("shared memory is uploaded like any other", async () => {
  const client = clientWith();
  const shared = new Uint32Array(new SharedArrayBuffer(8));
  shared.set([1, 2]);
  await client.ready();
  assert.equal([...(await client.read(client.upload(shared)))], [1, 2]);
});
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits for what happens at its own time. */
async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 100 && !holds(); i++) await sleep(100);
  assert.ok(holds());
}

test("memory of arrays that are gone goes back to the device but for the bytes to keep, and not while it is used", async () => {
  const client = clientWith({ JAXSCALE_MAX_IDLE_BYTES: `${3 * mebibyte}` });
  const { statistics } = client;
  const upload = (): Storage => client.upload(new Uint32Array(mebibyte / 4));
  const held = Array.from({ length: 20 }, upload);
  await client.idle();
  assert.is(statistics.bytesAllocated, 20 * mebibyte);
  for (const storage of held) storage.dispose();
  assert.is(statistics.bytesAllocated, 20 * mebibyte);
  await until(() => statistics.bytesAllocated === 3 * mebibyte);
  assert.is(statistics.bytesInUse, 0);
  // What is used again and again is not made again and again.
  const rounds = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const some = Array.from({ length: 6 }, upload);
      await client.read(some[5]);
      for (const storage of some) storage.dispose();
      await sleep(100);
    }
  };
  await rounds(2);
  const { buffersCreated } = statistics;
  await rounds(15);
  assert.is(statistics.buffersCreated, buffersCreated);
  await until(() => statistics.bytesAllocated <= 3 * mebibyte);
});

test("what is kept for reuse goes back at once when asked to, with the temporaries of programs, which still run", async () => {
  const client = clientWith();
  const access = ["read", "read_write"] as const;
  const f = lazy(
    rawProgram({
      kernels: [rawKernel("copy", access, "b1[i] = b0[i];")],
      slots: [
        { kind: "argument", index: 0, sizeBytes: 32 },
        { kind: "temporary", arena: 0, offsetBytes: 0, sizeBytes: mebibyte },
        { kind: "output", index: 0, sizeBytes: 32 },
      ],
      arenas: [mebibyte],
      steps: [dispatch(0, [0, 1], access, 8), dispatch(0, [1, 2], access, 8)],
      results: [2],
    }),
  );
  const x = client.upload(words([1, 2, 3, 4, 5, 6, 7, 8]));
  client.upload(new Uint32Array(mebibyte)).dispose();
  const run = async (): Promise<void> => {
    const [y] = client.launch(f, [x]);
    assert.equal(floats(await client.read(y)), [1, 2, 3, 4, 5, 6, 7, 8]);
    y.dispose();
  };
  await run();
  assert.ok(client.statistics.bytesAllocated > 5 * mebibyte);
  client.trim();
  assert.is(client.statistics.bytesAllocated, 256);
  await run();
});

test("a setting in bytes is a number", async () => {
  const client = clientWith({ JAXSCALE_MAX_IDLE_BYTES: "a lot" });
  assert.match(
    (await rejection(client.ready())).message,
    /^JAXSCALE_MAX_IDLE_BYTES: must be a number of bytes; got a lot$/,
  );
});

test.run();
