/** `jaxscale quantize`: writes a checkpoint with quantized weights, which other libraries load too. */
import { createWriteStream } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { openCheckpoint, quantizedFiles, readBytes } from "@jaxscale/models";
import type { Command } from "commander";
import { CheckpointError } from "jaxscale";
import { ProgressBar } from "../load-model.ts";
import { addModelPath, addQuantizeFlags, type QuantizeFlags, quantizeOf } from "../model-flags.ts";

interface QuantizeCommandFlags extends QuantizeFlags {
  readonly model_path: string;
  readonly output: string;
}

/** What belongs to a checkpoint beside its weights and `config.json`. */
const companions = [
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "chat_template.jinja",
  "vocab.json",
  "merges.txt",
  "added_tokens.json",
  "LICENSE",
];

export function addQuantize(program: Command): void {
  const command = program
    .command("quantize")
    .description("write a checkpoint with quantized weights, in the format of compressed-tensors (pack-quantized)");
  addQuantizeFlags(addModelPath(command))
    .requiredOption("--output <dir>", "folder to write, which must not have files")
    .action(run);
}

async function run(flags: QuantizeCommandFlags): Promise<void> {
  const { model_path, output } = flags;
  const quantize = quantizeOf(flags);
  if (!quantize.weights && !quantize.experts)
    throw new RangeError("quantize: --quantize or --quantize_experts must say how; got neither");
  if (quantize.head)
    throw new RangeError(
      "quantize: files of this format hold floats for the embedding and the head; got --quantize_head",
    );
  await mkdir(output, { recursive: true });
  if ((await readdir(output)).length > 0)
    throw new CheckpointError(`${output}: must be an empty folder; got one with files`);
  const bar = new ProgressBar();
  const { files, config } = await openCheckpoint(model_path, { onProgress: bar.show });
  let kept = 0;
  const options = { quantize, onProgress: bar.show, onKept: () => kept++ };
  for await (const { name, pieces } of quantizedFiles(files, config, options))
    await pipeline(Readable.from(pieces), createWriteStream(join(output, name), { flags: "wx" }));
  for (const name of companions) {
    const source = await files.open(name);
    if (!source) continue;
    const bytes = await readBytes(source, 0, source.sizeBytes);
    await source.close();
    await pipeline(Readable.from([bytes]), createWriteStream(join(output, name), { flags: "wx" }));
  }
  bar.end();
  if (kept > 0) console.error(`${kept} weights keep their floats: groups do not divide their columns`);
  console.log(`wrote ${output}`);
}
