/** Decides which equations share a kernel. */
import { sizeOf } from "../base/shapes.ts";
import type { Target } from "../base/target.ts";
import type { Atom, Jaxpr, JaxprEqn, Var } from "../jaxpr/ir.ts";
import type { Value } from "../kernel/ir.ts";
import { AccessAnalysis, type ReadSite } from "./access.ts";
import { type Domain, type Extent, extentOf, makeDomain } from "./domain.ts";
import { contextOf, Graph, rules } from "./graph.ts";
import { dependsOn, equationsOf, type Group, type GroupKind, newGroup, wantsMemory } from "./group.ts";
import { windowCount } from "./memory-view.ts";
import { inOrder } from "./order-groups.ts";
import {
  maxEquations,
  maxRecomputedLoads,
  maxRecomputedScalarWork,
  maxRepeatedWork,
  wantsInMemory,
} from "./recompute.ts";
import { splitWide } from "./split-wide.ts";

/** Kinds whose kernels can go on with elementwise work on what they make. */
const takesEpilogues: ReadonlySet<GroupKind> = new Set(["map", "reduce", "contraction", "raggedContraction"]);
/** Kinds whose kernels read an element more than once. */
const readsOften: ReadonlySet<GroupKind> = new Set(["contraction", "raggedContraction", "attention", "scan", "sort"]);

export interface Fusion {
  readonly graph: Graph;
  readonly access: AccessAnalysis;
  /** In an order in which they can run. */
  readonly groups: readonly Group[];
  /** Variables that are another variable's memory under a new shape. */
  readonly aliases: ReadonlyMap<Var, Var>;
}

export function fuse(jaxpr: Jaxpr, target: Target): Fusion {
  const narrow = splitWide(jaxpr, target);
  const grouping = new Grouping(narrow, target);
  for (const eqn of narrow.eqns) grouping.add(eqn);
  return grouping.finish();
}

class Grouping {
  readonly #jaxpr: Jaxpr;
  readonly #graph: Graph;
  readonly #access: AccessAnalysis;
  readonly #groups = new Set<Group>();
  readonly #owner = new Map<Var, Group>();
  readonly #loads = new Map<Var, number>();
  readonly #aliases = new Map<Var, Var>();
  /** Groups that store recomputed values for those who need them in memory. */
  readonly #storing = new Map<Var, Group>();
  /** Operations an element that a group does for groups that it recomputes. */
  readonly #recomputedWork = new Map<Group, number>();
  readonly #target: Target;

  constructor(jaxpr: Jaxpr, target: Target) {
    this.#jaxpr = jaxpr;
    this.#graph = new Graph(jaxpr);
    this.#access = new AccessAnalysis(this.#graph);
    this.#target = target;
  }

