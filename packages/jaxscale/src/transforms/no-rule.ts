import type { Primitive } from "../jaxpr/ir.ts";

/** What is thrown where a transformation meets an op that does not have it. */
export const noRule = (primitive: Primitive, rule: "differentiation" | "transpose" | "batching"): TypeError =>
  new TypeError(`${primitive.name}: no ${rule} rule`);
