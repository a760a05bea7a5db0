/** Keys that checkpoints hold and models do not use. */
import type { ModelConfig } from "../config/config.ts";
import type { IgnoreRule } from "./plan.ts";

/** For a model of this config. Anything else that it does not have is an error. */
export function ignoredKeys(config: ModelConfig): IgnoreRule {
  const layers = config.numHiddenLayers;
  const extra = config.modelType === "glm4_moe_lite" ? Math.max(1, config.numNextnPredictLayers) : 0;
  return (key) => {
    const layer = /^model\.layers\.(0|[1-9][0-9]{0,8})\./.exec(key)?.[1];
    if (layer !== undefined && Number(layer) >= layers && Number(layer) < layers + extra)
      return `predicts further tokens; not a decoder layer, for there are ${layers}`;
    if (key.endsWith(".rotary_emb.inv_freq")) return "computed from the config";
    if (key === "lm_head.weight" && config.tieWordEmbeddings) return "the embedding is used instead";
    return undefined;
  };
}
