/**
 * Writes a checkpoint at the true widths of a model, with few layers and random weights, 3 to 4 GB:
 * `npx tsx bench/real-widths/make.ts glm4|flash FOLDER`. Holds a piece of a tensor at a time.
 */
import { copyFileSync, createWriteStream, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { safetensorsPieces } from "@jaxscale/models";
import { randomBytes } from "./random-values.ts";
import { type TensorShape, widthsModels } from "./shapes.ts";

const [name, folder] = process.argv.slice(2);
const make = widthsModels[name];
if (!make || !folder)
  throw new Error(`make: give a model (${Object.keys(widthsModels).join(", ")}) and a folder; got ${name}, ${folder}`);

/** A tensor is never split, so that a shard holds one that is larger. */
const shardBytes = 1.3e9;

const elements = ({ shape }: TensorShape): number => shape.reduce((a, b) => a * b, 1);
const sizeBytes = (tensor: TensorShape): number => elements(tensor) * (tensor.dtype === "bfloat16" ? 2 : 4);

function shardsOf(tensors: readonly TensorShape[]): TensorShape[][] {
  const shards: TensorShape[][] = [];
  let room = 0;
  for (const tensor of tensors) {
    if (sizeBytes(tensor) > room) {
      shards.push([]);
      room = shardBytes;
    }
    shards[shards.length - 1].push(tensor);
    room -= sizeBytes(tensor);
  }
  return shards;
}

async function writeShard(path: string, tensors: readonly TensorShape[], firstSeed: number): Promise<void> {
  const file = createWriteStream(path);
  const written = tensors.map((tensor, i) => ({
    ...tensor,
    data: () => randomBytes(elements(tensor), { dtype: tensor.dtype, mean: tensor.mean, seed: firstSeed + i }),
  }));
  // A piece is reused for the next one, so it must have left before that is made.
  for await (const piece of safetensorsPieces(written)) {
    await new Promise<void>((resolve, reject) => file.write(piece, (error) => (error ? reject(error) : resolve())));
  }
  file.end();
  await finished(file);
}

const { config, tensors } = make();
const shards = shardsOf(tensors);
mkdirSync(folder, { recursive: true });
const weightMap: Record<string, string> = {};
let seed = 1;
for (const [i, shard] of shards.entries()) {
  const number = (n: number): string => `${n}`.padStart(5, "0");
  const file = `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`;
  for (const tensor of shard) weightMap[tensor.name] = file;
  await writeShard(join(folder, file), shard, seed);
  seed += shard.length;
  console.log(`${file}: ${(shard.reduce((sum, t) => sum + sizeBytes(t), 0) / 1e9).toFixed(2)} GB`);
}
const write = (file: string, value: unknown): void =>
  writeFileSync(join(folder, file), `${JSON.stringify(value, undefined, 2)}\n`);
const totalSize = tensors.reduce((sum, tensor) => sum + sizeBytes(tensor), 0);
write("model.safetensors.index.json", { metadata: { total_size: totalSize }, weight_map: weightMap });
write("config.json", config);
// Text goes in and comes out, though none of it means anything to random weights.
const tiny = new URL(
  `../../examples/checkpoints/${name === "flash" ? "glm-4.7-flash-tiny" : "glm-4-tiny"}/`,
  import.meta.url,
);
for (const file of ["tokenizer.json", "tokenizer_config.json"])
  copyFileSync(fileURLToPath(new URL(file, tiny)), join(folder, file));
