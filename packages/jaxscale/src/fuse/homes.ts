/** Which memory each variable lives in: arguments, constants, results, temporaries, and what takes over what. */
import type { Target } from "../base/target.ts";
import type { Jaxpr, Var } from "../jaxpr/ir.ts";
import type { Slot } from "../kernel/program.ts";
import type { Draft, LoopDraft } from "./drafts.ts";
import type { Scratch } from "./emitter.ts";
import { storageBytes, windowBytes, windowCount } from "./memory-view.ts";
import { type Lifetime, planMemory } from "./plan-memory.ts";

type Memory = Var | Scratch;

export class Homes {
  readonly #arguments: ReadonlyMap<Var, number>;
  readonly #constants: ReadonlyMap<Var, number>;
  readonly #results: Jaxpr["outvars"];
  readonly #donated: ReadonlySet<number>;
  /** A variable that is another one's memory under a new name or shape. */
  readonly #aliases = new Map<Var, Var>();
  /** A variable whose memory is that of an older one, updated in place. */
  readonly #successorOf = new Map<Memory, Var>();
  #protected: ReadonlySet<Var> = new Set();
  #granted: ReadonlySet<Var> = new Set();

  constructor(jaxpr: Jaxpr, donated: ReadonlySet<number>) {
    this.#arguments = new Map(jaxpr.invars.map((v, i) => [v, i]));
    this.#constants = new Map(jaxpr.constvars.map((v, i) => [v, i]));
    this.#results = jaxpr.outvars;
    this.#donated = donated;
  }

