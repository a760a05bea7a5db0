/** Intermediate values of a model, under the names of the reference. */
import * as nnx from "@jaxscale/nnx";
import type * as jax from "jaxscale";
import type { CausalLM } from "../model.ts";

/**
 * A forward pass without caches that sows its intermediate values: `embed`, `layers.0.input_layernorm`, `layers.0.query`,
 * `layers.0.attn`, `layers.1.expert_ids`, `norm`, `logits`. Works under jit.
 * @param ids int32 `[B,T]`; shorter rows are padded at the end
 * @param wanted names of the values to return; all if absent
 */
export function observe(
  model: CausalLM,
  ids: jax.Array,
  wanted: (name: string) => boolean = () => true,
): Record<string, jax.Array> {
  const [hidden, captured] = nnx.capture((m: CausalLM) => m.call(ids))(model);
  const values: Record<string, jax.Array> = wanted("logits") ? { logits: model.logits(hidden) } : {};
  for (const [path, leaf] of captured) {
    const name = nameOf(path);
    if (wanted(name)) [values[name]] = (leaf as nnx.Intermediate<readonly jax.Array[]>).get();
  }
  return values;
}

// Modules of these names exist.
const goldenNames: Readonly<Record<string, string>> = { attended: "attn", mixed: "mlp", shared: "shared_experts" };

/** `model.layers.0.self_attn.query` is `layers.0.query`, `model.layers.0.input_layernorm.normed` is `layers.0.input_layernorm`. */
function nameOf(path: readonly (string | number)[]): string {
  const [module, last] = path.slice(-2).map(String);
  const own = last === "normed" ? module : (goldenNames[last] ?? last);
  const name = module === "shared_experts" ? `${module}.${own}` : own;
  return path[1] === "layers" ? `layers.${path[2]}.${name}` : name;
}
