import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { folderFiles, openCheckpoint, openWeights } from "@jaxscale/models";
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { rejection } from "../rejection.ts";
import { memoryFiles, rawTensors } from "./raw-safetensors.ts";

const config = JSON.stringify({ model_type: "glm4_moe_lite", num_hidden_layers: 2 });
const tensor = (dtype: string, shape: readonly number[]) => ({
  dtype,
  shape,
  bytes: new Uint8Array(shape.reduce((a, b) => a * b, dtype === "F32" ? 4 : dtype === "F64" ? 8 : 2)),
});
const norm = "model.norm.weight";
const head = "lm_head.weight";
const good = { [norm]: tensor("BF16", [4]), [head]: tensor("F16", [2, 4]) };
const plan = { [norm]: { shape: [4] }, [head]: { shape: [2, 4] } };
const index = (weight_map: unknown) => JSON.stringify({ metadata: { total_size: 24 }, weight_map });

async function refused(
  files: Readonly<Record<string, Uint8Array | string>>,
  message: string,
  wanted: Parameters<Awaited<ReturnType<typeof openCheckpoint>>["load"]>[0] = plan,
): Promise<void> {
  await jax.ready();
  const before = jax.statistics().bytesInUse;
  const error = await rejection(
    openCheckpoint(memoryFiles({ "config.json": config, ...files })).then((c) => c.load(wanted)),
  );
  assert.is(error.message, message);
  assert.is(error.name, "CheckpointError");
  assert.is(jax.statistics().bytesInUse, before);
}
const single = (tensors: Parameters<typeof rawTensors>[0]) => ({ "model.safetensors": rawTensors(tensors) });
const sharded = (map: unknown, shards: Readonly<Record<string, Uint8Array>> = {}) => ({
  "model.safetensors.index.json": typeof map === "string" ? map : index(map),
  ...shards,
});
const place = "model.safetensors.index.json";

test("no weights", () => refused({}, `blobs: must hold model.safetensors or ${place}; got neither`));

test("a missing tensor", () =>
  refused(single({ [norm]: good[norm] }), `blobs: ${head}: must be there with shape [2,4]; got no such tensor`));

test("a missing expert", () =>
  refused(
    single({ "model.layers.1.mlp.experts.0.down_proj.weight": tensor("BF16", [3, 2]) }),
    "blobs: model.layers.1.mlp.experts.1.down_proj.weight: must be there with shape [3,2], a part of model.layers.1.mlp.experts.down_proj; got no such tensor",
    { "model.layers.1.mlp.experts.down_proj": { shape: [2, 3, 2] } },
  ));

test("an unexpected tensor", () =>
  refused(
    single({ ...good, "model.extra.weight": tensor("F32", [1]) }),
    "model.safetensors: model.extra.weight: must be a tensor of this model; got F32 [1], which it does not have",
  ));

test("a layer more than the config says, beyond those that are skipped", () =>
  refused(
    single({ ...good, "model.layers.2.eh_proj.weight": tensor("F32", [1]), "model.layers.3.x": tensor("F32", [1]) }),
    "model.safetensors: model.layers.3.x: must be a tensor of this model; got F32 [1], which it does not have",
  ));

test("an expert more than the model has", () =>
  refused(
    single({
      "model.layers.1.mlp.experts.0.down_proj.weight": tensor("BF16", [3, 2]),
      "model.layers.1.mlp.experts.1.down_proj.weight": tensor("BF16", [3, 2]),
    }),
    "model.safetensors: model.layers.1.mlp.experts.1.down_proj.weight: must be a tensor of this model; got BF16 [3,2], which it does not have",
    { "model.layers.1.mlp.experts.down_proj": { shape: [1, 3, 2] } },
  ));

test("a wrong shape, also when it has as many elements", () =>
  refused(
    single({ ...good, [head]: tensor("F16", [4, 2]) }),
    `model.safetensors: ${head}: must have shape [2,4]; got [4,2]`,
  ));

test("a shape with another number of axes", () =>
  refused(
    single({ ...good, [norm]: tensor("F16", [1, 4]) }),
    `model.safetensors: ${norm}: must have shape [4]; got [1,4]`,
  ));

for (const dtype of ["F64", "I16", "F8_E4M3"])
  test(`weights of dtype ${dtype}`, () =>
    refused(
      single({
        ...good,
        [norm]: { dtype, shape: [4], bytes: new Uint8Array(dtype === "F64" ? 32 : dtype === "I16" ? 8 : 4) },
      }),
      `model.safetensors: ${norm}: must have dtype BF16, F16 or F32; got ${dtype}`,
    ));

test("experts of different dtypes, when the dtype is kept", () =>
  refused(
    single({
      "model.layers.1.mlp.experts.0.down_proj.weight": tensor("BF16", [3, 2]),
      "model.layers.1.mlp.experts.1.down_proj.weight": tensor("F32", [3, 2]),
    }),
    "model.safetensors: model.layers.1.mlp.experts.1.down_proj.weight: must have dtype BF16, as model.layers.1.mlp.experts.0.down_proj.weight, for both are parts of model.layers.1.mlp.experts.down_proj; got F32",
    { "model.layers.1.mlp.experts.down_proj": { shape: [2, 3, 2] } },
  ));

test("a dtype that floats cannot become", () =>
  refused(single(good), `model.safetensors: ${norm}: must have dtype int32; got BF16`, {
    ...plan,
    [norm]: { shape: [4], dtype: "int32" },
  }));

