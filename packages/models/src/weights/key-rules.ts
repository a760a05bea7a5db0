/** What keys of a checkpoint mean to the model of a config. */
import { architectureOf } from "../architectures.ts";
import type { ModelConfig } from "../config/config.ts";
import type { KeyRules } from "./plan.ts";

/** What all checkpoints may hold, and what the config's architecture says. Any other key that the model does not have is an error. */
export function keyRules(config: ModelConfig): Required<KeyRules> {
  const { ignoredKeys, stacked } = architectureOf(config);
  const ignoredHere = ignoredKeys?.(config);
  return {
    stacked: stacked ?? (() => undefined),
    ignore: (key) => {
      if (key.endsWith(".rotary_emb.inv_freq")) return "computed from the config";
      if (key === "lm_head.weight" && config.tieWordEmbeddings) return "the embedding is used instead";
      return ignoredHere?.(key);
    },
  };
}
