/** Branches within `shardMap`, where devices may differ in values and in the branch that they take. */
import { type JaxprEqn, type ShapedArray, varyingOfAny } from "../../jaxpr/ir.ts";
import { inlineCalls } from "../../passes/inline-calls.ts";
import { rulesOf } from "../../primitives/primitive.ts";
import type { Array } from "../../trace/array.ts";
import { traceToJaxpr } from "../../trace/staging.ts";
import { bind, varyAlong } from "../../trace/trace.ts";
import { evalJaxprBy } from "../../transforms/eval-jaxpr.ts";
import type { Body } from "./trace-body.ts";

/**
 * Branches whose results vary along the same axes: those of any of them, and those along which devices choose differently. Where
 * they do, what a branch closes over varies before it is chosen: the transpose of that is a sum over devices, which all must join.
 * @param chosen axes along which the choice varies
 */
export function varyAlike(bodies: readonly Body[], chosen: readonly string[]): readonly Body[] {
  const types = bodies.map(({ jaxpr: { jaxpr } }) => jaxpr.outvars.map((v) => v.aval));
  const wanted = types[0].map((_, i) => [...new Set([...varyingOfAny(types.map((own) => own[i])), ...chosen])]);
  const isAlike = (own: readonly ShapedArray[]): boolean =>
    own.every(({ varying = [] }, i) => varying.length === wanted[i].length);
  if (chosen.length === 0 && types.every(isAlike)) return bodies;
  return bodies.map(({ jaxpr: closed, constants: given, outTree }): Body => {
    const constants = given.map((x) => varyAlong(x, chosen));
    const inputs = [...constants.map((x) => x.aval), ...closed.jaxpr.invars.slice(given.length).map((v) => v.aval)];
    const jaxpr = traceToJaxpr(
      "branch",
      (...args) => withoutRepeats(closed, args).map((x, i) => varyAlong(x, wanted[i])),
      inputs,
    );
    return { jaxpr, constants, outTree };
  });
}

/** A jaxpr's results; what varies already is not made to vary once more. */
const withoutRepeats = (closed: Body["jaxpr"], args: readonly Array[]): readonly Array[] =>
  evalJaxprBy<Array>(inlineCalls(closed, isCollective), args, {
    lift: (x) => x,
    process: ({ primitive, params }, operands) => {
      const axes = rulesOf(primitive).variesAlong?.(params);
      return axes ? [varyAlong(operands[0], axes)] : bind(primitive, operands, params);
    },
  });

// They stay: what a collective is made of depends on where its axes are mapped.
const isCollective = ({ primitive }: JaxprEqn): boolean => rulesOf(primitive).axisNames !== undefined;
