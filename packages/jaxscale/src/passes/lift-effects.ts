/** Effects leave the program: what they tell the host becomes further results, and telling it is done behind the call. */
import type { HostTensor } from "../base/tensor-data.ts";
import { type Atom, type ClosedJaxpr, type JaxprEqn, newVar, type Var } from "../jaxpr/ir.ts";
import { isPure, rulesOf } from "../primitives/primitive.ts";

export interface WithoutEffects {
  /** Its results, then those that effects tell. */
  readonly closed: ClosedJaxpr;
  /** How many there are of the latter. */
  readonly extra: number;
  /** Does what the effects would, in the program's order; undefined if there are none. */
  readonly replay: Replay | undefined;
}

export type Replay = (effectResults: readonly HostTensor[]) => void;

/** @param closed without calls @throws TypeError for an effect where it is not known how often it happens */
export function liftEffects(closed: ClosedJaxpr): WithoutEffects {
  const { jaxpr, consts } = closed;
  const effectResults: Atom[] = [];
  const steps: Replay[] = [];
  const eqns = jaxpr.eqns.flatMap((eqn): readonly JaxprEqn[] => {
    if (isPure(eqn)) return [eqn];
    const first = effectResults.length;
    const { lowering } = rulesOf(eqn.primitive);
    if (lowering.kind === "effect") {
      effectResults.push(...eqn.inputs);
      steps.push((results) => lowering.run(eqn.params, results.slice(first, first + eqn.inputs.length)));
      return [];
    }
    const lifted = liftBodies(eqn);
    effectResults.push(...lifted.effectResults);
    steps.push((results) => lifted.replay(results.slice(first, first + lifted.effectResults.length)));
    return [lifted.eqn];
  });
  return {
    closed: { jaxpr: { ...jaxpr, eqns, outvars: [...jaxpr.outvars, ...effectResults] }, consts },
    extra: effectResults.length,
    replay: steps.length === 0 ? undefined : (results) => steps.forEach((step) => step(results)),
  };
}

/** The same for an equation with bodies, which returns what they tell. */
function liftBodies(eqn: JaxprEqn): {
  readonly eqn: JaxprEqn;
  readonly effectResults: readonly Var[];
  readonly replay: Replay;
} {
  const { primitive, params, inputs, outputs } = eqn;
  const { withEffects } = rulesOf(primitive);
  if (!withEffects)
    throw new TypeError(
      `${primitive.name}: must have no effects such as debug.print inside, since only the device knows how often they happen; use scan, or foriLoop with bounds known on the host, or print after it`,
    );
  const bodies = primitive.subJaxprs(params).map(liftEffects);
  const lifted = withEffects(
    params,
    bodies.map((body) => body.closed),
    bodies.map((body) => body.extra),
  );
  const types = primitive.abstractEval(
    inputs.map((a) => a.aval),
    lifted.params,
  );
  const effectResults = types.slice(outputs.length).map(newVar);
  return {
    eqn: { ...eqn, params: lifted.params, outputs: [...outputs, ...effectResults] },
    effectResults,
    replay: (results) => lifted.replay(results, (body, own) => bodies[body].replay?.(own)),
  };
}
