/** Which memory each variable lives in: arguments, constants, results, temporaries, and what takes over what. */
import type { Target } from "../base/target.ts";
import type { Jaxpr, Var } from "../jaxpr/ir.ts";
import type { Slot } from "../kernel/program.ts";
import type { Draft } from "./assemble.ts";
import type { Scratch } from "./emitter.ts";
import { storageBytes } from "./memory-view.ts";
import { type Lifetime, planMemory } from "./plan-memory.ts";

type Memory = Var | Scratch;

export class Homes {
  readonly #arguments: ReadonlyMap<Var, number>;
  readonly #constants: ReadonlyMap<Var, number>;
  readonly #outputs: ReadonlySet<Var>;
  readonly #donated: ReadonlySet<number>;
  /** A variable whose memory is that of an older one, updated in place. */
  readonly #successorOf = new Map<Memory, Var>();

  constructor(jaxpr: Jaxpr, resolve: (v: Var) => Var, donated: ReadonlySet<number>) {
    this.#arguments = new Map(jaxpr.invars.map((v, i) => [v, i]));
    this.#constants = new Map(jaxpr.constvars.map((v, i) => [v, i]));
    this.#outputs = new Set(jaxpr.outvars.flatMap((a) => (a.kind === "var" ? [resolve(a)] : [])));
    this.#donated = donated;
  }

  /** Lets `result` use the memory of `old` from now on, if nobody else may still want the old value. */
  takeOver(old: Var, result: Var): boolean {
    const argument = this.#arguments.get(old);
    const mine = argument === undefined ? !this.#constants.has(old) : this.#donated.has(argument);
    if (!mine || this.#outputs.has(old)) return false;
    this.#successorOf.set(result, old);
    return true;
  }

  /** The first variable of a chain of updates in place. */
  #root(memory: Memory): Memory {
    let root = memory;
    for (let older = this.#successorOf.get(root); older; older = this.#successorOf.get(root)) root = older;
    return root;
  }

  plan(
    drafts: readonly Draft[],
    target: Target,
  ): { slots: Slot[]; slotOf: (memory: Memory) => number; arenas: readonly number[] } {
    const slots: Slot[] = [];
    const slotNumbers = new Map<Memory, number>();
    const add = (memory: Memory, slot: Slot): void => {
      slotNumbers.set(memory, slots.push(slot) - 1);
    };
    for (const [v, index] of this.#arguments) add(v, { kind: "argument", index, sizeBytes: storageBytes(v.aval) });
    for (const [v, index] of this.#constants) add(v, { kind: "constant", index, sizeBytes: storageBytes(v.aval) });

    const { firstWrite, lastUse } = this.#uses(drafts);
    this.#addOutputs(add, firstWrite, lastUse);
    const temporaries = [...firstWrite.keys()].filter((m) => !slotNumbers.has(m));
    const lifetimes = this.#lifetimes(temporaries, drafts, firstWrite, lastUse);
    const plan = planMemory(lifetimes, Math.max(target.limits.minStorageBufferOffsetAlignment, 16));
    temporaries.forEach((memory, i) => {
      add(memory, { kind: "temporary", ...plan.places[i], sizeBytes: lifetimes[i].sizeBytes });
    });
    const slotOf = (memory: Memory): number =>
      (slotNumbers.get(memory) ?? slotNumbers.get(this.#root(memory))) as number;
    return { slots, slotOf, arenas: plan.arenas };
  }

  /** First write and last use of each root, as step numbers. */
  #uses(drafts: readonly Draft[]): { firstWrite: Map<Memory, number>; lastUse: Map<Memory, number> } {
    const firstWrite = new Map<Memory, number>();
    const lastUse = new Map<Memory, number>();
    drafts.forEach((draft, step) => {
      for (const memory of draft.writes) {
        const root = this.#root(memory);
        if (!firstWrite.has(root)) firstWrite.set(root, step);
        lastUse.set(root, step);
      }
      for (const memory of draft.reads) lastUse.set(this.#root(memory), step);
    });
    // A result that no kernel writes (it has no elements) still needs a slot.
    for (const v of this.#outputs) if (!firstWrite.has(this.#root(v))) firstWrite.set(this.#root(v), 0);
    return { firstWrite, lastUse };
  }

  /** Results get buffers of their own, or those of donated arguments that are no longer read. */
  #addOutputs(
    add: (memory: Memory, slot: Slot) => void,
    firstWrite: ReadonlyMap<Memory, number>,
    lastUse: ReadonlyMap<Memory, number>,
  ): void {
    const free = new Map(
      [...this.#arguments].filter(([v, index]) => this.#donated.has(index) && !this.#outputs.has(v)),
    );
    let index = 0;
    const later: Var[] = [];
    for (const v of this.#outputs) {
      const root = this.#root(v) as Var;
      const donor = this.#arguments.get(root);
      if (root === v && (donor !== undefined || this.#constants.has(root))) continue;
      if (donor === undefined) later.push(v);
      else {
        add(v, { kind: "output", index: index++, sizeBytes: storageBytes(v.aval), donor });
        free.delete(root);
      }
    }
    for (const v of later) {
      const root = this.#root(v);
      const sizeBytes = storageBytes(v.aval);
      const born = firstWrite.get(root) ?? 0;
      const donor = [...free].find(
        ([a]) =>
          sizeBytes > 0 &&
          a.aval.dtype === v.aval.dtype &&
          storageBytes(a.aval) === sizeBytes &&
          (lastUse.get(a) ?? -1) < born,
      );
      if (donor) free.delete(donor[0]);
      add(root, { kind: "output", index: index++, sizeBytes, donor: donor?.[1] });
    }
  }

  #lifetimes(
    temporaries: readonly Memory[],
    drafts: readonly Draft[],
    firstWrite: ReadonlyMap<Memory, number>,
    lastUse: ReadonlyMap<Memory, number>,
  ): Lifetime[] {
    const numbers = new Map(temporaries.map((m, i) => [m, i]));
    const conflicts = temporaries.map(() => new Set<number>());
    for (const draft of drafts) {
      const of = (list: readonly Memory[]): number[] => list.flatMap((m) => numbers.get(this.#root(m)) ?? []);
      for (const w of of(draft.writes))
        for (const r of of(draft.reads))
          if (w !== r) {
            conflicts[w].add(r);
            conflicts[r].add(w);
          }
    }
    return temporaries.map((memory, i) => ({
      sizeBytes: memory.kind === "var" ? storageBytes(memory.aval) : memory.sizeBytes,
      first: firstWrite.get(memory) as number,
      last: lastUse.get(memory) ?? (firstWrite.get(memory) as number),
      conflicts: conflicts[i],
    }));
  }
}
