/** Makes printed jaxprs comparable. */
import type { ClosedJaxpr, JaxprEqn, PrintedParam } from "../../packages/jaxscale/src/jaxpr/ir.ts";
import { printJaxpr } from "../../packages/jaxscale/src/jaxpr/print.ts";
import { parseJaxpr } from "./parse.ts";

/** Where data lies and how exact a backend is: JAX prints them as None, here they have no meaning. */
const dropped: ReadonlySet<string> = new Set(["out_sharding", "sharding", "dimensions", "precision"]);

/** The text with variables named anew in order of appearance, without the dropped parameters, and laid out afresh. */
export const normalizeJaxpr = (text: string): string =>
  printJaxpr(withoutDropped(parseJaxpr(text.replace(/np\.int64\((-?\d+)\)/g, "$1")), new Map()));

// A body that is called twice must stay one object.
function withoutDropped({ jaxpr, consts }: ClosedJaxpr, done: Map<object, ClosedJaxpr>): ClosedJaxpr {
  const before = done.get(jaxpr);
  if (before) return before;
  const eqns = jaxpr.eqns.map((eqn): JaxprEqn => ({ ...eqn, params: keptParams(eqn, done) }));
  const closed = { jaxpr: { ...jaxpr, eqns }, consts };
  done.set(jaxpr, closed);
  return closed;
}

function keptParams({ params }: JaxprEqn, done: Map<object, ClosedJaxpr>): Record<string, PrintedParam> {
  const kept = Object.entries(params as Record<string, PrintedParam>).filter(
    ([key, value]) => !(dropped.has(key) && value === "None"),
  );
  const inside = (value: PrintedParam): PrintedParam => {
    if (typeof value === "string") return value;
    return "jaxpr" in value ? withoutDropped(value, done) : value.map((body) => withoutDropped(body, done));
  };
  return Object.fromEntries(kept.map(([key, value]) => [key, inside(value)]));
}