  alias(v: Var, memory: Var): void {
    this.#aliases.set(v, memory);
  }
  /** The variable whose memory `v` names. */
  readonly resolve = (v: Var): Var => {
    let memory = v;
    for (let next = this.#aliases.get(memory); next; next = this.#aliases.get(memory)) memory = next;
    return memory;
  };

  /**
   * Drafts the inside of a loop or branch.
   * @param kept memory that must not be taken over: it is read again in the next turn, or by others
   * @param granted memory that may be, though it holds results: a loop's carries
   */
  inside<T>(kept: readonly Var[], granted: ReadonlySet<Var>, draft: () => T): T {
    const outer = [this.#protected, this.#granted] as const;
    this.#protected = new Set([...outer[0], ...kept.map((v) => this.rootOf(v))]);
    this.#granted = new Set([...granted].map((v) => this.rootOf(v)));
    try {
      return draft();
    } finally {
      [this.#protected, this.#granted] = outer;
    }
  }

  /** Lets `result` use the memory of `old` from now on, if nobody else may still want the old value. */
  takeOver(old: Var, result: Var): boolean {
    const root = this.rootOf(old);
    if (this.#protected.has(root)) return false;
    if (!this.#granted.has(root)) {
      const argument = this.#arguments.get(old);
      const mine = argument === undefined ? !this.#constants.has(old) : this.#donated.has(argument);
      if (!mine || this.#outputs().has(old)) return false;
    }
    this.#successorOf.set(result, old);
    return true;
  }

  /** The first variable of a chain of updates in place. */
  rootOf(memory: Var): Var {
    let root = this.resolve(memory);
    for (let older = this.#successorOf.get(root); older; older = this.#successorOf.get(root)) root = older;
    return root;
  }
  #root(memory: Memory): Memory {
    return memory.kind === "var" ? this.rootOf(memory) : memory;
  }
  #outputs(): ReadonlySet<Var> {
    return new Set(this.#results.flatMap((a) => (a.kind === "var" ? [this.resolve(a)] : [])));
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

    const uses = new Uses((m) => this.#root(m));
    uses.add(drafts);
    // A result that no kernel writes (it has no elements) still needs a slot.
    const outputs = this.#outputs();
    for (const v of outputs) if (!uses.firstWrite.has(this.#root(v))) uses.firstWrite.set(this.#root(v), 0);
    this.#addOutputs(add, outputs, uses);
    const temporaries = [...uses.firstWrite.keys()].filter((m) => !slotNumbers.has(m));
    const lifetimes = this.#lifetimes(temporaries, uses, target);
    const plan = planMemory(lifetimes, Math.max(target.limits.minStorageBufferOffsetAlignment, 16));
    temporaries.forEach((memory, i) => {
      add(memory, { kind: "temporary", ...plan.places[i], sizeBytes: lifetimes[i].sizeBytes });
    });
    const slotOf = (memory: Memory): number => {
      const named = memory.kind === "var" ? this.resolve(memory) : memory;
      return (slotNumbers.get(named) ?? slotNumbers.get(this.#root(named))) as number;
    };
    return { slots, slotOf, arenas: plan.arenas };
  }

  /** Results get buffers of their own, or those of donated arguments that are no longer read. */
  #addOutputs(add: (memory: Memory, slot: Slot) => void, outputs: ReadonlySet<Var>, uses: Uses): void {
    const free = new Map([...this.#arguments].filter(([v, index]) => this.#donated.has(index) && !outputs.has(v)));
    let index = 0;
    const later: Var[] = [];
    for (const v of outputs) {
      const root = this.rootOf(v);
      const donor = this.#arguments.get(root);
      if (root === v && (donor !== undefined || this.#constants.has(root))) continue;
      if (donor === undefined) later.push(v);
      else {
        add(v, { kind: "output", index: index++, sizeBytes: storageBytes(v.aval), donor });
        free.delete(root);
      }
    }
    for (const v of later) {
      const root = this.rootOf(v);
      const sizeBytes = storageBytes(v.aval);
      const born = uses.firstWrite.get(root) ?? 0;
      const donor = [...free].find(
        ([a]) =>
          sizeBytes > 0 &&
          a.aval.dtype === v.aval.dtype &&
          storageBytes(a.aval) === sizeBytes &&
          (uses.lastUse.get(a) ?? -1) < born,
      );
      if (donor) free.delete(donor[0]);
      add(root, { kind: "output", index: index++, sizeBytes, donor: donor?.[1] });
    }
  }

  #lifetimes(temporaries: readonly Memory[], uses: Uses, target: Target): Lifetime[] {
    const numbers = new Map(temporaries.map((m, i) => [m, i]));
    const conflicts = temporaries.map(() => new Set<number>());
    for (const { reads, writes } of uses.together) {
      const of = (list: readonly Memory[]): number[] => list.flatMap((m) => numbers.get(this.#root(m)) ?? []);
      for (const w of of(writes))
        for (const r of of(reads))
          if (w !== r) {
            conflicts[w].add(r);
            conflicts[r].add(w);
          }
    }
    return temporaries.map((memory, i) => {
      const first = uses.firstWrite.get(memory) as number;
      const windowed = memory.kind === "var" && windowCount(memory.aval, target) > 1;
      return {
        sizeBytes: memory.kind === "var" ? storageBytes(memory.aval) : memory.sizeBytes,
        // A window must not cross the buffers that a large arena is made of.
        alignment: windowed ? windowBytes(target) : undefined,
        first,
        last: uses.lastUse.get(memory) ?? first,
        conflicts: conflicts[i],
      };
    });
  }
}

/** First write and last use of memory, as step numbers, loops laid out once. */
class Uses {
  readonly firstWrite = new Map<Memory, number>();
  readonly lastUse = new Map<Memory, number>();
  /** What one step binds together. */
  readonly together: { readonly reads: readonly Memory[]; readonly writes: readonly Memory[] }[] = [];
  readonly #root: (memory: Memory) => Memory;
  #step = 0;

  constructor(root: (memory: Memory) => Memory) {
    this.#root = root;
  }

  add(drafts: readonly Draft[]): void {
    for (const draft of drafts) {
      if (draft.kind === "loop") this.#addLoop(draft);
      else this.#addStep(draft.reads, draft.writes);
    }
  }
  #addStep(reads: readonly Memory[], writes: readonly Memory[]): void {
    for (const memory of writes) {
      const root = this.#root(memory);
      if (!this.firstWrite.has(root)) this.firstWrite.set(root, this.#step);
      this.lastUse.set(root, this.#step);
    }
    for (const memory of reads) this.lastUse.set(this.#root(memory), this.#step);
    this.together.push({ reads, writes });
    this.#step++;
  }
  /** What a loop did not make itself in this very turn is wanted until its last turn ends. */
  #addLoop({ body, carries }: LoopDraft): void {
    const begin = this.#step;
    for (const carry of carries) {
      const root = this.#root(carry);
      if (!this.firstWrite.has(root)) this.firstWrite.set(root, begin - 1);
      this.lastUse.set(root, begin);
    }
    this.add(body);
    const end = this.#step - 1;
    for (const [memory, last] of this.lastUse) {
      if (last < begin) continue;
      const first = this.firstWrite.get(memory);
      if (first === undefined || first < begin) this.lastUse.set(memory, end);
    }
  }
}
