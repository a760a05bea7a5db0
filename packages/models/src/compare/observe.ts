/** Intermediate values of a model, under the names of the reference. */
import * as nnx from "@jaxscale/nnx";
import type * as jax from "jaxscale";
import type { CausalLM } from "../model.ts";

/**
 * A forward pass without caches that sows all its intermediate values: `embed`, `layers.0.query`, `layers.0.attn`,
 * `layers.1.expert_ids`, `norm`, `logits`. Works under jit.
 * @param ids int32 `[B,T]`; shorter rows are padded at the end
 */
export function observe(model: CausalLM, ids: jax.Array): Record<string, jax.Array> {
  const [hidden, captured] = nnx.capture((m: CausalLM) => m.call(ids))(model);
  const values: Record<string, jax.Array> = { logits: model.logits(hidden) };
  for (const [path, leaf] of captured) {
    const [value] = (leaf as nnx.Intermediate<readonly jax.Array[]>).get();
    values[nameOf(path)] = value;
  }
  return values;
}

// A module of that name exists.
const goldenNames: Readonly<Record<string, string>> = { attended: "attn", mixed: "mlp" };

/** `model.layers.0.self_attn.query` is `layers.0.query`. */
function nameOf(path: readonly (string | number)[]): string {
  const last = String(path[path.length - 1]);
  const name = goldenNames[last] ?? last;
  return path[1] === "layers" ? `layers.${path[2]}.${name}` : name;
}
