/** Sums over devices of which each device only reads its part: summed part by part, which moves half the bytes. */
import { type ClosedJaxpr, type JaxprEqn, newVar, type Var } from "../jaxpr/ir.ts";
import { type PartOf, primitiveNamed, rulesOf } from "../primitives/primitive.ts";

export function scatterSums(closed: ClosedJaxpr): ClosedJaxpr {
  const { jaxpr } = closed;
  const readers = new Map<Var, JaxprEqn[]>();
  for (const eqn of jaxpr.eqns)
    for (const atom of eqn.inputs) if (atom.kind === "var") readers.set(atom, [...(readers.get(atom) ?? []), eqn]);
  const results = new Set(jaxpr.outvars);
  const replaced = new Map<Var, Var>();
  const dropped = new Set<JaxprEqn>();
  const eqns: JaxprEqn[] = [];
  const current = (eqn: JaxprEqn): JaxprEqn =>
    eqn.inputs.some((atom) => atom.kind === "var" && replaced.has(atom))
      ? { ...eqn, inputs: eqn.inputs.map((atom) => (atom.kind === "var" && replaced.get(atom)) || atom) }
      : eqn;

  const emit = (eqn: JaxprEqn): void => {
    const { scattered, axisNames } = rulesOf(eqn.primitive);
    const [sum] = eqn.outputs;
    const parts = scattered && !results.has(sum) ? (readers.get(sum) ?? []) : [];
    const part = sharedPart(parts);
    const axes = axisNames?.(eqn.params) ?? [];
    if (!scattered || !part || !axes.includes(part.axes[0])) {
      eqns.push(eqn);
      return;
    }
    const own = newVar(parts[0].outputs[0].aval);
    eqns.push({ ...eqn, primitive: primitiveNamed(scattered), outputs: [own], params: { ...part, tiled: true } });
    // What is left of the sum is taken of the part, which may be read in parts again.
    const rest = axes.filter((name) => name !== part.axes[0]);
    const out = rest.length > 0 ? newVar(own.aval) : own;
    for (const reader of parts) {
      replaced.set(reader.outputs[0], out);
      dropped.add(reader);
    }
    readers.set(
      out,
      parts.flatMap(({ outputs }) => readers.get(outputs[0]) ?? []),
    );
    if (parts.some(({ outputs }) => results.has(outputs[0]))) results.add(out);
    if (rest.length > 0) emit({ ...eqn, inputs: [own], outputs: [out], params: { ...eqn.params, axes: rest } });
  };
  for (const eqn of jaxpr.eqns) if (!dropped.has(eqn)) emit(current(eqn));
  if (dropped.size === 0) return closed;
  const outvars = jaxpr.outvars.map((atom) => (atom.kind === "var" && replaced.get(atom)) || atom);
  return { ...closed, jaxpr: { ...jaxpr, eqns, outvars } };
}

/** The part that all of some equations take, if there is one. */
function sharedPart(readers: readonly JaxprEqn[]): PartOf | undefined {
  const parts = readers.map(({ primitive, params }) => rulesOf(primitive).partOf?.(params));
  const [first] = parts;
  return parts.every((part) => part && part.axes[0] === first?.axes[0] && part.dimension === first.dimension)
    ? first
    : undefined;
}
