/** Decides which equations share a kernel. */
import { sizeOf } from "../base/shapes.ts";
import type { Target } from "../base/target.ts";
import type { Atom, Jaxpr, JaxprEqn, Var } from "../jaxpr/ir.ts";
import type { AccessAnalysis } from "./access.ts";
import { BindingLimits, bindingsInParts, bindingsOfAll, bindsFew, windowsOfPart } from "./bindings.ts";
import { type Domain, extentOf, makeDomain } from "./domain.ts";
import { type Graph, mapLowering, rules } from "./graph.ts";
import { dependsOn, type Group, type GroupKind, newGroup } from "./group.ts";
import { GroupingState } from "./grouping-state.ts";
import { kindOf, kinds } from "./kinds.ts";
import { mergeReductions } from "./merge-reductions.ts";
import { inOrder } from "./order-groups.ts";
import { isSameDomain, readSites, readsInPlace } from "./read-sites.ts";
import { maxEquations, maxRecomputedLoads, recomputeCheapResults, recomputeGroups } from "./recompute.ts";
import { splitWide } from "./split-wide.ts";

export interface Fusion {
  readonly graph: Graph;
  readonly access: AccessAnalysis;
  /** In an order in which they can run. */
  readonly groups: readonly Group[];
  /** Variables that are another variable's memory under a new shape. */
  readonly aliases: ReadonlyMap<Var, Var>;
}

/** @param guards words that every kernel reads to know whether it has anything to do */
export function fuse(jaxpr: Jaxpr, target: Target, guards = 0): Fusion {
  const narrow = splitWide(jaxpr, target);
  const limits = new BindingLimits(target, guards);
  for (;;) {
    const grouping = new Grouping(narrow, target, limits);
    for (const eqn of narrow.eqns) grouping.add(eqn);
    const fusion = grouping.finish();
    if (!limits.lowerFor(fusion.groups)) return fusion;
  }
}

/** Takes equations in the program's order: each joins a group, starts one, or is recomputed where it is read. */
class Grouping {
  readonly #state: GroupingState;
  /** Loads that recomputing a value takes. */
  readonly #loads = new Map<Var, number>();

  constructor(jaxpr: Jaxpr, target: Target, limits: BindingLimits) {
    this.#state = new GroupingState(jaxpr, target, limits);
  }

  add(eqn: JaxprEqn): void {
    const kind = kindOfLowering(eqn);
    this.#makeRoom(eqn, kind);
    const { inMemory, overwrites } = kinds[kind];
    if (inMemory === "all") for (const a of eqn.inputs) this.#inMemory(a);
    else if (inMemory === "updated") for (const i of overwrites(eqn)) this.#inMemory(eqn.inputs[i]);
    if (kind === "map") this.#addElementwise(eqn);
    else if (kind === "reduce") this.#addReduction(eqn);
    else this.#start(eqn, kind);
  }

  #addElementwise(eqn: JaxprEqn): void {
    const loads = eqn.inputs.reduce((n, a) => n + this.#loadsOf(a), 0);
    if (mapLowering(eqn)?.movement && loads <= maxRecomputedLoads) {
      this.#state.graph.virtual.add(eqn);
      for (const v of eqn.outputs) this.#loads.set(v, loads);
    } else this.#joinOrStart(eqn);
  }