  add(eqn: JaxprEqn): void {
    const { lowering } = rules(eqn);
    this.#makeRoom(eqn);
    switch (lowering.kind) {
      case "map": {
        const loads = eqn.inputs.reduce((n, a) => n + this.#loadsOf(a), 0);
        if (lowering.movement && loads <= maxRecomputedLoads) {
          this.#graph.virtual.add(eqn);
          for (const v of eqn.outputs) this.#loads.set(v, loads);
        } else this.#joinOrStart(eqn, makeDomain(eqn.outputs[0].aval.shape, []));
        return;
      }
      case "reduce":
        this.#addReduction(eqn, lowering.axes(contextOf(eqn)));
        return;
      case "update":
        this.#inMemory(eqn.inputs[0]);
        this.#start(eqn, "update", makeDomain(eqn.outputs[0].aval.shape, []));
        return;
      case "scan":
      case "sort":
      case "contraction":
      case "raggedContraction":
      case "attention":
        this.#start(eqn, lowering.kind, makeDomain(eqn.outputs[0].aval.shape, []));
        return;
      case "topK":
        this.#start(eqn, "topK", makeDomain(eqn.inputs[0].aval.shape, []));
        return;
      case "loop":
      case "branch":
      case "custom":
        for (const a of eqn.inputs) this.#inMemory(a);
        this.#start(eqn, lowering.kind, makeDomain([], []));
        return;
      case "call":
      case "effect":
        throw new Error(`jaxscale: internal error: ${eqn.primitive.name} is still in the program`);
    }
  }

  /** Recomputed operands that read more than a kernel can bind get memory, those that read most first. */
  #makeRoom(eqn: JaxprEqn): void {
    while (this.#bindings([...this.#leaves(eqn), ...eqn.outputs]) > this.#bindingLimit) {
      const reads = (a: Atom): number => this.#bindings(this.#leavesOf([a]));
      const [widest] = eqn.inputs
        .filter((a) => a.kind === "var" && this.#graph.virtualProducer(a) && reads(a) > this.#bindings([a as Var]))
        .sort((a, b) => reads(b) - reads(a));
      if (!widest) return;
      this.#materialize(widest);
    }
  }

  #loadsOf(a: Atom): number {
    return a.kind === "literal" ? 0 : (this.#loads.get(a) ?? 1);
  }

  // ---- joining ------------------------------------------------------------------

  #joinOrStart(eqn: JaxprEqn, domain: Domain): void {
    for (const group of this.#candidates(eqn)) if (this.#tryJoin(eqn, group)) return;
    this.#start(eqn, "map", domain);
  }

  #addReduction(eqn: JaxprEqn, axes: readonly number[]): void {
    const domain = makeDomain(eqn.inputs[0].aval.shape, axes);
    for (const group of this.#candidates(eqn)) if (this.#tryJoinReduction(eqn, group, domain)) return;
    this.#start(eqn, "reduce", domain);
  }

  /** Groups whose values the equation reads, the last to run first. */
  #candidates(eqn: JaxprEqn): Group[] {
    const found = new Set<Group>();
    for (const v of this.#leaves(eqn)) {
      const group = this.#owner.get(v);
      if (group && takesEpilogues.has(group.kind)) found.add(group);
    }
    return [...found].sort((a, b) => (dependsOn(a, b) ? -1 : dependsOn(b, a) ? 1 : b.id - a.id));
  }

