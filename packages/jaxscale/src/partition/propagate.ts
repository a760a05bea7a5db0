/**
 * Where each value of a program is best kept: layouts flow through the sharding rules of equations, forwards from arguments and
 * constraints, backwards from wanted results and consumers, and around loops, until nothing is added. They are advice: the
 * rewriting for one device follows them where that moves nothing.
 */
import type { Atom, ClosedJaxpr, JaxprEqn, Var } from "../jaxpr/ir.ts";
import { type Edge, rulesOf } from "../primitives/primitive.ts";
import { assignFactors, cutAgain, type LaidOut, layoutBy, ruleOf } from "./assign-factors.ts";
import { type AxisSizes, extended, isReplicated, type Layout, replicated, sameLayout } from "./layout.ts";
import type { Placement } from "./partition.ts";

/** What is known of a jaxpr's values. */
export interface Hints {
  readonly closed: ClosedJaxpr;
  readonly layouts: Map<Var, Layout>;
  /** For equations that call jaxprs: the layout of each of their `edges`, as a body sees it, and what is known of the bodies. */
  readonly calls: ReadonlyMap<JaxprEqn, Call>;
}
export const layoutIn = ({ layouts }: Pick<Hints, "layouts">, atom: Atom): Layout =>
  (atom.kind === "var" && layouts.get(atom)) || replicated(atom.aval);

export interface Call {
  readonly edges: readonly Edge[];
  readonly layouts: Layout[];
  readonly bodies: readonly Hints[];
}

export function propagate(closed: ClosedJaxpr, placement: Placement): Hints {
  const { invars, outvars } = closed.jaxpr;
  const propagation = new Propagation(closed, placement);
  invars.forEach((v, i) => propagation.give(v, placement.layouts[i]));
  // What arguments and constraints say goes first.
  propagation.settle();
  outvars.forEach((atom, i) => propagation.extend(atom, placement.wanted[i] ?? replicated(atom.aval)));
  propagation.settle();
  return propagation;
}

class Propagation implements Hints {
  readonly closed: ClosedJaxpr;
  readonly layouts = new Map<Var, Layout>();
  readonly calls = new Map<JaxprEqn, Call & { readonly bodies: readonly Propagation[] }>();
  readonly #placement: Placement;
  readonly #sizes: AxisSizes;
  /** Values whose layout was decided: nothing is added to it. */
  readonly #given = new Set<Var>();
  readonly #visits: readonly Visit[];

  constructor(closed: ClosedJaxpr, placement: Placement) {
    this.closed = closed;
    this.#placement = placement;
    this.#sizes = placement.mesh.shape;
    closed.jaxpr.constvars.forEach((v, i) => this.give(v, placement.constants?.(closed.consts[i])));
    this.#visits = closed.jaxpr.eqns.map((eqn) => this.#visitOf(eqn));
  }

  give(v: Var, layout: Layout | undefined): void {
    if (!layout) return;
    this.layouts.set(v, layout);
    this.#given.add(v);
  }

  layoutOf(atom: Atom): Layout {
    return layoutIn(this, atom);
  }

