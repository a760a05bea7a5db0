/** Quantized checkpoints whose tensors contradict each other: each is a sentence that names the tensor. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openCheckpoint } from "@jaxscale/models";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CausalLM, parametersOf } from "../../packages/models/src/model.ts";
import "../setup.ts";
import { rejection } from "../rejection.ts";
import { memoryFiles, rawTensors } from "./raw-safetensors.ts";

const within = join(import.meta.dirname, "..", "fixtures", "quant");

interface Tensor {
  dtype: string;
  shape: number[];
  bytes: Uint8Array;
}

/** The tensors of a fixture with one file. */
function tensorsOf(folder: string): Record<string, Tensor> {
  const file = new Uint8Array(readFileSync(join(within, folder, "model.safetensors")));
  const length = Number(new DataView(file.buffer).getBigUint64(0, true));
  const header: Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }> = JSON.parse(
    new TextDecoder().decode(file.subarray(8, 8 + length)),
  );
  return Object.fromEntries(
    Object.entries(header)
      .filter(([name]) => name !== "__metadata__")
      .map(
        ([
          name,
          {
            dtype,
            shape,
            data_offsets: [from, to],
          },
        ]) => [name, { dtype, shape, bytes: file.slice(8 + length + from, 8 + length + to) }],
      ),
  );
}

const ofSize = (dtype: string, shape: number[], itemBytes: number): Tensor => ({
  dtype,
  shape,
  bytes: new Uint8Array(shape.reduce((a, b) => a * b, itemBytes)),
});

async function loadingError(
  folder: string,
  change: (tensors: Record<string, Tensor>, config: Record<string, unknown>) => void,
): Promise<Error> {
  const tensors = tensorsOf(folder);
  const config = JSON.parse(readFileSync(join(within, folder, "config.json"), "utf8"));
  change(tensors, config);
  const files = memoryFiles({ "model.safetensors": rawTensors(tensors), "config.json": JSON.stringify(config) });
  return rejection(
    openCheckpoint(files).then(async (checkpoint) => {
      const model = new CausalLM(checkpoint.config, "float32");
      await checkpoint.quantize(model);
      return checkpoint.load(parametersOf(model));
    }),
  );
}

