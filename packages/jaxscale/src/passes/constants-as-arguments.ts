/** Constants that each call gives to a program instead: those of which each GPU has another part. */
import type { ClosedJaxpr } from "../jaxpr/ir.ts";

export interface WithArguments {
  /** Its arguments, then those that were constants. */
  readonly closed: ClosedJaxpr;
  readonly constants: readonly unknown[];
}

/** @param closed without calls */
export function constantsAsArguments(
  { jaxpr, consts }: ClosedJaxpr,
  isArgument: (constant: unknown) => boolean,
): WithArguments {
  const moves = consts.map(isArgument);
  const kept = <T>(list: readonly T[]): T[] => list.filter((_, i) => !moves[i]);
  const moved = <T>(list: readonly T[]): T[] => list.filter((_, i) => moves[i]);
  const invars = [...jaxpr.invars, ...moved(jaxpr.constvars)];
  return {
    closed: { jaxpr: { ...jaxpr, constvars: kept(jaxpr.constvars), invars }, consts: kept(consts) },
    constants: moved(consts),
  };
}
