/** Whether the matrix products of a layer are summed in float32 or in bfloat16. */
import { quoted } from "../checkpoint-error.ts";
import type { Checkpoint } from "../open-checkpoint.ts";
import type { HostTensor } from "../safetensors/file.ts";
import { openWeights } from "../weights/weights.ts";
import type { ObservedRun } from "./run.ts";

/** Errors of one product x Wᵀ + b of the last token, each as root mean square ÷ that of the exact values. */
export interface ProductDiagnosis {
  /** Key of its weight, within the layer: `self_attn.q_proj`. */
  readonly name: string;
  /** Summands of each element. */
  readonly terms: number;
  /** What the model gave. */
  readonly model: number;
  /** Summed in float32 and rounded once to the dtype of the model. */
  readonly float32: number;
  /** Each partial sum rounded to bfloat16. */
  readonly bfloat16: number;
  /** The model's error is nearer to that of sums in float32. */
  readonly passed: boolean;
}

/** Which observed tensors go into the weights of a layer, and what comes out of them. */
const products: readonly (readonly [weight: string, input: string, outputs: readonly string[]])[] = [
  ["self_attn.q_proj", "input_layernorm", ["q_proj"]],
  ["self_attn.k_proj", "input_layernorm", ["k_proj"]],
  ["self_attn.v_proj", "input_layernorm", ["v_proj"]],
  ["self_attn.q_b_proj", "q_a_layernorm", ["q_b_proj"]],
  ["self_attn.kv_a_proj_with_mqa", "input_layernorm", ["kv_a_proj_with_mqa"]],
  ["self_attn.o_proj", "o_proj_in", ["attn"]],
  ["mlp.gate", "post_attention_layernorm", ["router_logits"]],
  ["mlp.gate_up_proj", "post_attention_layernorm", ["gate", "up"]],
  ["mlp.gate_proj", "post_attention_layernorm", ["gate"]],
  ["mlp.up_proj", "post_attention_layernorm", ["up"]],
  ["mlp.down_proj", "activation", ["mlp"]],
  ["mlp.shared_experts.gate_proj", "post_attention_layernorm", ["shared_experts.gate"]],
  ["mlp.shared_experts.up_proj", "post_attention_layernorm", ["shared_experts.up"]],
  ["mlp.shared_experts.down_proj", "shared_experts.activation", ["shared_experts"]],
];

/**
 * Computes the products of a layer once more on the host, from the observed inputs and the weights on disk, for the last token of the
 * first row.
 * @param run of a model in bfloat16 or float32, with all parts of the layer
 */
export async function diagnoseAccumulation(
  checkpoint: Checkpoint,
  run: ObservedRun,
  layer: number,
): Promise<ProductDiagnosis[]> {
  const weights = await openWeights(checkpoint.files);
  const last = run.ids[0].length - 1;
  const part = (name: string): Float32Array | undefined => rowOf(run.tensors.get(`layers.${layer}.${name}`), last);
  try {
    const found: ProductDiagnosis[] = [];
    for (const [name, input, outputs] of products) {
      const key = `model.layers.${layer}.${name}`;
      const stored = weights.tensors.get(`${key}.weight`);
      const [x, ...given] = [input, ...outputs].map(part);
      if (!stored || !x || given.some((one) => one === undefined)) continue;
      const weight = await stored.file.read(`${key}.weight`);
      const bias = weights.tensors.get(`${key}.bias`);
      const added = bias && (await bias.file.read(`${key}.bias`)).values;
      const output = Float32Array.from((given as Float32Array[]).flatMap((one) => [...one]));
      // The router's logits are never rounded.
      const isRounded = run.dtype === "bfloat16" && outputs[0] !== "router_logits";
      found.push({ name, ...errorsOf({ x, weight, added, output, isRounded, key }) });
    }
    return found;
  } finally {
    await weights.close();
  }
}

function rowOf(tensor: HostTensor | undefined, token: number): Float32Array | undefined {
  if (!tensor) return undefined;
  const size = tensor.shape.slice(2).reduce((a, b) => a * b, 1);
  return (tensor.values as Float32Array).subarray(token * size, (token + 1) * size);
}

interface Product {
  readonly x: Float32Array;
  readonly weight: HostTensor;
  readonly added: ArrayLike<number> | undefined;
  readonly output: Float32Array;
  /** Whether the model rounds results to bfloat16. */
  readonly isRounded: boolean;
  readonly key: string;
}

function errorsOf({ x, weight, added, output, isRounded, key }: Product): Omit<ProductDiagnosis, "name"> {
  const [rows, terms] = weight.shape;
  if (terms !== x.length || rows !== output.length)
    throw new RangeError(
      `diagnose: the weight ${quoted(key)} must be [${output.length},${x.length}]; got [${weight.shape.join()}]`,
    );
  let [square, model, float32, bfloat16] = [0, 0, 0, 0];
  for (let row = 0; row < rows; row++) {
    let [exact, wide, narrow] = [0, 0, 0];
    for (let i = 0; i < terms; i++) {
      const term = x[i] * weight.values[row * terms + i];
      exact += term;
      wide = Math.fround(wide + Math.fround(term));
      narrow = toBfloat16(narrow + term);
    }
    const plus = added?.[row] ?? 0;
    const rounded = isRounded ? toBfloat16 : Math.fround;
    square += (exact + plus) ** 2;
    model += (output[row] - exact - plus) ** 2;
    float32 += (rounded(Math.fround(wide + plus)) - exact - plus) ** 2;
    bfloat16 += (toBfloat16(narrow + plus) - exact - plus) ** 2;
  }
  const relative = (sum: number): number => (sum === 0 ? 0 : Math.sqrt(sum / square));
  const errors = { model: relative(model), float32: relative(float32), bfloat16: relative(bfloat16) };
  // Nearer on a scale of magnitudes: both lie far apart.
  const passed = errors.model <= Math.sqrt(errors.float32 * errors.bfloat16) || errors.model <= errors.float32;
  return { terms, ...errors, passed };
}

const bits = new Uint32Array(1);
const float = new Float32Array(bits.buffer);

/** Rounds a finite value to nearest even. */
function toBfloat16(value: number): number {
  float[0] = value;
  bits[0] = (bits[0] + 0x7fff + ((bits[0] >>> 16) & 1)) & 0xffff0000;
  return float[0];
}
