/** The passes that make a jaxpr smaller without changing what it computes. */
import type { ClosedJaxpr } from "../jaxpr/ir.ts";
import { eliminateCommonSubexpressions } from "./eliminate-common-subexpressions.ts";
import { eliminateDeadCode } from "./eliminate-dead-code.ts";
import { foldConstants } from "./fold-constants.ts";
import { foldIntoMakers } from "./fold-into-makers.ts";

/** Folding first: it makes equal what was written differently, and leaves dead what it replaces. */
export const simplify = (closed: ClosedJaxpr): ClosedJaxpr =>
  foldIntoMakers(eliminateDeadCode(eliminateCommonSubexpressions(foldConstants(closed))));