  finish(): Fusion {
    const { jaxpr, graph, access, groups, aliases } = this.#state;
    for (const a of jaxpr.outvars) this.#inMemory(a);
    mergeReductions(this.#state);
    recomputeCheapResults(this.#state);
    recomputeGroups(this.#state);
    const ordered = inOrder(groups, jaxpr, aliases);
    const written = new Set<Var>();
    const resolve = (v: Var): Var => aliases.get(v) ?? v;
    for (const a of jaxpr.outvars) if (a.kind === "var") written.add(resolve(a));
    for (const g of ordered) for (const v of g.reads) written.add(resolve(v));
    const always = (g: Group): boolean => kindOf(g).inMemory === "all";
    // An array without elements has no kernel.
    const isWritten = (v: Var): boolean => written.has(v) && sizeOf(v.aval.shape) > 0;
    for (const g of ordered) g.writes.push(...[...g.defines].filter((v) => isWritten(v) || always(g)));
    return { graph, access, groups: ordered, aliases };
  }

  // ---- joining ------------------------------------------------------------------

  #joinOrStart(eqn: JaxprEqn): void {
    for (const group of this.#candidates(eqn)) if (this.#tryJoin(eqn, group)) return;
    this.#start(eqn, "map");
  }

  #addReduction(eqn: JaxprEqn): void {
    const domain = domainOf(eqn);
    for (const group of this.#candidates(eqn)) if (this.#tryJoinReduction(eqn, group, domain)) return;
    this.#start(eqn, "reduce");
  }

  #start(eqn: JaxprEqn, kind: GroupKind): void {
    const group = newGroup(kind, domainOf(eqn));
    this.#state.groups.add(group);
    this.#state.include(eqn, group);
  }

  /** Groups whose values the equation reads, the last to run first. */
  #candidates(eqn: JaxprEqn): Group[] {
    const found = new Set<Group>();
    for (const v of this.#state.leaves(eqn.inputs)) {
      const group = this.#state.owner.get(v);
      if (group && kindOf(group).takesEpilogues) found.add(group);
    }
    return [...found].sort((a, b) => (dependsOn(a, b) ? -1 : dependsOn(b, a) ? 1 : b.id - a.id));
  }

  #tryJoin(eqn: JaxprEqn, group: Group): boolean {
    const { kind, domain } = group;
    const extent = extentOf(domain, eqn.outputs[0].aval.shape);
    if (!extent || eqn.outputs.some((v) => sizeOf(v.aval.shape) !== sizeOf(eqn.outputs[0].aval.shape))) return false;
    const sites = readSites(eqn, domain, this.#state.access);
    if (!readsInPlace(sites, group, domain, extent, this.#state)) return false;
    if (!this.#fits(eqn, group, kind, domain)) return false;
    this.#state.include(eqn, group);
    return true;
  }

  #tryJoinReduction(eqn: JaxprEqn, group: Group, folded: Domain): boolean {
    if (!kindOf(group).rowWise) return false;
    const { access } = this.#state;
    const isMap = group.kind === "map";
    if (isMap ? !canFoldInto(group, folded) : !isSameDomain(group.domain, folded, access)) return false;
    const domain = isMap ? folded : group.domain;
    if (!readsInPlace(readSites(eqn, domain, access), group, domain, "full", this.#state)) return false;
    if (!this.#fits(eqn, group, "reduce", domain)) return false;
    group.domain = domain;
    group.kind = "reduce";
    this.#state.include(eqn, group);
    return true;
  }

  /** Room for one more equation's bindings; results that only the group reads take none. */
  #fits(eqn: JaxprEqn, group: Group, kind: GroupKind, domain: Domain): boolean {
    if (group.members.length >= maxEquations) return false;
    const { owner } = this.#state;
    const reads = new Set(group.reads);
    for (const v of this.#state.leaves(eqn.inputs)) if (owner.get(v) !== group) reads.add(v);
    const inside = (c: JaxprEqn): boolean => c === eqn || owner.get(c.outputs[0]) === group;
    const writes = [...group.defines, ...eqn.outputs].filter((v) => !this.#state.isInternal(v, inside));
    const { sources } = group;
    return bindsFew({ kind, domain, members: [...group.members, eqn], sources, reads, writes }, this.#state);
  }

  // ---- what lies in memory ----------------------------------------------------------

  #loadsOf(a: Atom): number {
    return a.kind === "literal" ? 0 : (this.#loads.get(a) ?? 1);
  }

  /** Recomputed operands that read more than a kernel can bind get memory, those that save most first. */
  #makeRoom(eqn: JaxprEqn, kind: GroupKind): void {
    const { graph, target } = this.#state;
    const domain = domainOf(eqn);
    for (;;) {
      const reads = this.#state.leaves(eqn.inputs);
      const kernel = { kind, domain, members: [eqn], sources: [], reads, writes: eqn.outputs };
      if (bindsFew(kernel, this.#state)) return;
      const bindings = bindingsInParts(kernel, this.#state);
      const saved = (a: Var): number => {
        const recomputed = [...this.#state.leaves([a])].reduce((n, v) => n + bindings(v), 0);
        return recomputed - (isElementwise(eqn) ? windowsOfPart(a.aval, domain, target) : bindingsOfAll([a], target));
      };
      const [most] = eqn.inputs
        .flatMap((a) => (a.kind === "var" && graph.virtualProducer(a) && saved(a) > 0 && this.#canStore(a) ? [a] : []))
        .sort((a, b) => saved(b) - saved(a));
      if (!most) return;
      this.#materialize(most);
    }
  }

  /** Whether a recomputed value can be stored before all who read it: none of them makes what it is computed of. */
  #canStore(a: Var): boolean {
    const makers = [...this.#state.leaves([a])].flatMap((v) => this.#state.owner.get(v) ?? []);
    return this.#state
      .recomputersOf(a)
      .every((reader) => makers.every((maker) => maker !== reader && !dependsOn(maker, reader)));
  }

  /**
   * Gives a recomputed value memory: an alias if it only relabels, else a kernel that stores it. Others go on recomputing it:
   * who read it before must not come to depend on that kernel, which may run after them.
   */
  #inMemory(a: Atom): void {
    const { graph, access, aliases, storing } = this.#state;
    if (a.kind === "literal" || aliases.has(a) || storing.has(a)) return;
    const virtual = graph.virtualProducer(a);
    if (!virtual) return;
    const { full } = access.symbols(makeDomain(a.aval.shape, []));
    const [site, ...others] = access.readsOfAtom(a, full);
    const relabels =
      site &&
      others.length === 0 &&
      site.position === full &&
      sizeOf(site.variable.aval.shape) === sizeOf(a.aval.shape);
    if (relabels && site.variable.aval.dtype === a.aval.dtype && a.aval.shape.every((d) => d > 0))
      aliases.set(a, site.variable);
    else if (graph.consumers(a).length === 0) this.#materialize(a);
    else storing.set(a, this.#store(a, virtual.eqn));
  }

  /** Has all who read a recomputed value load it: those before, too, run after it is stored. */
  #materialize(a: Atom): void {
    const { graph, owner } = this.#state;
    const virtual = a.kind === "var" && graph.virtualProducer(a);
    if (!virtual) return;
    this.#loads.delete(a);
    const readers = this.#state.recomputersOf(a);
    if (virtual.eqn.outputs.length > 1) {
      owner.set(a, this.#store(a, virtual.eqn));
      graph.stored.add(a);
    } else {
      graph.virtual.delete(virtual.eqn);
      this.#joinOrStart(virtual.eqn);
    }
    for (const reader of readers) this.#state.readAnew(reader);
  }

  /** A kernel for a result of a recomputed equation. */
  #store(v: Var, eqn: JaxprEqn): Group {
    const group = newGroup("map", makeDomain(v.aval.shape, []));
    group.sources.push(eqn);
    group.defines.add(v);
    this.#state.groups.add(group);
    this.#state.addReads(eqn, group);
    return group;
  }
}

const domainOf = (eqn: JaxprEqn): Domain => kinds[kindOfLowering(eqn)].domain(eqn);

/** @throws Error for what has no place in a kernel, which earlier stages take out */
function kindOfLowering(eqn: JaxprEqn): GroupKind {
  const { lowering } = rules(eqn);
  if (lowering.kind === "call" || lowering.kind === "effect")
    throw new Error(`jaxscale: internal error: ${eqn.primitive.name} is still in the program`);
  return lowering.kind;
}

/** Whether an equation reads its operands where it makes its result. */
const isElementwise = (eqn: JaxprEqn): boolean => mapLowering(eqn)?.movement === false;

/** A group of elementwise work can become the inside of a reduction over its positions. */
const canFoldInto = (group: Group, domain: Domain): boolean =>
  group.domain.rows === domain.rows * domain.columns && domain.rows * domain.columns > 0;
