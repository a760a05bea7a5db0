import { test } from "uvu";
import * as assert from "uvu/assert";
import type { LazyProgram } from "../../packages/jaxscale/src/runtime/lazy-program.ts";
import { dispatch, floats, lazy, rawKernel, rawProgram, words } from "./raw-programs.ts";
import { clientWith } from "./settings.ts";

const client = clientWith();

/** cache += 1, in the donated cache's own buffer. */
const increment: LazyProgram = lazy(
  rawProgram({
    name: "increment",
    kernels: [rawKernel("increment", ["read_write"], "b0[i] = b0[i] + 1.0;")],
    slots: [
      { kind: "argument", index: 0, sizeBytes: 12 },
      { kind: "output", index: 0, sizeBytes: 12, donor: 0 },
    ],
    steps: [dispatch(0, [1], ["read_write"], 3)],
    results: [1],
    donated: [0],
  }),
);

/** The same, with a second argument of which nothing is done. */
const incrementFirst: LazyProgram = (() => {
  const program = increment.build({} as never);
  const slots = [...program.slots, { kind: "argument", index: 1, sizeBytes: 12 } as const];
  return lazy({ ...program, slots });
})();

const bothDonated: LazyProgram = (() => {
  const program = incrementFirst.build({} as never);
  return lazy({ ...program, donated: [0, 1] });
})();

const passThrough: LazyProgram = lazy(
  rawProgram({
    name: "identity",
    kernels: [],
    slots: [{ kind: "argument", index: 0, sizeBytes: 12 }],
    steps: [],
    results: [0],
  }),
);

test("a donated buffer is updated in place: no buffer is made, no byte copied", async () => {
  let cache = client.upload(words([1, 2, 3]));
  [cache] = client.launch(increment, [cache]);
  await client.read(cache);
  const before = { ...client.statistics };
  for (let i = 0; i < 100; i++) [cache] = client.launch(increment, [cache]);
  assert.is(client.statistics.buffersCreated, before.buffersCreated);
  assert.is(client.statistics.bindGroupsCreated, before.bindGroupsCreated);
  assert.is(client.statistics.bytesInUse, before.bytesInUse);
  assert.equal(floats(await client.read(cache)), [102, 103, 104]);
});

test("a donated array is deleted, and its use says so", async () => {
  const cache = client.upload(words([1, 2, 3]), 12, "float32[3]");
  client.launch(increment, [cache]);
  assert.ok(cache.deleted);
  assert.throws(() => client.launch(increment, [cache]), /float32\[3\]/);
  assert.throws(() => cache.borrow(), /deleted/);
});

test("an array donated twice, or donated and passed again, is refused before anything happens", async () => {
  const x = client.upload(words([1, 2, 3]), 12, "float32[3]");
  assert.throws(() => client.launch(bothDonated, [x, x]), /donated once; got float32\[3\] donated twice/);
  assert.throws(() => client.launch(incrementFirst, [x, x]), /must not be passed again; got float32\[3\]/);
  assert.not.ok(x.deleted);
  assert.equal(floats(await client.read(x)), [1, 2, 3]);
});

test("a donated buffer that another array shares is copied", async () => {
  const x = client.upload(words([1, 2, 3]));
  const [same] = client.launch(passThrough, [x]);
  const [y] = client.launch(increment, [x]);
  assert.equal(floats(await client.read(same)), [1, 2, 3]);
  assert.equal(floats(await client.read(y)), [2, 3, 4]);
});

test("a read that began before a donation gives the old values, and costs no copy", async () => {
  const x = client.upload(words([1, 2, 3]));
  await client.ready();
  const old = client.read(x);
  const [y] = client.launch(increment, [x]);
  assert.equal(floats(await old), [1, 2, 3]);
  assert.equal(floats(await client.read(y)), [2, 3, 4]);
});

test("donation works in calls queued before the device is open", async () => {
  const fresh = clientWith();
  let x = fresh.upload(words([1, 2, 3]));
  const [same] = fresh.launch(passThrough, [x]);
  for (let i = 0; i < 3; i++) [x] = fresh.launch(increment, [x]);
  assert.equal(floats(await fresh.read(same)), [1, 2, 3]);
  assert.equal(floats(await fresh.read(x)), [4, 5, 6]);
});
test.run();
