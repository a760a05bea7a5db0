/** Checkpoints over two GPUs: each reads the ranges that its devices have, and none holds a whole that is split. */
import { folderFiles, modelMesh, openCheckpoint, parametersOf } from "@jaxscale/models";
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CausalLM } from "../../packages/models/src/model.ts";
import { openGpus } from "../partition/on-gpus.ts";
import { shipped } from "./fixtures.ts";

openGpus(2, 4);

const { P } = jax;
const mesh = jax.makeMesh([2, 2], ["x", "y"]);

/** Chunks of a list of float32 numbers that were asked for by ranges, with what was asked. */
function numbersBy(asked: (readonly jax.ElementRange[])[]) {
  return async function* (ranges: readonly jax.ElementRange[]): AsyncGenerator<Uint8Array> {
    asked.push(ranges);
    for (const { start, end } of ranges)
      yield new Uint8Array(Float32Array.from({ length: end - start }, (_, i) => start + i).buffer);
  };
}

test("each GPU is asked for its own ranges; what both hold is asked for once", async () => {
  const cases: readonly (readonly [spec: jax.PartitionSpec, asked: readonly (readonly jax.ElementRange[])[]])[] = [
    [P("x"), [[{ start: 0, end: 12 }], [{ start: 12, end: 24 }]]],
    [
      P(null, "x"),
      [0, 3].map((first) => [0, 1, 2, 3].map((row) => ({ start: 6 * row + first, end: 6 * row + first + 3 }))),
    ],
    [P("y"), [[{ start: 0, end: 24 }]]],
    [P(), [[{ start: 0, end: 24 }]]],
    [P(["x", "y"]), [[{ start: 0, end: 12 }], [{ start: 12, end: 24 }]]],
  ];
  for (const [spec, wanted] of cases) {
    const asked: (readonly jax.ElementRange[])[] = [];
    const sharding = new jax.NamedSharding(mesh, spec);
    const x = await jax.shardedArrayFromChunks({ shape: [4, 6], dtype: "float32" }, sharding, numbersBy(asked));
    assert.equal(asked, wanted, `${spec}`);
    assert.equal(
      [...((await x.data()) as Float32Array)],
      Array.from({ length: 24 }, (_, i) => i),
      `${spec}`,
    );
    const sum = jax.jit((v: jax.Array) => v.mul(2).sum());
    assert.is(await sum(x).item(), 2 * 276);
    x.dispose();
  }
});

test("a sharding that does not divide, and too few bytes, are refused, and no memory stays", async () => {
  const before = jax.statistics().bytesInUse;
  const sharding = new jax.NamedSharding(mesh, P("x"));
  const from = (shape: readonly number[], bytes: number): Promise<jax.Array> =>
    jax.shardedArrayFromChunks({ shape, dtype: "float32" }, sharding, async function* () {
      yield new Uint8Array(bytes);
    });
  const messages: string[] = [];
  for (const made of [from([3, 2], 24), from([4, 2], 12)])
    await made.catch((error: Error) => messages.push(error.message));
  assert.match(messages[0], /shardedArrayFromChunks: float32\[3,2\]/);
  assert.match(messages[1], /must hold 16 bytes; got 12/);
  assert.is(jax.statistics().bytesInUse, before);
});

for (const name of ["glm-4-tiny", "glm-4.7-flash-tiny"])
  test(`${name} over two GPUs has the values that it has on one, and reads its bytes once`, async () => {
    const files = folderFiles(shipped(name));
    const checkpoint = await openCheckpoint(files);
    const split = parametersOf(new CausalLM(checkpoint.config, "float32", modelMesh(checkpoint.config, { tp: 2 })));
    const plain = parametersOf(new CausalLM(checkpoint.config, "float32"));
    let done = 0;
    let total = 0;
    const parts = await checkpoint.load(split, {
      pieceBytes: 1000,
      onProgress: ({ doneBytes, totalBytes }) => {
        done = doneBytes;
        total = totalBytes;
      },
    });
    assert.is(done, total);
    const whole = await checkpoint.load(plain);
    for (const [key, x] of Object.entries(whole)) {
      const [a, b] = await Promise.all([(x as jax.DeviceArray).data(), (parts[key] as jax.DeviceArray).data()]);
      assert.ok(
        Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(Buffer.from(b.buffer, b.byteOffset, b.byteLength)),
        key,
      );
    }
  });

test.run();
