/** Ops that give their operand back. */
import { defineUnary } from "./define-elementwise.ts";

/** The operand, as a constant to differentiation. */
export const stopGradient = defineUnary("stop_gradient", {
  accepts: () => true,
  exact: true,
  movement: true,
  identity: () => true,
  reference: (x) => x,
  kernel: (_, x) => x,
});

/** The operand in memory of its own. */
export const copy = defineUnary("copy", {
  accepts: () => true,
  exact: true,
  movement: true,
  reference: (x) => x,
  kernel: (_, x) => x,
});
