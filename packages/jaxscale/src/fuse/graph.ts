/** A flat jaxpr as a graph: who makes and who uses each variable, and which equations are recomputed where they are read. */
import { sizeOf } from "../base/shapes.ts";
import type { Atom, Jaxpr, JaxprEqn, Params, Var } from "../jaxpr/ir.ts";
import { type LoweringContext, type MapLowering, type PrimitiveRules, rulesOf } from "../primitives/primitive.ts";

export interface Producer {
  readonly eqn: JaxprEqn;
  readonly output: number;
}

export class Graph {
  readonly jaxpr: Jaxpr;
  readonly #producers = new Map<Var, Producer>();
  readonly #consumers = new Map<Var, JaxprEqn[]>();
  /** Equations that have no kernel of their own: readers evaluate them at the index that they need. */
  readonly virtual = new Set<JaxprEqn>();
  /** Results of such equations that are stored nevertheless. */
  readonly stored = new Set<Var>();

  constructor(jaxpr: Jaxpr) {
    this.jaxpr = jaxpr;
    for (const eqn of jaxpr.eqns) {
      eqn.outputs.forEach((v, output) => this.#producers.set(v, { eqn, output }));
      for (const v of new Set(eqn.inputs)) {
        if (v.kind !== "var") continue;
        const list = this.#consumers.get(v);
        if (list) list.push(eqn);
        else this.#consumers.set(v, [eqn]);
      }
    }
  }

  producer(v: Var): Producer | undefined {
    return this.#producers.get(v);
  }
  consumers(v: Var): readonly JaxprEqn[] {
    return this.#consumers.get(v) ?? [];
  }
  /** The producer of `v` if readers recompute it. */
  virtualProducer(v: Var): Producer | undefined {
    const producer = this.#producers.get(v);
    return producer && this.virtual.has(producer.eqn) && !this.stored.has(v) ? producer : undefined;
  }
}

export const contextOf = (eqn: JaxprEqn): LoweringContext<Params> => ({
  params: eqn.params,
  inputs: eqn.inputs.map((a) => a.aval),
  outputs: eqn.outputs.map((v) => v.aval),
});

export const rules = (eqn: JaxprEqn): PrimitiveRules => rulesOf(eqn.primitive);

export function mapLowering(eqn: JaxprEqn): MapLowering<Params> | undefined {
  const { lowering } = rules(eqn);
  return lowering.kind === "map" ? lowering : undefined;
}

export const sizeOfAtom = (a: Atom): number => sizeOf(a.aval.shape);