  /** Variables in memory, or defined by groups, that the equation reads in the end. */
  #leaves(eqn: JaxprEqn): Set<Var> {
    return this.#leavesOf(eqn.inputs);
  }
  #leavesOf(atoms: readonly Atom[]): Set<Var> {
    const found = new Set<Var>();
    const visit = (a: Atom): void => {
      if (a.kind === "literal") return;
      const virtual = this.#graph.virtualProducer(a);
      if (virtual) virtual.eqn.inputs.forEach(visit);
      else found.add(a);
    };
    atoms.forEach(visit);
    return found;
  }

  #tryJoin(eqn: JaxprEqn, group: Group): boolean {
    const extent = extentOf(group.domain, eqn.outputs[0].aval.shape);
    if (!extent || eqn.outputs.some((v) => sizeOf(v.aval.shape) !== sizeOf(eqn.outputs[0].aval.shape))) return false;
    const { row, full } = this.#access.symbols(group.domain);
    const sites = eqn.outputs.flatMap((_, i) => this.#access.reads(eqn, i, extent === "full" ? full : row));
    if (!this.#readsInPlace(sites, group, extent)) return false;
    if (!this.#fits(group, eqn)) return false;
    this.#include(eqn, group);
    return true;
  }

  #tryJoinReduction(eqn: JaxprEqn, group: Group, domain: Domain): boolean {
    if (group.kind !== "map" && group.kind !== "reduce") return false;
    const isMap = group.kind === "map";
    if (isMap ? !this.#canFoldInto(group, domain) : !this.#sameDomain(group.domain, domain)) return false;
    const trial: Group = { ...group, domain: isMap ? domain : group.domain };
    const { full } = this.#access.symbols(trial.domain);
    if (!this.#readsInPlace(this.#access.readsOfAtom(eqn.inputs[0], full), trial, "full")) return false;
    if (!this.#fits(group, eqn)) return false;
    group.domain = trial.domain;
    group.kind = "reduce";
    this.#include(eqn, group);
    return true;
  }

  /** Whether rows and positions of two domains are the same elements. */
  #sameDomain(a: Domain, b: Domain): boolean {
    return (
      a.rows === b.rows &&
      a.columns === b.columns &&
      a.columns > 0 &&
      this.#access.symbols(a).full === this.#access.symbols(b).full
    );
  }

  /** A group of elementwise work can become the inside of a reduction over its positions. */
  #canFoldInto(group: Group, domain: Domain): boolean {
    return group.domain.rows === domain.rows * domain.columns && domain.rows * domain.columns > 0;
  }

  /** Members' values are read only where this (row, column) makes them, and nothing read from outside depends on the group. */
  #readsInPlace(sites: readonly ReadSite[], group: Group, extent: Extent): boolean {
    const { row, full } = this.#access.symbols(group.domain);
    for (const { variable, position } of sites) {
      const owner = this.#owner.get(variable);
      if (owner && owner.id === group.id) {
        const memberExtent = extentOf(group.domain, variable.aval.shape);
        const here = memberExtent === "full" ? full : row;
        if (position !== here || (extent === "row" && memberExtent === "full" && full !== row)) return false;
      } else if (owner && dependsOn(owner, this.#byId(group.id))) return false;
    }
    return true;
  }
  #byId(id: number): Group {
    for (const g of this.#groups) if (g.id === id) return g;
    throw new Error("jaxscale: internal error: unknown group");
  }

  /** Room for one more equation's bindings; results that only the group reads take none. */
  #fits(group: Group, eqn: JaxprEqn): boolean {
    if (group.members.length >= maxEquations) return false;
    const reads = new Set(group.reads);
    for (const v of this.#leaves(eqn)) if (this.#owner.get(v) !== group) reads.add(v);
    const inside = (c: JaxprEqn): boolean => c === eqn || this.#owner.get(c.outputs[0]) === group;
    const writes = [...group.defines, ...eqn.outputs].filter((v) => !this.#isInternal(v, inside));
    return this.#bindings([...reads, ...writes]) <= this.#bindingLimit;
  }
  /** One is kept in reserve. */
  get #bindingLimit(): number {
    return this.#target.limits.maxStorageBuffersPerShaderStage - 1;
  }
  #bindings(variables: Iterable<Var>): number {
    let count = 0;
    for (const v of variables) count += windowCount(v.aval, this.#target);
    return count;
  }
  /** Whether everything that reads a value, recomputed equations seen through, is inside. */
  #isInternal(v: Var, inside: (consumer: JaxprEqn) => boolean): boolean {
    if (this.#jaxpr.outvars.includes(v)) return false;
    return this.#graph
      .consumers(v)
      .every((c) => (this.#graph.virtual.has(c) ? c.outputs.every((o) => this.#isInternal(o, inside)) : inside(c)));
  }

  #start(eqn: JaxprEqn, kind: GroupKind, domain: Domain): void {
    const group = newGroup(kind, domain);
    this.#groups.add(group);
    this.#include(eqn, group);
  }

  #include(eqn: JaxprEqn, group: Group): void {
    group.members.push(eqn);
    for (const v of eqn.outputs) {
      group.defines.add(v);
      this.#owner.set(v, group);
    }
    for (const v of this.#leaves(eqn)) {
      const owner = this.#owner.get(v);
      if (owner === group) continue;
      group.reads.add(v);
      if (owner) group.needs.add(owner);
    }
    if (!wantsMemory.has(group.kind)) return;
    for (const a of eqn.inputs) {
      const storing = a.kind === "var" ? this.#storing.get(a) : undefined;
      if (!storing) continue;
      group.reads.add(a as Var);
      group.needs.add(storing);
    }
  }

  // ---- what lies in memory ----------------------------------------------------------
  /**
   * Gives a recomputed value memory: an alias if it only relabels, else a kernel that stores it. Others go on recomputing it:
   * who read it before must not come to depend on that kernel, which may run after them.
   */
  #inMemory(a: Atom): void {
    if (a.kind === "literal" || this.#aliases.has(a) || this.#storing.has(a)) return;
    const virtual = this.#graph.virtualProducer(a);
    if (!virtual) return;
    const domain = makeDomain(a.aval.shape, []);
    const { full } = this.#access.symbols(domain);
    const [site, ...others] = this.#access.readsOfAtom(a, full);
    const relabels =
      site &&
      others.length === 0 &&
      site.position === full &&
      sizeOf(site.variable.aval.shape) === sizeOf(a.aval.shape);
    if (relabels && site.variable.aval.dtype === a.aval.dtype && a.aval.shape.every((d) => d > 0))
      this.#aliases.set(a, site.variable);
    else if (this.#graph.consumers(a).length === 0) this.#materialize(a);
    else this.#storing.set(a, this.#store(a, virtual.eqn, domain));
  }

  /** A kernel for a result of a recomputed equation. */
  #store(v: Var, eqn: JaxprEqn, domain: Domain): Group {
    const group = newGroup("map", domain);
    this.#groups.add(group);
    group.sources.push(eqn);
    group.defines.add(v);
    for (const leaf of this.#leaves(eqn)) {
      group.reads.add(leaf);
      const owner = this.#owner.get(leaf);
      if (owner) group.needs.add(owner);
    }
    return group;
  }

  /** Has all who read a recomputed value from now on load it. */
  #materialize(a: Atom): void {
    const virtual = a.kind === "var" && this.#graph.virtualProducer(a);
    if (!virtual) return;
    const domain = makeDomain(a.aval.shape, []);
    this.#loads.delete(a);
    if (virtual.eqn.outputs.length > 1) {
      this.#owner.set(a, this.#store(a, virtual.eqn, domain));
      this.#graph.stored.add(a);
    } else {
      this.#graph.virtual.delete(virtual.eqn);
      this.#joinOrStart(virtual.eqn, domain);
    }
  }

  /** Reductions of the same rows that came about apart, such as a mean and a mean of squares, share a kernel. */
  #mergeReductions(): void {
    const earlier: Group[] = [];
    for (const later of [...this.#groups]) {
      if (later.kind !== "reduce") continue;
      const partner = earlier.find((group) => this.#canMerge(group, later));
      if (partner) this.#merge(partner, later);
      else earlier.push(later);
    }
  }
  #canMerge(earlier: Group, later: Group): boolean {
    if (!this.#sameDomain(earlier.domain, later.domain)) return false;
    if (!later.needs.has(earlier) && ![...later.reads].some((v) => earlier.reads.has(v))) return false;
    if (dependsOn(earlier, later)) return false;
    for (const needed of later.needs) if (needed !== earlier && dependsOn(needed, earlier)) return false;
    const reads = new Set([...earlier.reads, ...[...later.reads].filter((v) => this.#owner.get(v) !== earlier)]);
    const inside = (c: JaxprEqn): boolean => [earlier, later].includes(this.#owner.get(c.outputs[0]) as Group);
    const writes = [...earlier.defines, ...later.defines].filter((v) => !this.#isInternal(v, inside));
    if (this.#bindings([...reads, ...writes]) > this.#bindingLimit) return false;
    return later.members.every((eqn) => {
      const sites = this.#sitesOutside(eqn, later).filter(({ variable }) => this.#owner.get(variable) === earlier);
      return this.#readsInPlace(sites, earlier, this.#extent(eqn, later));
    });
  }
  #extent(eqn: JaxprEqn, { domain }: Group): Extent {
    return rules(eqn).lowering.kind === "reduce" ? "full" : (extentOf(domain, eqn.outputs[0].aval.shape) as Extent);
  }
  /** What a member reads of values that its group does not make. */
  #sitesOutside(eqn: JaxprEqn, group: Group): ReadSite[] {
    const { row, full } = this.#access.symbols(group.domain);
    const sites =
      rules(eqn).lowering.kind === "reduce"
        ? this.#access.readsOfAtom(eqn.inputs[0], full)
        : eqn.outputs.flatMap((_, i) => this.#access.reads(eqn, i, this.#extent(eqn, group) === "full" ? full : row));
    return sites.filter(({ variable }) => this.#owner.get(variable) !== group);
  }
  #merge(earlier: Group, later: Group): void {
    this.#groups.delete(later);
    earlier.members.push(...later.members);
    for (const v of later.defines) {
      earlier.defines.add(v);
      this.#owner.set(v, earlier);
    }
    earlier.recomputed.push(...later.recomputed);
    for (const v of later.reads) if (this.#owner.get(v) !== earlier) earlier.reads.add(v);
    for (const needed of later.needs) if (needed !== earlier) earlier.needs.add(needed);
    for (const group of this.#groups) if (group.needs.delete(later)) group.needs.add(earlier);
  }

  finish(): Fusion {
    for (const a of this.#jaxpr.outvars) this.#inMemory(a);
    this.#mergeReductions();
    this.#recomputeCheapResults();
    this.#recomputeCheapGroups();
    const groups = inOrder(this.#groups, this.#jaxpr, this.#aliases);
    const written = new Set<Var>();
    const resolve = (v: Var): Var => this.#aliases.get(v) ?? v;
    for (const a of this.#jaxpr.outvars) if (a.kind === "var") written.add(resolve(a));
    for (const g of groups) for (const v of g.reads) written.add(resolve(v));
    const always = (g: Group): boolean => g.kind === "loop" || g.kind === "branch" || g.kind === "custom";
    // What has no elements is written by nobody.
    const isWritten = (v: Var): boolean => written.has(v) && sizeOf(v.aval.shape) > 0;
    for (const g of groups) g.writes.push(...[...g.defines].filter((v) => isWritten(v) || always(g)));
    return { graph: this.#graph, access: this.#access, groups, aliases: this.#aliases };
  }

  /** Elementwise groups that cost next to nothing are computed where they are read instead of being stored. */
  #recomputeCheapGroups(): void {
    const outvars = new Set(this.#jaxpr.outvars);
    const aliased = new Set(this.#aliases.values());
    for (const group of [...this.#groups]) {
      if (group.kind !== "map" || group.reads.size > 3 || group.sources.length > 0) continue;
      if ([...group.defines].some((v) => outvars.has(v) || aliased.has(v))) continue;
      const readers = [...this.#groups].filter((g) => g.needs.has(group));
      const size = Math.max(1, group.domain.rows);
      if (readers.length === 0 || readers.some((g) => wantsInMemory(g, group, size, this.#aliases))) continue;
      const cost = group.members.map((eqn) => rules(eqn).cost(contextOf(eqn)));
      const own = cost.reduce((n, c) => n + (c.flops + 16 * c.transcendentals) / size, 0);
      const work = own + (this.#recomputedWork.get(group) ?? 0);
      const places = readers.map((g) => this.#placesRead(g, group));
      const lone =
        readers.length === 1 &&
        !readsOften.has(readers[0].kind) &&
        readers[0].domain.rows * readers[0].domain.columns <= size &&
        work * (places[0] - 1) <= maxRepeatedWork;
      const most = size === 1 ? maxRecomputedScalarWork : 2;
      if (!lone && (own > most || work > most + maxRepeatedWork)) continue;
      if (readers.some((g) => this.#bindings([...g.reads, ...group.reads]) + 3 > this.#bindingLimit)) continue;
      if (readers.some((g) => equationsOf(g).length + equationsOf(group).length > maxEquations)) continue;
      for (const [i, g] of readers.entries())
        this.#recomputedWork.set(g, (this.#recomputedWork.get(g) ?? 0) + work * places[i]);
      this.#dissolve(group, readers);
    }
  }
  /**
   * A cheap last result of a group, such as a square, that only later groups read: they compute it from its operands, if these
   * are stored anyway, instead of reading one more array.
   */
  #recomputeCheapResults(): void {
    for (const group of this.#groups)
      for (const eqn of [...group.members].reverse()) {
        const readers = this.#readersInstead(eqn, group);
        if (readers) this.#sink(eqn, group, readers);
      }
  }
  /** The groups that could compute an equation instead of its own; undefined if that would not pay. */
  #readersInstead(eqn: JaxprEqn, group: Group): readonly Group[] | undefined {
    const { lowering, cost } = rules(eqn);
    if (lowering.kind !== "map" || group.members.length === 1) return undefined;
    const { flops, transcendentals } = cost(contextOf(eqn));
    if (transcendentals > 0 || flops > sizeOf(eqn.outputs[0].aval.shape)) return undefined;
    const aliased = new Set(this.#aliases.values());
    const isResult = (v: Var): boolean => this.#jaxpr.outvars.includes(v) || aliased.has(v);
    if (eqn.outputs.some((v) => isResult(v) || this.#isReadWithin(v, group))) return undefined;
    const others = [...this.#groups].filter((g) => g !== group);
    const leaves = [...this.#leaves(eqn)];
    const lost = (v: Var): boolean =>
      this.#owner.get(v) === group && !isResult(v) && !others.some((g) => g.reads.has(v));
    if (leaves.some(lost)) return undefined;
    const readers = others.filter((g) => eqn.outputs.some((v) => g.reads.has(v)));
    const canCompute = (g: Group): boolean =>
      (g.kind === "map" || g.kind === "reduce") &&
      this.#bindings(new Set([...g.reads, ...leaves, ...g.defines])) <= this.#bindingLimit;
    return readers.length > 0 && readers.every(canCompute) ? readers : undefined;
  }
  /** Whether a member reads a value, recomputed equations seen through. */
  #isReadWithin(v: Var, group: Group): boolean {
    return this.#graph
      .consumers(v)
      .some((c) =>
        this.#graph.virtual.has(c)
          ? c.outputs.some((o) => this.#isReadWithin(o, group))
          : this.#owner.get(c.outputs[0]) === group,
      );
  }
  #sink(eqn: JaxprEqn, group: Group, readers: readonly Group[]): void {
    const leaves = this.#leaves(eqn);
    group.members.splice(group.members.indexOf(eqn), 1);
    this.#graph.virtual.add(eqn);
    for (const v of eqn.outputs) {
      group.defines.delete(v);
      this.#owner.delete(v);
    }
    for (const reader of readers) {
      reader.recomputed.push(eqn);
      for (const v of eqn.outputs) reader.reads.delete(v);
      for (const v of leaves) {
        reader.reads.add(v);
        const owner = this.#owner.get(v);
        if (owner) reader.needs.add(owner);
      }
    }
  }

  /** At how many places of one value a reader needs it to make one of its own elements. */
  #placesRead(reader: Group, group: Group): number {
    if (reader.kind !== "map" && reader.kind !== "reduce") return 1;
    const places = new Map<Var, Set<Value>>();
    const count = ({ variable, position }: ReadSite): void => {
      if (this.#owner.get(variable) === group) places.set(variable, (places.get(variable) ?? new Set()).add(position));
    };
    for (const eqn of reader.members) this.#sitesOutside(eqn, reader).forEach(count);
    const { full } = this.#access.symbols(reader.domain);
    for (const v of reader.sources.length > 0 ? reader.defines : []) this.#access.readsOfAtom(v, full).forEach(count);
    return Math.max(1, ...[...places.values()].map((positions) => positions.size));
  }
  #dissolve(group: Group, readers: readonly Group[]): void {
    this.#groups.delete(group);
    for (const eqn of group.members) this.#graph.virtual.add(eqn);
    for (const v of group.defines) this.#owner.delete(v);
    for (const reader of readers) {
      reader.recomputed.push(...equationsOf(group));
      reader.needs.delete(group);
      for (const v of group.defines) reader.reads.delete(v);
      for (const v of group.reads) reader.reads.add(v);
      for (const g of group.needs) reader.needs.add(g);
    }
  }
}