  /** Adds axes to a value's dimensions where they are free and divide it. @returns whether there were any */
  extend(atom: Atom, layout: Layout): boolean {
    if (atom.kind === "literal" || this.#given.has(atom)) return false;
    const known = this.layoutOf(atom);
    const next = extended(known, layout, atom.aval.shape, this.#sizes);
    if (sameLayout(next, known)) return false;
    this.layouts.set(atom, next);
    return true;
  }

  /** @returns whether anything was added */
  settle(): boolean {
    for (let changed = false; ; changed = true) {
      let more = false;
      for (const visit of this.#visits) more = visit("forwards") || more;
      for (const visit of this.#visits.toReversed()) more = visit("backwards") || more;
      if (!more) return changed;
    }
  }

  #visitOf(eqn: JaxprEqn): Visit {
    const { laidOut, edges } = rulesOf(eqn.primitive);
    if (laidOut) {
      this.give(eqn.outputs[0], laidOut(eqn.params).layout);
      return (direction) => direction === "backwards" && this.extend(eqn.inputs[0], this.layoutOf(eqn.outputs[0]));
    }
    return edges ? this.#visitCall(eqn, edges(eqn.params)) : this.#visitRule(eqn);
  }

  #visitRule(eqn: JaxprEqn): Visit {
    const { inputs, outputs } = eqn;
    const types = { inputs: inputs.map((a) => a.aval), outputs: outputs.map((v) => v.aval) };
    const seen: Record<Direction, LaidOut["layouts"]> = { forwards: [], backwards: [] };
    return (direction) => {
      const layouts = [...inputs, ...outputs].map((atom) => this.layoutOf(atom));
      if (layouts.every(isReplicated) || sameLayouts(layouts, seen[direction])) return false;
      seen[direction] = layouts;
      const rule = ruleOf(eqn);
      const operands = { types: types.inputs, layouts: layouts.slice(0, inputs.length) };
      const results = { types: types.outputs, layouts: layouts.slice(inputs.length) };
      const assigned = assignFactors(rule, operands, this.#sizes, results);
      let changed = false;
      const of = direction === "forwards" ? outputs : inputs;
      for (const [i, atom] of of.entries()) {
        const sides = direction === "forwards" ? rule.results : rule.operands;
        const layout = layoutBy(assigned, sides[i]);
        const next =
          direction === "forwards" && inputs.length > 0
            ? cutAgain(rule, operands.layouts[0], i, atom.aval, layout, this.#sizes)
            : layout;
        changed = this.extend(atom, next) || changed;
      }
      return changed;
    };
  }

  /** What is one value outside and in the bodies gets one layout, to which all its places add. */
  #visitCall(eqn: JaxprEqn, edges: readonly Edge[]): Visit {
    const bodies = rulesOf(eqn.primitive)
      .subJaxprs(eqn.params)
      .map((body) => new Propagation(body, this.#placement));
    const inside = ({ arguments: args, outputs }: Edge): readonly (readonly [Propagation, Atom])[] => [
      ...args.map(([body, i]) => [bodies[body], bodies[body].closed.jaxpr.invars[i]] as const),
      ...outputs.map(([body, i]) => [bodies[body], bodies[body].closed.jaxpr.outvars[i]] as const),
    ];
    const places = edges.map((edge) => ({
      inside: inside(edge),
      outside: [
        ...(edge.operand === undefined ? [] : [eqn.inputs[edge.operand]]),
        ...(edge.result === undefined ? [] : [eqn.outputs[edge.result]]),
      ],
      lead: edge.stacked ? 1 : 0,
    }));
    const layouts = places.map((place): Layout => replicated(place.inside[0][1].aval));
    this.calls.set(eqn, { edges, layouts, bodies });
    const share = (): boolean => {
      let changed = false;
      for (const [i, { inside, outside, lead }] of places.entries()) {
        const { shape } = inside[0][1].aval;
        for (const atom of outside)
          layouts[i] = extended(layouts[i], this.layoutOf(atom).slice(lead), shape, this.#sizes);
        for (const [body, atom] of inside) layouts[i] = extended(layouts[i], body.layoutOf(atom), shape, this.#sizes);
        for (const atom of outside) changed = this.extend(atom, [...(lead ? [[]] : []), ...layouts[i]]) || changed;
        for (const [body, atom] of inside) changed = body.extend(atom, layouts[i]) || changed;
      }
      return changed;
    };
    return () => {
      for (let changed = false; ; changed = true) {
        let more = share();
        for (const body of bodies) more = body.settle() || more;
        if (!more) return changed;
      }
    };
  }
}

type Direction = "forwards" | "backwards";
/** Lets an equation's layouts flow. @returns whether anything was added */
type Visit = (direction: Direction) => boolean;

const sameLayouts = (a: LaidOut["layouts"], b: LaidOut["layouts"]): boolean =>
  a.length === b.length && a.every((layout, i) => layout === b[i] || sameLayout(layout, b[i]));
