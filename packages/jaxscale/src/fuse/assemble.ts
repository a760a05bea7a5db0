/** From scheduled groups to a program: slots, steps, segments, the memory plan. */
import { invariant } from "../base/errors.ts";
import type { Target } from "../base/target.ts";
import type { Jaxpr, Var } from "../jaxpr/ir.ts";
import type { Kernel } from "../kernel/ir.ts";
import type { KernelBinding, KernelOrigin, Program, Segment, Slot, Step } from "../kernel/program.ts";
import type { Bound, Scratch } from "./emitter.ts";
import { contextOf, rules, sizeOfAtom } from "./graph.ts";
import type { Group } from "./group.ts";
import type { Fusion } from "./grouping.ts";
import { Homes } from "./homes.ts";
import { storageBytes } from "./memory-view.ts";
import type { Scheduled } from "./schedules/index.ts";
import { splitIntoSegments } from "./segments.ts";

export interface AssembleOptions {
  readonly name: string;
  /** Positions of invars whose buffers may be taken over. */
  readonly donated: readonly number[];
}

/** One step before memory is planned: what it touches by variable. */
export interface Draft {
  readonly reads: readonly (Var | Scratch)[];
  readonly writes: readonly (Var | Scratch)[];
  readonly step: (slotOf: (memory: Var | Scratch) => number, kernelNumber: (kernel: Kernel) => number) => Step;
  readonly origin: KernelOrigin;
}

export function assemble(
  jaxpr: Jaxpr,
  fusion: Fusion,
  schedules: ReadonlyMap<Group, Scheduled>,
  target: Target,
  options: AssembleOptions,
): Program {
  const resolve = (v: Var): Var => fusion.aliases.get(v) ?? v;
  const homes = new Homes(jaxpr, resolve, new Set(options.donated));
  const drafts = fusion.groups.flatMap((group, i) =>
    draftsOf(group, schedules.get(group) as Scheduled, fusion, i, homes),
  );
  const { slots, slotOf, arenas } = homes.plan(drafts, target);
  const kernels: Kernel[] = [];
  const numbers = new Map<Kernel, number>();
  const kernelNumber = (kernel: Kernel): number => {
    let n = numbers.get(kernel);
    if (n === undefined) {
      numbers.set(kernel, (n = kernels.length));
      kernels.push(kernel);
    }
    return n;
  };
  const steps = drafts.map((d) => d.step(slotOf, kernelNumber));
  const results = jaxpr.outvars.map((a) => {
    invariant(a.kind === "var", "literal results were made constants");
    return { shape: a.aval.shape, dtype: a.aval.dtype, slot: slotOf(resolve(a)) };
  });
  const segments: readonly Segment[] = splitIntoSegments(steps, target);
  return {
    name: options.name,
    kernels,
    slots: slots as readonly Slot[],
    arenas,
    segments,
    results,
    donated: options.donated,
  };
}

function draftsOf(group: Group, scheduled: Scheduled, fusion: Fusion, at: number, homes: Homes): Draft[] {
  const origin = originOf(group);
  const drafts: Draft[] = [];
  if (scheduled.inPlace) {
    const [eqn] = group.members;
    const [operand] = eqn.inputs;
    invariant(operand.kind === "var", "what is updated in place lies in memory");
    const old = fusion.aliases.get(operand) ?? operand;
    const [result] = eqn.outputs;
    const readsOldElsewhere = scheduled.launches.some((l) => l.bindings.some((b) => b.memory === old));
    const neededLater = fusion.groups.slice(at + 1).some((g) => g.reads.has(old) || aliasRead(g, old, fusion));
    if (readsOldElsewhere || neededLater || !homes.takeOver(old, result)) drafts.push(copyDraft(old, result, origin));
  }
  for (const launch of scheduled.launches) {
    const bound = (access: Bound["access"]): (Var | Scratch)[] =>
      launch.bindings.filter((b) => b.access === access).map((b) => b.memory);
    drafts.push({
      reads: bound("read"),
      writes: bound("read_write"),
      origin,
      step: (slotOf, kernelNumber) => ({
        kind: "dispatch",
        kernel: kernelNumber(launch.kernel),
        bindings: launch.bindings.map((b) => bindingOf(b, slotOf)),
        workgroups: launch.workgroups,
        origin,
      }),
    });
  }
  return drafts;
}

const aliasRead = (group: Group, memory: Var, fusion: Fusion): boolean =>
  [...group.reads].some((v) => fusion.aliases.get(v) === memory);

function bindingOf(b: Bound, slotOf: (memory: Var | Scratch) => number): KernelBinding {
  const slot = slotOf(b.memory);
  const total = b.memory.kind === "var" ? storageBytes(b.memory.aval) : b.memory.sizeBytes;
  const offsetBytes = b.window * b.windowWords * 4;
  if (offsetBytes === 0 && b.windowWords * 4 >= total) return { slot, access: b.access };
  return { slot, access: b.access, offsetBytes, sizeBytes: Math.min(b.windowWords * 4, total - offsetBytes) };
}

function copyDraft(from: Var, to: Var, origin: KernelOrigin): Draft {
  const sizeBytes = storageBytes(from.aval);
  return {
    reads: [from],
    writes: [to],
    origin,
    step: (slotOf) => ({
      kind: "copy",
      from: slotOf(from),
      to: slotOf(to),
      sizeBytes,
      origin: { ...origin, operations: ["copy"] },
    }),
  };
}

function originOf(group: Group): KernelOrigin {
  const costs = group.members.map((eqn) => rules(eqn).cost(contextOf(eqn)));
  const anchor = group.members.find((m) => rules(m).lowering.kind === group.kind) ?? group.members[0];
  const bytes = [...group.reads, ...group.writes].reduce(
    (n, v) => n + (sizeOfAtom(v) === 0 ? 0 : storageBytes(v.aval)),
    0,
  );
  return {
    scope: anchor.source.scope,
    operations: group.members.map((m) => m.primitive.name),
    site: anchor.source.site,
    flops: costs.reduce((n, c) => n + c.flops, 0),
    transcendentals: costs.reduce((n, c) => n + c.transcendentals, 0),
    bytes,
  };
}
