/** Rules that map checkpoint keys to the parameters of a model. */
import { architectureOf } from "../architectures.ts";
import type { ModelConfig } from "../config/config.ts";
import type { KeyRules } from "./plan.ts";

/** Rules common to all checkpoints, and those of the architecture. Any other unknown key is an error. */
export function keyRules(config: ModelConfig): KeyRules {
  const { ignoredKeys, stacked } = architectureOf(config);
  const ignoredHere = ignoredKeys?.(config);
  return {
    ...(stacked && { stacked }),
    ...(config.quantization && { quantization: config.quantization }),
    ignore: (key) => {
      if (key.endsWith(".rotary_emb.inv_freq")) return "computed from the config";
      if (key === "lm_head.weight" && config.tieWordEmbeddings) return "the embedding is used instead";
      return ignoredHere?.(key);
    },
  };
}
