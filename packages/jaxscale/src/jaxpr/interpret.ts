/** Runs a jaxpr on the CPU through each op's reference: slow, plain, and what every kernel is tested against. */
import { isFloat } from "../base/dtypes.ts";
import { invariant } from "../base/errors.ts";
import { roundTo } from "../base/rounding.ts";
import { sameShape } from "../base/shapes.ts";
import { allocateValues, type HostTensor } from "../base/tensor-data.ts";
import { type Atom, type ClosedJaxpr, formatAval, type JaxprEqn, type ShapedArray, type Var } from "./ir.ts";

/**
 * Every result is rounded to its dtype, as the kernels do, fused or not.
 * An op that calls a jaxpr interprets it by calling this function from its own reference.
 * @param args one tensor for each argument; constants of the jaxpr must be host tensors too
 */
export function interpret(closed: ClosedJaxpr, args: readonly HostTensor[]): HostTensor[] {
  const { jaxpr, consts } = closed;
  const values = new Map<Var, HostTensor>();
  const bind = (variables: readonly Var[], tensors: readonly HostTensor[], where: string): void => {
    invariant(
      variables.length === tensors.length,
      `${where}: ${variables.length} variables, ${tensors.length} tensors`,
    );
    variables.forEach((variable, i) => values.set(variable, expectType(tensors[i], variable.aval, where)));
  };
  const read = (atom: Atom): HostTensor => {
    if (atom.kind === "literal") return scalarTensor(atom.value, atom.aval);
    const found = values.get(atom);
    invariant(found, `v${atom.id} has no value`);
    return found;
  };
  const lastUses = lastUsesOf(jaxpr.eqns, jaxpr.outvars);
  bind(jaxpr.constvars, consts.map(asHostTensor), "constants");
  bind(jaxpr.invars, args, "arguments");
  jaxpr.eqns.forEach(({ primitive, inputs, outputs, params }, i) => {
    const results = primitive.reference(inputs.map(read), params);
    bind(
      outputs,
      results.map((tensor) => rounded(tensor)),
      primitive.name,
    );
    for (const dead of lastUses[i]) values.delete(dead);
  });
  return jaxpr.outvars.map(read);
}

/** Per equation, the variables that nothing after it reads: a deep program must not hold all its tensors. */
function lastUsesOf(eqns: readonly JaxprEqn[], outvars: readonly Atom[]): Var[][] {
  const seen = new Set<Atom>(outvars);
  return eqns
    .toReversed()
    .map(({ inputs, outputs }) => {
      const last = [...inputs, ...outputs].filter((atom): atom is Var => atom.kind === "var" && !seen.has(atom));
      for (const variable of last) seen.add(variable);
      return last;
    })
    .reverse();
}

function asHostTensor(value: unknown): HostTensor {
  const candidate = value as Partial<HostTensor> | null;
  invariant(
    candidate?.shape && candidate.dtype && ArrayBuffer.isView(candidate.values),
    "a constant of an interpreted jaxpr is not on the host",
  );
  return candidate as HostTensor;
}

function expectType(tensor: HostTensor, aval: ShapedArray, where: string): HostTensor {
  invariant(
    tensor.dtype === aval.dtype && sameShape(tensor.shape, aval.shape),
    `${where}: expected ${formatAval(aval)}; got ${formatAval({ ...tensor, weakType: false })}`,
  );
  return tensor;
}

export function scalarTensor(value: number, { dtype, shape }: ShapedArray): HostTensor {
  const values = allocateValues(dtype, 1);
  values[0] = roundTo(dtype, value);
  return { shape, dtype, values };
}

/** The tensor with each element the nearest that its dtype holds; itself if there is nothing to do. */
function rounded(tensor: HostTensor): HostTensor {
  const { dtype, values, shape } = tensor;
  // The arrays of these hold exactly their dtype's values.
  if (dtype === "float32" || dtype === "int32" || dtype === "uint32") return tensor;
  const out = allocateValues(dtype, values.length);
  let changed = false;
  for (let i = 0; i < values.length; i++) {
    out[i] = roundTo(dtype, values[i]);
    changed ||= !Object.is(out[i], values[i]) && !(isFloat(dtype) && out[i] === values[i]);
  }
  return changed ? { shape, dtype, values: out } : tensor;
}
