/** Operations that look at how arrays lie on devices are told, and leave the program. */
import type { ClosedJaxpr } from "../jaxpr/ir.ts";
import { rulesOf } from "../primitives/primitive.ts";
import { rewriteEqns } from "./rewrite.ts";

/** @param mesh that the program was partitioned for; undefined of a single device */
export const tellShardings = (closed: ClosedJaxpr, mesh: unknown): ClosedJaxpr =>
  rewriteEqns(closed, ({ primitive, params, inputs }) => {
    const { inspect } = rulesOf(primitive);
    if (!inspect) return undefined;
    inspect(params, mesh, inputs[0].aval.shape.length);
    return [];
  });
