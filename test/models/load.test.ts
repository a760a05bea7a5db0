import { readdirSync, readFileSync } from "node:fs";
import { type Checkpoint, type CheckpointFiles, folderFiles, openCheckpoint, type Progress } from "@jaxscale/models";
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { collectGarbage } from "../collect-garbage.ts";
import { readSafetensors } from "../conformance/safetensors.ts";
import { rejection } from "../rejection.ts";
import { fixture, shipped } from "./fixtures.ts";
import { planFor } from "./parameter-plans.ts";
import { memoryFiles, rawTensors } from "./raw-safetensors.ts";

const folders = {
  "glm-tiny": fixture("glm-tiny"),
  "glm4-tiny": fixture("glm4-tiny"),
  "glm4_moe_lite-tiny": fixture("glm4_moe_lite-tiny"),
  "glm-4-tiny": shipped("glm-4-tiny"),
  "glm-4.7-flash-tiny": shipped("glm-4.7-flash-tiny"),
};

/** Every tensor on disk, by another reader. */
function onDisk(folder: string): (key: string) => number[] {
  const shards = readdirSync(folder)
    .filter((name) => /^model.*\.safetensors$/.test(name))
    .map((name) => readSafetensors(name, readFileSync(`${folder}/${name}`)));
  return (key) => {
    for (const read of shards)
      try {
        return [...read(key).values];
      } catch {
        // In another shard.
      }
    throw new Error(`no tensor ${key}`);
  };
}

const values = async (x: jax.Array): Promise<number[]> => [...(await (x as jax.DeviceArray).data())];

function expected(name: string, count: number, read: (key: string) => number[]): number[] {
  const experts = /^(.*\.experts)\.(gate_up_proj|down_proj)$/.exec(name);
  if (experts === null) return read(name);
  const [, prefix, kind] = experts;
  const all: number[] = [];
  for (let e = 0; e < count; e++)
    for (const part of kind === "down_proj" ? ["down_proj"] : ["gate_proj", "up_proj"])
      all.push(...read(`${prefix}.${e}.${part}.weight`));
  return all;
}

async function dispose(loaded: Record<string, jax.Array>): Promise<void> {
  for (const array of Object.values(loaded)) array.dispose();
}

for (const [name, folder] of Object.entries(folders))
  test(`${name}: every parameter arrives as it is on disk, experts stacked with gate before up`, async () => {
    const checkpoint = await openCheckpoint(folder);
    const plan = planFor(checkpoint.config);
    const loaded = await checkpoint.load(plan);
    assert.equal(Object.keys(loaded), Object.keys(plan));
    const read = onDisk(folder);
    for (const [parameter, array] of Object.entries(loaded)) {
      assert.equal(array.shape, plan[parameter].shape);
      assert.is(array.dtype, plan[parameter].dtype ?? "bfloat16");
      assert.equal(await values(array), expected(parameter, plan[parameter].shape[0], read), parameter);
    }
    await dispose(loaded);
  });

test("weights in bfloat16 become the same values in float32, in pieces of any size", async () => {
  const checkpoint = await openCheckpoint(folders["glm4_moe_lite-tiny"]);
  const plan = planFor(checkpoint.config, "float32");
  const read = onDisk(folders["glm4_moe_lite-tiny"]);
  for (const pieceBytes of [256, 10_000]) {
    const loaded = await checkpoint.load(plan, { pieceBytes });
    for (const [parameter, array] of Object.entries(loaded)) {
      assert.is(array.dtype, "float32");
      assert.equal(await values(array), expected(parameter, plan[parameter].shape[0], read), parameter);
    }
    await dispose(loaded);
  }
});

test("the layer that predicts further tokens is skipped by its index, and said so", async () => {
  const checkpoint = await openCheckpoint(folders["glm4_moe_lite-tiny"]);
  const { skipped, readBytes, deviceBytes } = await checkpoint.plan(planFor(checkpoint.config));
  assert.ok(skipped.size > 10);
  for (const [key, reason] of skipped) {
    assert.match(key, /^model\.layers\.4\./);
    assert.match(reason, /not a decoder layer, for there are 4/);
  }
  assert.is(readBytes, deviceBytes);
  const doubled = await checkpoint.plan(planFor(checkpoint.config, "float32"));
  // The correction biases have four bytes either way.
  assert.is(doubled.deviceBytes, 2 * readBytes - 3 * 8 * 4);
});

test("experts that lie fused on disk load too", async () => {
  const bytes = new Uint8Array(Float32Array.from({ length: 24 }, (_, i) => i).buffer);
  const tensors = {
    "model.layers.1.mlp.experts.gate_up_proj": { dtype: "F32", shape: [2, 4, 3], bytes },
    "model.layers.1.mlp.experts.down_proj": { dtype: "F32", shape: [2, 3, 2], bytes: bytes.subarray(0, 48) },
  };
  const checkpoint = await flashOf({ "model.safetensors": rawTensors(tensors) });
  const loaded = await checkpoint.load({
    "model.layers.1.mlp.experts.gate_up_proj": { shape: [2, 4, 3], dtype: "bfloat16" },
    "model.layers.1.mlp.experts.down_proj": { shape: [2, 3, 2] },
  });
  assert.equal(await values(loaded["model.layers.1.mlp.experts.gate_up_proj"]), [...Array(24).keys()]);
  assert.equal(await values(loaded["model.layers.1.mlp.experts.down_proj"]), [...Array(12).keys()]);
});