test("an index that names a missing shard", () =>
  refused(
    sharded(
      { [norm]: "model-1.safetensors", [head]: "model-2.safetensors" },
      { "model-1.safetensors": rawTensors({ [norm]: good[norm] }) },
    ),
    `${place}: must name shards that exist; got model-2.safetensors, which is missing`,
  ));

for (const name of [
  "../model.safetensors",
  "/etc/model.safetensors",
  "a/b.safetensors",
  "..\\x.safetensors",
  "C:x.safetensors",
  "model.bin",
  ".safetensors",
  "x\0.safetensors",
  "",
])
  test(`an index that names ${JSON.stringify(name)}`, async () => {
    const error = await rejection(openWeights(memoryFiles(sharded({ [norm]: name }))));
    assert.is(error.name, "CheckpointError");
    assert.match(
      error.message,
      /^model\.safetensors\.index\.json: model\.norm\.weight: must be the plain name of a \.safetensors file in the same folder; got "/,
    );
  });

test("a key that lies in two shards", () =>
  refused(
    sharded(
      { [norm]: "a.safetensors", [head]: "b.safetensors" },
      { "a.safetensors": rawTensors(good), "b.safetensors": rawTensors({ [head]: good[head] }) },
    ),
    `a.safetensors: ${head}: must occur in one shard; got the key also in b.safetensors`,
  ));

test("a key in a shard that the index does not list", () =>
  refused(
    sharded({ [norm]: "a.safetensors" }, { "a.safetensors": rawTensors(good) }),
    `a.safetensors: ${head}: must be listed in ${place}; got a tensor that is not`,
  ));

test("a key that its shard does not hold", () =>
  refused(
    sharded(
      { [norm]: "a.safetensors", [head]: "a.safetensors" },
      { "a.safetensors": rawTensors({ [norm]: good[norm] }) },
    ),
    `a.safetensors: ${head}: must hold the tensor that ${place} says it holds; got no such tensor`,
  ));

test("an index with a key twice", () =>
  refused(
    sharded(`{"weight_map":{"a":"x.safetensors","a":"y.safetensors"}}`),
    `${place}: a: must occur once; got the key twice`,
  ));

test("an index that nests without end", () =>
  refused(sharded(`{"weight_map":${'{"a":'.repeat(50_000)}`), `${place}: a: must nest at most 8 deep; got more`));

test("an index without a map, with an empty one, or with something else in it", async () => {
  await refused(sharded("{}"), `${place}: weight_map: must be an object of file names by key; got nothing`);
  await refused(sharded({}), `${place}: weight_map: must name at least one tensor; got none`);
  await refused(sharded({ a: 1 }), `${place}: a: must be a file name; got 1`);
  await refused(sharded("[]"), `${place}: weight_map: must be an object of file names by key; got nothing`);
});

test("a truncated shard", () => {
  const whole = rawTensors(good);
  return refused(
    sharded(
      { [norm]: "a.safetensors", [head]: "a.safetensors" },
      { "a.safetensors": whole.subarray(0, whole.length - 1) },
    ),
    `a.safetensors: ${head}: must lie within the 23 bytes of data; got bytes 8 to 24`,
  );
});

test("a missing config.json, and one that is no JSON", async () => {
  const error = await rejection(openCheckpoint(memoryFiles({})));
  assert.is(error.message, "blobs: must hold config.json; got no such file");
  const broken = await rejection(openCheckpoint(memoryFiles({ "config.json": "{]" })));
  assert.is(broken.message, "config.json: must have a key in quotes here; got ] at character 1");
});

test("a tokenizer with more tokens than the model", async () => {
  const tokenizer = {
    model: { type: "BPE", vocab: { a: 0, b: 7 }, merges: [] },
    decoder: { type: "ByteLevel" },
    pre_tokenizer: null,
    normalizer: null,
    post_processor: null,
    added_tokens: [],
  };
  const checkpoint = await openCheckpoint(
    memoryFiles({
      "config.json": JSON.stringify({ model_type: "glm4_moe_lite", vocab_size: 7 }),
      "tokenizer.json": JSON.stringify(tokenizer),
    }),
  );
  assert.is(
    (await rejection(checkpoint.tokenizer())).message,
    "tokenizer.json: must have ids below the config's vocab_size 7; got 7",
  );
});

test("on disk: a folder in place of a file, a path that is neither folder nor hub id, names that lead elsewhere", async () => {
  const root = mkdtempSync(join(tmpdir(), "checkpoint-"));
  try {
    mkdirSync(join(root, "model.safetensors"));
    writeFileSync(join(root, "config.json"), config);
    const folder = await openCheckpoint(root);
    assert.match((await rejection(folder.load({}))).message, /model\.safetensors: must be a file; got a folder$/);
    assert.match(
      (await rejection(openCheckpoint(join(root, "config.json")))).message,
      /must be the folder of a checkpoint; got a file$/,
    );
    assert.match(
      (await rejection(openCheckpoint(join(root, "none")))).message,
      /must be a folder, or a hub id such as org\/name/,
    );
    assert.match((await rejection(openCheckpoint("org/../name"))).message, /must be a folder, or a hub id/);
    assert.match((await rejection(folderFiles(root).open("../x"))).message, /plain name; got "\.\.\/x"/);
    // A cache's files are links.
    rmSync(join(root, "model.safetensors"), { recursive: true });
    writeFileSync(join(root, "blob"), rawTensors(good));
    symlinkSync("blob", join(root, "model.safetensors"));
    assert.is((await folder.plan(plan)).readBytes, 24);
  } finally {
    rmSync(root, { recursive: true });
  }
});

test.run();
