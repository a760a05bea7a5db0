/** Ops that give their operand back. */
import { defineUnary, noTangent } from "./define-elementwise.ts";

/** The operand, as a constant to differentiation. */
export const stopGradient = defineUnary("stop_gradient", {
  accepts: () => true,
  exact: true,
  movement: true,
  identity: () => true,
  jvp: noTangent,
  reference: (x) => x,
  kernel: (_, x) => x,
});

/** The operand in memory of its own. */
export const copy = defineUnary("copy", {
  accepts: () => true,
  exact: true,
  movement: true,
  jvp: ({ bind1 }, _, [dx]) => bind1("copy", [dx]),
  transpose: ({ bind1 }, [ct]) => [ct && bind1("copy", [ct])],
  reference: (x) => x,
  kernel: (_, x) => x,
});
