import "../setup.ts";
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { rejection } from "../rejection.ts";

async function* cut(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (const size of sizes) {
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

test("chunks of any length make the array that their bytes are", async () => {
  const values = Float32Array.from({ length: 6 }, (_, i) => i + 0.5);
  const bytes = new Uint8Array(values.buffer);
  for (const sizes of [[24], [8, 16], [1, 2, 3, 18], [23, 1], [0, 5, 0, 19]]) {
    const x = await jax.arrayFromChunks({ shape: [2, 3], dtype: "float32" }, cut(bytes, sizes));
    assert.equal([...((await x.data()) as Float32Array)], [...values]);
    assert.equal(x.shape, [2, 3]);
    x.dispose();
  }
});

test("an odd number of bfloat16 ends within a word", async () => {
  // 1.0, -2.0 and 0.5 in bfloat16
  const bytes = new Uint8Array(Uint16Array.from([0x3f80, 0xc000, 0x3f00]).buffer);
  const x = await jax.arrayFromChunks({ shape: [3], dtype: "bfloat16" }, cut(bytes, [3, 3]));
  assert.equal([...((await x.data()) as Float32Array)], [1, -2, 0.5]);
  x.dispose();
});

test("integers of four bits lie two in a byte, the first in its low bits, and may end within one", async () => {
  const bytes = Uint8Array.of(0x21, 0xf3, 0x08);
  for (const [dtype, want] of [
    ["int4", Int8Array.of(1, 2, 3, -1, -8)],
    ["uint4", Uint8Array.of(1, 2, 3, 15, 8)],
  ] as const) {
    const x = await jax.arrayFromChunks({ shape: [5], dtype }, cut(bytes, [1, 2]));
    assert.equal(await x.data(), want);
    assert.equal(jax.elementsOfBytes(dtype, bytes).slice(0, 5), want);
    x.dispose();
  }
});

test("an array without elements takes no chunk", async () => {
  const x = await jax.arrayFromChunks({ shape: [0, 4], dtype: "float32" }, cut(new Uint8Array(0), []));
  assert.is((await x.data()).length, 0);
  x.dispose();
});

test("what comes in chunks is there for a computation at once", async () => {
  const bytes = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
  const x = await jax.arrayFromChunks({ shape: [4], dtype: "float32" }, cut(bytes, [4, 12]));
  const doubled = jax.jit((v: jax.Array) => v.mul(2))(x);
  assert.equal(await doubled.toList(), [2, 4, 6, 8]);
  x.dispose();
  doubled.dispose();
});

test("too few or too many bytes are refused, and an error of the chunks passes; no memory stays in use", async () => {
  await jax.ready();
  // Nothing of the tests above is left for the garbage collector, which would free it in between.
  const before = jax.statistics().bytesInUse;
  const bytes = new Uint8Array(64);
  const spec = { shape: [4], dtype: "float32" } as const;
  const few = await rejection(jax.arrayFromChunks(spec, cut(bytes, [8])));
  assert.match(few.message, /arrayFromChunks: the chunks of float32\[4\] must hold 16 bytes; got 8/);
  assert.is(few.name, "ShapeError");
  const many = await rejection(jax.arrayFromChunks(spec, cut(bytes, [8, 16])));
  assert.match(many.message, /must hold 16 bytes; got 24 or more/);
  const broken = (async function* (): AsyncGenerator<Uint8Array> {
    yield bytes.subarray(0, 8);
    throw new Error("the disk is gone");
  })();
  assert.match((await rejection(jax.arrayFromChunks(spec, broken))).message, /the disk is gone/);
  assert.is(jax.statistics().bytesInUse, before);
});

test.run();
