/** Models of any size without a checkpoint. */
import * as jax from "jaxscale";
import type { ModelConfig } from "../config/config.ts";
import { parseGenerationConfig } from "../config/generation.ts";
import { LanguageModel } from "../language-model.ts";
import { CausalLM, parametersOf, setParameters } from "../model.ts";
import { modelMesh, type Parallelism } from "../parallel/parallelism.ts";
import { type QuantizeOptions, quantizeModel } from "../quantize-model.ts";
import type { ComponentName } from "../weights/quantized/matrices.ts";

/** Options of `randomModel`. */
export interface RandomModelOptions {
  /** That of the config, or float32, if absent. */
  readonly dtype?: jax.DType;
  readonly parallelism?: Parallelism;
  /** What has codes and scales instead of floats; nothing if absent. */
  readonly quantize?: QuantizeOptions;
  /** Dtype of the caches; that of activations if absent. */
  readonly kvDtype?: jax.DType;
  /** 0 if absent. */
  readonly seed?: number;
}

/** How far weights spread: products of them keep their size, more or less, as trained ones do. */
const spread = 0.02;

/**
 * A model with random weights, normal around 0, made on the device: for measuring, for it says nothing of sense.
 * @throws RangeError for parallelism that does not divide it; DeviceError if it does not fit
 */
export async function randomModel(
  config: ModelConfig,
  { dtype = config.dtype ?? "float32", parallelism = {}, quantize, kvDtype, seed = 0 }: RandomModelOptions = {},
): Promise<LanguageModel> {
  const mesh = modelMesh(config, parallelism);
  const model = new CausalLM(config, dtype, mesh, kvDtype);
  quantizeModel(model, quantize);
  const make = jax.jit(randomValues, { staticArgnums: 1, name: "random_weight" });
  const key = jax.random.prngKey(seed);
  const values: Record<string, jax.Array> = {};
  for (const [i, [name, { shape, dtype: stored, sharding, quantized }]] of Object.entries(
    parametersOf(model),
  ).entries()) {
    const value = make(jax.random.foldIn(key, i), { shape, dtype: stored, component: quantized?.component });
    values[name] = sharding ? jax.devicePut(value, sharding) : value;
    // One after the other: the float32 draw of each takes memory.
    await value.blockUntilReady();
  }
  setParameters(model, values);
  return new LanguageModel(model, parseGenerationConfig(undefined, config));
}

interface RandomWeight {
  readonly shape: readonly number[];
  readonly dtype: jax.DType;
  readonly component: ComponentName | undefined;
}

/** Codes are even over four bits around 0, or around a zero point of 8. */
function randomValues(key: jax.Array, { shape, dtype, component }: RandomWeight): jax.Array {
  if (component === "codes") {
    const first = dtype.startsWith("u") ? 0 : -8;
    return jax.random.randint(key, shape, first, first + 16).astype(dtype);
  }
  if (component === "zeros") return jax.numpy.full(shape, 8, { dtype });
  if (component === "scales") return jax.numpy.full(shape, spread / 4, { dtype });
  return jax.random.normal(key, shape, { dtype: "float32" }).mul(spread).astype(dtype);
}
