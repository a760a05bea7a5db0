/** What the kernels of a model belong to. */

/** Parts of a model that a profile tells apart. */
export type Component =
  | "embedding"
  | "norms"
  | "attention"
  | "rope"
  | "cache"
  | "router"
  | "routed experts"
  | "shared expert"
  | "mlp"
  | "head"
  | "sampling"
  | "collectives"
  | "other";

/** Names of modules, as checkpoints have them, and of scopes. */
const table: readonly (readonly [name: RegExp, component: Component])[] = [
  [/^(embed_tokens|wte)$/, "embedding"],
  [/norm$/, "norms"],
  [/^(self_attn|attn|attention)$/, "attention"],
  [/^rope$/, "rope"],
  [/^cache$/, "cache"],
  [/^(gate|router)$/, "router"],
  [/^experts$/, "routed experts"],
  [/^shared_experts?$/, "shared expert"],
  [/^mlp$/, "mlp"],
  [/^lm_head$/, "head"],
  [/^sampling$/, "sampling"],
  [/^collectives$/, "collectives"],
];

/** In the order in which a step runs them; what no name says last. */
export const componentNames: readonly Component[] = [...table.map(([, component]) => component), "other"];

/** The parts of a mixture of experts. */
export const expertComponents: readonly Component[] = ["router", "routed experts", "shared expert"];

/** Decided by the innermost name of the scope that says it: `model/layers/3/self_attn/q_a_layernorm` is a norm. */
export function componentOf(scope: string): Component {
  for (const name of scope.split("/").reverse()) {
    const found = table.find(([pattern]) => pattern.test(name));
    if (found) return found[1];
  }
  return "other";
}
