/** `nn`: functions of neural networks. @see https://docs.jax.dev/en/latest/jax.nn.html */
export * from "./attention.ts";
export * as initializers from "./initializers.ts";
export * from "./normalizers.ts";
export * from "./rectifiers.ts";
export * from "./sigmoids.ts";
