/** `lax`: one function for each primitive, and little more. Nothing is promoted; numbers are scalars of their default dtype. @see https://docs.jax.dev/en/latest/jax.lax.html */
export * from "./associative-scan.ts";
export * from "./collective.ts";
export * from "./control-flow.ts";
export { bitcastConvertType, clamp, convertElementType, select, selectN } from "./convert.ts";
export * from "./convolution.ts";
export * from "./creation.ts";
export * from "./dot.ts";
export * from "./dynamic-slice.ts";
export * from "./elementwise.ts";
export * from "./indexing.ts";
export * from "./ragged-dot.ts";
export * from "./reduction.ts";
export * from "./shape.ts";
export * from "./sort.ts";
