/** Ops of the fixtures that no row runs yet, by the work that brings them. Nothing is left out silently. */
export const later: Readonly<Record<string, readonly string[]>> = {
  "attention, convolution, grouped matmul": ["nn.dot_product_attention", "lax.conv_general_dilated", "lax.ragged_dot"],
  "transforms and control flow": [
    "eval.*",
    "grad.*",
    "value_and_grad.*",
    "checkpoint.*",
    "jvp.*",
    "vjp.*",
    "hessian.*",
    "jacfwd.*",
    "jacrev.*",
    "vmap.*",
    "vmap_grad.*",
    "grad_vmap.*",
    "linearize.*",
    "grad_grad.*",
    "jit_grad.*",
  ],
  sharding: ["shard_map.*"],
};

const names = new Set(Object.values(later).flat());

export const isLater = (op: string): boolean => names.has(op) || names.has(`${op.split(".")[0]}.*`);
