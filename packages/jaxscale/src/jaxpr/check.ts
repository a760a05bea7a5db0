/** Says whether a jaxpr is well-formed. It has no rule of its own: the types are those of each op's abstract evaluation. */
import { invariant } from "../base/errors.ts";
import { sameShape } from "../base/shapes.ts";
import { type Atom, type ClosedJaxpr, formatAval, type JaxprEqn, type ShapedArray, sameAval, type Var } from "./ir.ts";

/**
 * Every variable is bound once, before its uses; every equation's results have the types that its op derives from its
 * operands; the same for the jaxprs inside.
 * @returns the jaxpr, so that checks can be threaded between stages
 * @throws Error saying which equation is wrong: a bug of the pass that made it
 */
export function checkJaxpr(closed: ClosedJaxpr): ClosedJaxpr {
  const { jaxpr, consts } = closed;
  invariant(
    jaxpr.constvars.length === consts.length,
    `jaxpr has ${jaxpr.constvars.length} constant variables and ${consts.length} constants`,
  );
  const bound = new Set<Var>();
  const bind = (variable: Var, where: string): void => {
    invariant(!bound.has(variable), `${where} binds v${variable.id} again`);
    bound.add(variable);
  };
  const use = (atom: Atom, where: string): void => {
    if (atom.kind === "var") invariant(bound.has(atom), `${where} uses v${atom.id} before it is bound`);
    else invariant(sameShape(atom.aval.shape, []), `${where} has a literal of type ${formatAval(atom.aval)}`);
  };
  for (const variable of jaxpr.constvars) bind(variable, "constants");
  for (const variable of jaxpr.invars) bind(variable, "arguments");
  jaxpr.eqns.forEach((eqn, i) => {
    const where = `equation ${i} (${eqn.primitive.name})`;
    for (const input of eqn.inputs) use(input, where);
    checkTypes(eqn, where);
    for (const inner of eqn.primitive.subJaxprs(eqn.params)) checkJaxpr(inner);
    for (const output of eqn.outputs) bind(output, where);
  });
  for (const atom of jaxpr.outvars) use(atom, "the result");
  return closed;
}

function checkTypes({ primitive, inputs, outputs, params }: JaxprEqn, where: string): void {
  const derived = primitive.abstractEval(
    inputs.map((atom) => atom.aval),
    params,
  );
  invariant(
    derived.length === outputs.length,
    `${where} has ${outputs.length} results; its op gives ${derived.length}`,
  );
  derived.forEach((aval, i) => {
    const written = outputs[i].aval;
    invariant(
      sameAval(aval, written),
      `${where} has result ${i} of type ${describe(written)}; its op gives ${describe(aval)}`,
    );
  });
}

const describe = (aval: ShapedArray): string => `${formatAval(aval)}${aval.weakType ? " (weak)" : ""}`;