const down = "model.layers.0.mlp.down_proj";
const cases: readonly (readonly [
  what: string,
  folder: string,
  change: Parameters<typeof loadingError>[1],
  message: RegExp,
])[] = [
  [
    "too few groups",
    "glm4-ct-int4-sym-g32",
    (t) => {
      t[`${down}.weight_scale`] = ofSize("BF16", [64, 3], 2);
    },
    /down_proj\.weight_scale: must have 4 groups, for 128 columns and a group_size of 32; got 3$/,
  ],
  [
    "scales of other rows",
    "glm4-ct-int4-sym-g32",
    (t) => {
      t[`${down}.weight_scale`] = ofSize("BF16", [63, 4], 2);
    },
    /down_proj\.weight_scale: must have shape \[64,groups\]; got \[63,4\]$/,
  ],
  [
    "no scales",
    "glm4-ct-int4-sym-g32",
    (t) => {
      delete t[`${down}.weight_scale`];
    },
    /down_proj\.weight_scale: must be there, beside model\.layers\.0\.mlp\.down_proj\.weight_packed; got no such tensor$/,
  ],
  [
    "scales that are no floats",
    "glm4-ct-int4-sym-g32",
    (t) => {
      t[`${down}.weight_scale`] = ofSize("I32", [64, 4], 4);
    },
    /down_proj\.weight_scale: must have dtype BF16, F16 or F32; got I32$/,
  ],
  [
    "words that are cut off",
    "glm4-ct-int4-sym-g32",
    (t) => {
      t[`${down}.weight_packed`] = ofSize("I32", [64, 15], 4);
    },
    /down_proj\.weight_packed: must hold 128 codes of 4 or 8 bits in 16 or 32 words; got 15$/,
  ],
  [
    "zero points of other rows",
    "glm4-ct-int4-asym-g32",
    (t) => {
      t[`${down}.weight_zero_point`] = ofSize("I32", [7, 4], 4);
    },
    /down_proj\.weight_zero_point: must have shape \[8,4\]; got \[7,4\]$/,
  ],
  [
    "a grid that does not fit its blocks",
    "glm4-fp8-block",
    (t) => {
      t[`${down}.weight_scale_inv`] = ofSize("F32", [2, 3], 4);
    },
    /down_proj\.weight_scale_inv: must have shape \[2,4\], for blocks of 32x32; got \[2,3\]$/,
  ],
  [
    "AWQ's words along the wrong axis",
    "glm4-awq-g32",
    (t) => {
      t[`${down}.qweight`] = ofSize("I32", [16, 64], 4);
    },
    /down_proj\.qweight: must have shape \[128,8\]; got \[16,64\]$/,
  ],
  [
    "AWQ without zero points",
    "glm4-awq-g32",
    (t) => {
      delete t[`${down}.qzeros`];
    },
    /down_proj\.qzeros: must be there, beside model\.layers\.0\.mlp\.down_proj\.qweight; got no such tensor$/,
  ],
  [
    "GPTQ's groups beyond the last",
    "glm4-gptq-actorder-g32",
    (t) => {
      const index = t[`${down}.g_idx`];
      index.bytes = new Uint8Array(Int32Array.from({ length: 128 }, (_, i) => (i === 5 ? 4 : 0)).buffer);
    },
    /down_proj\.g_idx: must hold groups from 0 to 3; got 4$/,
  ],
  [
    "GPTQ of three bits",
    "glm4-gptq-g32",
    (_, config) => {
      (config.quantization_config as Record<string, unknown>).bits = 3;
    },
    /quantization_config\.bits: must be 4 or 8; got 3$/,
  ],
  [
    "MLX without biases",
    "glm4-mlx-4bit",
    (t) => {
      delete t[`${down}.biases`];
    },
    /down_proj\.biases: must be there, beside model\.layers\.0\.mlp\.down_proj\.weight; got no such tensor$/,
  ],
  [
    "nf4 without its table",
    "glm4-bnb-nf4",
    (t) => {
      delete t[`${down}.weight.quant_map`];
    },
    /down_proj\.weight\.quant_map: must be there, beside model\.layers\.0\.mlp\.down_proj\.weight; got no such tensor$/,
  ],
  [
    "nf4 in blocks of 128",
    "glm4-bnb-nf4",
    (t) => {
      t[`${down}.weight.absmax`] = ofSize("F32", [64], 4);
    },
    /down_proj\.weight\.absmax: must have shape \[128\]; got \[64\]$/,
  ],
  [
    "nf4 of other weights than bfloat16",
    "glm4-bnb-nf4",
    (t) => {
      const bytes = new TextEncoder().encode('{"quant_type": "nf4", "blocksize": 64, "dtype": "float16"}');
      t[`${down}.weight.quant_state.bitsandbytes__nf4`] = { dtype: "U8", shape: [bytes.length], bytes };
    },
    /down_proj\.weight\.quant_state\.bitsandbytes__nf4\.dtype: must be "bfloat16"; got "float16"$/,
  ],
  [
    "fp4 of bitsandbytes",
    "glm4-bnb-nf4",
    (_, config) => {
      (config.quantization_config as Record<string, unknown>).bnb_4bit_quant_type = "fp4";
    },
    /quantization_config\.bnb_4bit_quant_type: must be nf4; got "fp4"$/,
  ],
  [
    "eight bits of bitsandbytes",
    "glm4-bnb-nf4",
    (_, config) => {
      (config.quantization_config as Record<string, unknown>).load_in_8bit = true;
    },
    /quantization_config\.load_in_8bit: must be false; got true$/,
  ],
  [
    "a plain integer weight",
    "glm4-ct-int8-channel",
    (t) => {
      t["model.norm.weight"] = ofSize("I8", [64], 1);
    },
    /model\.norm\.weight: must have dtype BF16, F16 or F32; got I8$/,
  ],
  [
    "a tensor too many",
    "glm4-ct-int4-sym-g32",
    (t) => {
      t[`${down}.weight_extra`] = ofSize("F32", [1], 4);
    },
    /down_proj\.weight_extra: must be a tensor of this model; got F32 \[1\], which it does not have$/,
  ],
];

for (const [what, folder, change, message] of cases)
  test(`${what} (${folder})`, async () => {
    const error = await loadingError(folder, change);
    assert.is(error.name, "CheckpointError", `${error.message}`);
    assert.match(error.message, message);
  });

test.run();
