/** Which elements an equation reads, found by running its own element formula on symbolic indices. */
import { computeType } from "../base/dtypes.ts";
import type { Atom, JaxprEqn, Var } from "../jaxpr/ir.ts";
import { KernelBuilder } from "../kernel/builder.ts";
import { Index } from "../kernel/index-space.ts";
import type { Value } from "../kernel/ir.ts";
import { type Domain, fullPosition } from "./domain.ts";
import { contextOf, type Graph, mapLowering, sizeOfAtom } from "./graph.ts";

export interface ReadSite {
  readonly variable: Var;
  /** Row-major position that is read, in terms of the symbols. */
  readonly position: Value;
}

/** Symbolic row and column of a domain, and the positions that its values have there. */
export interface Symbols {
  readonly k: KernelBuilder;
  readonly row: Value;
  readonly full: Value;
}

export class AccessAnalysis {
  readonly #graph: Graph;
  readonly #k = new KernelBuilder();
  readonly #symbols = new Map<Domain, Symbols>();

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  /** For further symbols. */
  get builder(): KernelBuilder {
    return this.#k;
  }

  symbols(domain: Domain): Symbols {
    let known = this.#symbols.get(domain);
    if (!known) {
      const k = this.#k;
      const below = (n: number): { min: number; max: number } => ({ min: 0, max: Math.max(0, n - 1) });
      const row = domain.rows === 1 ? k.i32(0) : k.opaque("i32", `row${domain.rows}`, below(domain.rows));
      const column =
        domain.columns === 1 ? k.i32(0) : k.opaque("i32", `column${domain.columns}`, below(domain.columns));
      known = { k, row, full: fullPosition(k, domain, row, column) };
      this.#symbols.set(domain, known);
    }
    return known;
  }

  /** Everything that output `output` of `eqn` reads to make its element at `position`, through recomputed equations. */
  reads(eqn: JaxprEqn, output: number, position: Value): readonly ReadSite[] {
    const sites: ReadSite[] = [];
    if (sizeOfAtom(eqn.outputs[output]) === 0) return sites;
    this.#evaluate(eqn, output, Index.fromLinear(this.#k, eqn.outputs[output].aval.shape, position), sites);
    return sites;
  }
  /** What reading `atom` at `position` touches. */
  readsOfAtom(atom: Atom, position: Value): readonly ReadSite[] {
    const sites: ReadSite[] = [];
    this.#read(atom, Index.fromLinear(this.#k, atom.aval.shape, position), sites);
    return sites;
  }

  #read(atom: Atom, index: Index, sites: ReadSite[]): Value {
    const type = computeType(atom.aval.dtype);
    if (atom.kind === "literal") return this.#k.constant(type, atom.value);
    const virtual = this.#graph.virtualProducer(atom);
    const empty = sizeOfAtom(atom) === 0;
    // There is no element to make a formula for.
    if (virtual) return empty ? this.#k.constant(type, 0) : this.#evaluate(virtual.eqn, virtual.output, index, sites);
    const position = empty ? this.#k.i32(0) : index.linear;
    sites.push({ variable: atom, position });
    return this.#k.opaque(type, `v${atom.id}@${position.id}`);
  }
  #evaluate(eqn: JaxprEqn, output: number, index: Index, sites: ReadSite[]): Value {
    const lowering = mapLowering(eqn);
    if (!lowering) return this.#k.opaque(computeType(eqn.outputs[output].aval.dtype), `e${eqn.outputs[output].id}`);
    return lowering.element(this.#k, index, (i, at) => this.#read(eqn.inputs[i], at, sites), contextOf(eqn), output);
  }
}
