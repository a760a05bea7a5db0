/** Puts the bodies of called jaxprs in the place of the calls. */
import { invariant } from "../base/errors.ts";
import { type Atom, type ClosedJaxpr, type Jaxpr, type JaxprEqn, joinScopes, newVar, type Var } from "../jaxpr/ir.ts";
import { rulesOf } from "../primitives/primitive.ts";

type Source = JaxprEqn["source"];

/**
 * No equation of the result calls a jaxpr, at any depth, but those that are kept. Constants of the bodies become constants of the whole.
 */
export function inlineCalls(closed: ClosedJaxpr, isKept: (eqn: JaxprEqn) => boolean = () => false): ClosedJaxpr {
  const isCall = (eqn: JaxprEqn): boolean => rulesOf(eqn.primitive).lowering.kind === "call" && !isKept(eqn);
  if (!closed.jaxpr.eqns.some(isCall)) return closed;
  const { jaxpr } = closed;
  const eqns: JaxprEqn[] = [];
  const constants = new Map<unknown, Var>(closed.consts.map((value, i) => [value, jaxpr.constvars[i]]));
  const constvars = [...jaxpr.constvars];
  const consts = [...closed.consts];

  const constant = (value: unknown, bodyVar: Var): Var => {
    let variable = constants.get(value);
    if (!variable) {
      variable = newVar(bodyVar.aval);
      constants.set(value, variable);
      constvars.push(variable);
      consts.push(value);
    }
    return variable;
  };

  /** Emits a body's equations with its variables renamed: a body may be called more than once. */
  const emit = (body: Jaxpr, names: Map<Var, Atom>, caller: Source, rename: boolean, region?: object): void => {
    const nameOf = (atom: Atom): Atom => (atom.kind === "var" ? (names.get(atom) ?? atom) : atom);
    for (const eqn of body.eqns) {
      const inputs = eqn.inputs.map(nameOf);
      const scope = joinScopes(caller.scope, eqn.source.scope);
      // What an op is made of comes from where the op does.
      const site = eqn.source.site ?? caller.site;
      const source = { ...eqn.source, scope, ...(site && { site }), ...(region && { region }) };
      if (isCall(eqn)) {
        const results = call(eqn, inputs, source, region);
        eqn.outputs.forEach((output, i) => names.set(output, results[i]));
        continue;
      }
      const outputs = rename ? eqn.outputs.map((output) => newVar(output.aval)) : eqn.outputs;
      if (rename) eqn.outputs.forEach((output, i) => names.set(output, outputs[i]));
      eqns.push({ ...eqn, inputs, outputs, source });
    }
  };

  const call = (eqn: JaxprEqn, inputs: readonly Atom[], source: Source, region?: object): Atom[] => {
    const body = calledBy(eqn);
    const names = new Map<Var, Atom>();
    body.jaxpr.invars.forEach((variable, i) => names.set(variable, inputs[i]));
    body.jaxpr.constvars.forEach((variable, i) => names.set(variable, constant(body.consts[i], variable)));
    emit(body.jaxpr, names, source, true, isIsolated(eqn) ? eqn : region);
    return body.jaxpr.outvars.map((atom) => (atom.kind === "var" ? (names.get(atom) ?? atom) : atom));
  };

  const names = new Map<Var, Atom>();
  emit(jaxpr, names, { scope: "" }, false);
  const outvars = jaxpr.outvars.map((atom) => (atom.kind === "var" ? (names.get(atom) ?? atom) : atom));
  return { jaxpr: { ...jaxpr, constvars, eqns, outvars }, consts };
}

/** The jaxpr among the parameters, or what the op is lowered as. */
function calledBy(eqn: JaxprEqn): ClosedJaxpr {
  const { primitive, params, inputs, outputs } = eqn;
  const { lowering } = rulesOf(primitive);
  if (lowering.kind === "call" && lowering.body)
    return lowering.body({ params, inputs: inputs.map((a) => a.aval), outputs: outputs.map((v) => v.aval) });
  const [body, ...others] = primitive.subJaxprs(params);
  invariant(body && others.length === 0, `${primitive.name} calls one jaxpr`);
  return body;
}

function isIsolated({ primitive, params }: JaxprEqn): boolean {
  const { lowering } = rulesOf(primitive);
  return lowering.kind === "call" && (lowering.isolated?.(params) ?? false);
}
