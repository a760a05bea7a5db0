/** The steps of groups that are kernels. */
import { invariant } from "../../base/errors.ts";
import type { Atom, Jaxpr, Var } from "../../jaxpr/ir.ts";
import { printEquations } from "../../jaxpr/print.ts";
import type { KernelOrigin } from "../../kernel/program.ts";
import { copy } from "../../primitives/identity.ts";
import { AccessAnalysis } from "../access.ts";
import type { BufferSharing } from "../buffer-sharing.ts";
import { makeDomain } from "../domain.ts";
import type { Scratch } from "../emitter.ts";
import { contextOf, Graph, rules, sizeOfAtom } from "../graph.ts";
import { equationsOf, type Group, newGroup } from "../group.ts";
import type { Fusion } from "../grouping.ts";
import { kindOf } from "../kinds.ts";
import { storageBytes } from "../memory-view.ts";
import type { ScheduleParameters } from "../parameters.ts";
import { readSites } from "../read-sites.ts";
import type { Launch } from "../schedule.ts";
import { scheduled } from "../schedule-cache.ts";
import type { Draft, DraftProgram, DraftScope } from "./steps.ts";

export function draftKernels(
  group: Group,
  fusion: Fusion,
  neededLater: (memory: Var) => boolean,
  program: DraftProgram,
  scope: DraftScope,
): Draft[] {
  if (group.writes.length === 0) return [];
  const { sharing, target } = program;
  const overwritten = takeOverDonated(group, fusion, neededLater, sharing);
  const context = {
    graph: fusion.graph,
    overwritten,
    target,
    parameters: program.parametersFor(group, fusion.access),
    resolve: sharing.resolve,
    iterations: scope.iterations,
    guards: scope.guards,
  };
  const { launches, inPlace, bytes } = scheduled(group, context, fusion.access);
  const origin = {
    ...originOf(group),
    bytes,
    schedule: () => scheduleText(group, context.parameters),
    equations: () => printEquations(equationsOf(group), group.writes),
  };
  const drafts: Draft[] = [];
  const [eqn] = group.members;
  const taken = new Set<Var>();
  for (const { operand, result: output } of inPlace) {
    const atom = eqn.inputs[operand];
    invariant(atom.kind === "var", "what is updated in place lies in memory");
    const old = sharing.resolve(atom);
    const result = eqn.outputs[output];
    const readsOldElsewhere = taken.has(old) || launches.some((l) => l.bindings.some((b) => b.memory === old));
    if (readsOldElsewhere || neededLater(old) || !sharing.takeOver(old, result))
      drafts.push({ kind: "copy", reads: [old], writes: [result], origin: copyOrigin(origin, old) });
    else taken.add(old);
  }
  for (const launch of launches) drafts.push(launchDraft(launch, origin));
  return drafts;
}

/** The kind of schedule, and what its parameters were. */
function scheduleText(group: Group, parameters: ScheduleParameters): string {
  const heeded = kindOf(group).parameters;
  const chosen = Object.entries(parameters).filter(([name]) => heeded.some((start) => name.startsWith(start)));
  return [group.kind, ...chosen.map(([name, value]) => `${name}=${value}`)].join(" ");
}

/** Donated memory that elementwise results take, each element read and written by one invocation: by variable of the memory. */
function takeOverDonated(
  group: Group,
  { access }: Fusion,
  neededLater: (memory: Var) => boolean,
  sharing: BufferSharing,
): ReadonlyMap<Var, Var> {
  const taken = new Map<Var, Var>();
  if (!kindOf(group).writesWhereItReads) return taken;
  const { full } = access.symbols(group.domain);
  const sites = [
    ...group.members.flatMap((eqn) => readSites(eqn, group.domain, access)),
    ...group.sources.flatMap((eqn) => eqn.outputs.flatMap((_, output) => access.reads(eqn, output, full))),
  ];
  const isAligned = (old: Var, result: Var): boolean =>
    old.aval.dtype === result.aval.dtype &&
    sizeOfAtom(old) === sizeOfAtom(result) &&
    sites.every(({ variable, position }) => sharing.resolve(variable) !== old || position === full);
  const reads = new Set([...group.reads].map(sharing.resolve));
  for (const result of group.writes) {
    const memory = sharing.resolve(result);
    const donor = sharing
      .donorsFor(memory)
      .find((old) => reads.has(old) && !taken.has(old) && !neededLater(old) && isAligned(old, memory));
    if (donor && sharing.takeOver(donor, memory)) taken.set(donor, memory);
  }
  return taken;
}

const copyOrigin = ({ scope, site }: KernelOrigin, old: Var): KernelOrigin => ({
  scope,
  site,
  operations: ["copy"],
  flops: 0,
  transcendentals: 0,
  bytes: 2 * storageBytes(old.aval),
});

const partOf = ({ flops, transcendentals, bytes, ...origin }: KernelOrigin, share: number): KernelOrigin => ({
  ...origin,
  flops: Math.round(flops * share),
  transcendentals: Math.round(transcendentals * share),
  bytes: Math.round(bytes * share),
});

function launchDraft(launch: Launch, origin: KernelOrigin): Draft {
  const bound = (access: "read" | "read_write"): (Var | Scratch)[] =>
    launch.bindings.filter((b) => b.access === access).map((b) => b.memory);
  const { prepares, share = 1 } = launch;
  const own = prepares || share < 1 ? partOf(origin, prepares ? 0 : share) : origin;
  return { kind: "launch", launch, reads: bound("read"), writes: bound("read_write"), origin: own };
}

/** A kernel that copies an atom (or writes a literal) to the memory of another variable, under the scope's guards. */
export function draftCopy(from: Atom, to: Var, program: DraftProgram, scope: DraftScope): readonly Draft[] {
  const eqn = { primitive: copy, inputs: [from], outputs: [to], params: {}, source: { scope: "" } };
  const jaxpr = { constvars: [], invars: from.kind === "var" ? [from] : [], eqns: [eqn], outvars: [to] };
  const graph = new Graph(jaxpr as unknown as Jaxpr);
  const group = newGroup("map", makeDomain(to.aval.shape, []));
  group.members.push(graph.jaxpr.eqns[0]);
  group.defines.add(to);
  group.writes.push(to);
  if (from.kind === "var") group.reads.add(from);
  const { sharing, target } = program;
  const access = new AccessAnalysis(graph);
  const parameters = program.parametersFor(group, access);
  const { launches } = scheduled(group, { ...scope, graph, target, parameters, resolve: sharing.resolve }, access);
  return launches.map((launch) => launchDraft(launch, originOf(group)));
}

/** Where a group comes from, and its work; of bytes an upper bound. */
export function originOf(group: Group): KernelOrigin {
  const equations = equationsOf(group);
  const costs = equations.map((eqn) => rules(eqn).cost(contextOf(eqn)));
  const anchor = equations.find((m) => rules(m).lowering.kind === group.kind) ?? equations[0];
  const bytes = [...group.reads, ...group.writes].reduce(
    (n, v) => n + (sizeOfAtom(v) === 0 ? 0 : storageBytes(v.aval)),
    0,
  );
  return {
    scope: anchor.source.scope,
    operations: equations.map((m) => m.primitive.name),
    site: anchor.source.site,
    flops: costs.reduce((n, c) => n + c.flops, 0),
    transcendentals: costs.reduce((n, c) => n + c.transcendentals, 0),
    bytes,
  };
}