test("a tied head on disk is not wanted, and passed over", async () => {
  const bytes = new Uint8Array(8);
  const file = rawTensors({
    "model.embed_tokens.weight": { dtype: "F16", shape: [2, 2], bytes },
    "lm_head.weight": { dtype: "F16", shape: [2, 2], bytes },
  });
  const checkpoint = await flashOf({ "model.safetensors": file }, { tie_word_embeddings: true });
  const { skipped } = await checkpoint.plan({ "model.embed_tokens.weight": { shape: [2, 2] } });
  assert.equal([...skipped.keys()], ["lm_head.weight"]);
});

test("progress counts every byte that is read, with a rate", async () => {
  const checkpoint = await openCheckpoint(folders["glm4-tiny"]);
  const seen: Progress[] = [];
  await dispose(
    await checkpoint.load(planFor(checkpoint.config), { onProgress: (p) => seen.push(p), pieceBytes: 4096 }),
  );
  const { readBytes } = await checkpoint.plan(planFor(checkpoint.config));
  const last = seen[seen.length - 1];
  assert.equal([last.doneBytes, last.totalBytes], [readBytes, readBytes]);
  for (let i = 1; i < seen.length; i++) assert.ok(seen[i].doneBytes > seen[i - 1].doneBytes);
  assert.ok(last.bytesPerSecond > 0);
});

test("the host reads no more than a piece at a time, and holds at most two on the way", async () => {
  const reads: number[] = [];
  let held = 0;
  let most = 0;
  const watched = watch(folderFiles(folders["glm-tiny"]), async (into, read) => {
    reads.push(into.length);
    most = Math.max(most, ++held);
    await read();
    held--;
  });
  const checkpoint = await openCheckpoint(watched);
  reads.length = 0;
  const pieceBytes = 2048;
  await dispose(await checkpoint.load(planFor(checkpoint.config, "float32"), { pieceBytes }));
  // Headers are read whole.
  const header = Math.max(...reads);
  assert.ok(reads.filter((bytes) => bytes > pieceBytes).length <= 1, `a read of ${header} bytes`);
  assert.ok(most <= 2, `${most} reads at once`);
});

test("an aborted load stops, throws the reason and leaves nothing on the device", async () => {
  await jax.ready();
  await collectGarbage();
  const checkpoint = await openCheckpoint(folders["glm4-tiny"]);
  const before = jax.statistics().bytesInUse;
  const controller = new AbortController();
  let pieces = 0;
  const loading = checkpoint.load(planFor(checkpoint.config), {
    signal: controller.signal,
    pieceBytes: 4096,
    onProgress: () => {
      if (++pieces === 9) controller.abort(new Error("enough"));
    },
  });
  assert.is((await rejection(loading)).message, "enough");
  assert.is(pieces, 9);
  assert.is(jax.statistics().bytesInUse, before);
  assert.is((await rejection(checkpoint.load({}, { signal: controller.signal }))).message, "enough");
});

test("a file that is cut off while it is read leaves nothing on the device", async () => {
  await jax.ready();
  await collectGarbage();
  const before = jax.statistics().bytesInUse;
  let reads = 0;
  const failing = watch(folderFiles(folders["glm4-tiny"]), async (_, read) => {
    if (++reads > 30) throw new jax.CheckpointError("the disk is gone");
    await read();
  });
  const checkpoint = await openCheckpoint(failing);
  const error = await rejection(checkpoint.load(planFor(checkpoint.config)));
  assert.is(error.message, "the disk is gone");
  assert.is(jax.statistics().bytesInUse, before);
});

test("all files are closed when a load ends, well or badly", async () => {
  let open = 0;
  const files = folderFiles(folders["glm4-tiny"]);
  const counted: CheckpointFiles = {
    location: files.location,
    open: async (name) => {
      const source = await files.open(name);
      if (source === undefined) return undefined;
      open++;
      return {
        ...source,
        close: async () => {
          open--;
          await source.close();
        },
      };
    },
  };
  const checkpoint = await openCheckpoint(counted);
  await dispose(await checkpoint.load(planFor(checkpoint.config)));
  await rejection(checkpoint.load({}));
  assert.is(open, 0);
});

/** Calls back around every read. */
function watch(
  files: CheckpointFiles,
  around: (into: Uint8Array, read: () => Promise<void>) => Promise<void>,
): CheckpointFiles {
  return {
    location: files.location,
    open: async (name) => {
      const source = await files.open(name);
      return source && { ...source, read: (offset, into) => around(into, () => source.read(offset, into)) };
    },
  };
}

function flashOf(files: Readonly<Record<string, Uint8Array>>, config: object = {}): Promise<Checkpoint> {
  return openCheckpoint(
    memoryFiles({ "config.json": JSON.stringify({ model_type: "glm4_moe_lite", ...config }), ...files }),
  );
}

test.run();
