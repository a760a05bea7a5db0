/** Which memory each variable lies in: arguments, constants, results, temporaries. */
import { type Target, windowBytes } from "../base/target.ts";
import type { Jaxpr, Var } from "../jaxpr/ir.ts";
import type { Slot } from "../kernel/program.ts";
import type { BufferSharing, Donated, Memory } from "./buffer-sharing.ts";
import type { Draft, LoopDraft } from "./draft/steps.ts";
import { storageBytes, windowCount } from "./memory-view.ts";
import { type Lifetime, planMemory } from "./plan-memory.ts";

export interface BufferAssignment {
  readonly slots: readonly Slot[];
  readonly slotOf: (memory: Memory) => number;
  /** Bytes of each buffer that temporaries lie in. */
  readonly arenas: readonly number[];
}

export const assignBuffers = (
  jaxpr: Jaxpr,
  drafts: readonly Draft[],
  sharing: BufferSharing,
  donated: Donated,
  target: Target,
): BufferAssignment => new Assigner(jaxpr, sharing, donated, target).assign(drafts);

class Assigner {
  readonly #arguments: ReadonlyMap<Var, number>;
  readonly #constants: ReadonlyMap<Var, number>;
  readonly #results: Jaxpr["outvars"];
  readonly #donated: Donated;
  readonly #sharing: BufferSharing;
  readonly #target: Target;
  readonly #slots: Slot[] = [];
  readonly #slotNumbers = new Map<Memory, number>();

  constructor(jaxpr: Jaxpr, sharing: BufferSharing, donated: Donated, target: Target) {
    this.#arguments = new Map(jaxpr.invars.map((v, i) => [v, i]));
    this.#constants = new Map(jaxpr.constvars.map((v, i) => [v, i]));
    this.#results = jaxpr.outvars;
    this.#donated = donated;
    this.#sharing = sharing;
    this.#target = target;
  }

  assign(drafts: readonly Draft[]): BufferAssignment {
    for (const [v, index] of this.#arguments)
      this.#add(v, { kind: "argument", index, sizeBytes: storageBytes(v.aval) });
    for (const [v, index] of this.#constants)
      this.#add(v, { kind: "constant", index, sizeBytes: storageBytes(v.aval) });
    const { resolve, root } = this.#sharing;
    const uses = new Uses(root);
    uses.add(drafts);
    // A result that no kernel writes (it has no elements) still needs a slot.
    const outputs = new Set(this.#results.flatMap((a) => (a.kind === "var" ? [resolve(a)] : [])));
    for (const v of outputs) if (!uses.firstWrite.has(root(v))) uses.firstWrite.set(root(v), 0);
    this.#addOutputs(outputs, uses);
    const arenas = this.#addTemporaries(uses);
    const slotOf = (memory: Memory): number => {
      const named = memory.kind === "var" ? resolve(memory) : memory;
      return (this.#slotNumbers.get(named) ?? this.#slotNumbers.get(root(named))) as number;
    };
    return { slots: this.#slots, slotOf, arenas };
  }

  #add(memory: Memory, slot: Slot): void {
    this.#slotNumbers.set(memory, this.#slots.push(slot) - 1);
  }

  /** Results get buffers of their own, or those of the donated arguments at their places, if these are no longer read. */
  #addOutputs(outputs: ReadonlySet<Var>, uses: Uses): void {
    const free = new Map([...this.#arguments].filter(([v, index]) => this.#donated.has(index) && !outputs.has(v)));
    const isAt = (v: Var, place: number | undefined): boolean => {
      const result = place === undefined ? undefined : this.#results[place];
      return result?.kind === "var" && this.#sharing.resolve(result) === v;
    };
    let index = 0;
    const later: Var[] = [];
    for (const v of outputs) {
      const root = this.#sharing.rootOf(v);
      const donor = this.#arguments.get(root);
      if (root === v && (donor !== undefined || this.#constants.has(root))) continue;
      if (donor === undefined) later.push(v);
      else {
        this.#add(v, { kind: "output", index: index++, sizeBytes: storageBytes(v.aval), donor });
        free.delete(root);
      }
    }
    for (const v of later) {
      const root = this.#sharing.rootOf(v);
      const sizeBytes = storageBytes(v.aval);
      const born = uses.firstWrite.get(root) ?? 0;
      const donor = [...free].find(
        ([a, position]) =>
          sizeBytes > 0 &&
          isAt(v, this.#donated.get(position)) &&
          a.aval.dtype === v.aval.dtype &&
          storageBytes(a.aval) === sizeBytes &&
          (uses.lastUse.get(a) ?? -1) < born,
      );
      if (donor) free.delete(donor[0]);
      this.#add(root, { kind: "output", index: index++, sizeBytes, donor: donor?.[1] });
    }
  }

  /** Temporaries share arenas. */
  #addTemporaries(uses: Uses): readonly number[] {
    const temporaries = [...uses.firstWrite.keys()].filter((m) => !this.#slotNumbers.has(m));
    const lifetimes = this.#lifetimes(temporaries, uses);
    const plan = planMemory(lifetimes, Math.max(this.#target.limits.minStorageBufferOffsetAlignment, 16));
    temporaries.forEach((memory, i) => {
      this.#add(memory, { kind: "temporary", ...plan.places[i], sizeBytes: lifetimes[i].sizeBytes });
    });
    return plan.arenas;
  }

  #lifetimes(temporaries: readonly Memory[], uses: Uses): Lifetime[] {
    const numbers = new Map(temporaries.map((m, i) => [m, i]));
    const conflicts = temporaries.map(() => new Set<number>());
    for (const { reads, writes } of uses.together) {
      const of = (list: readonly Memory[]): number[] => list.flatMap((m) => numbers.get(this.#sharing.root(m)) ?? []);
      for (const w of of(writes))
        for (const r of of(reads))
          if (w !== r) {
            conflicts[w].add(r);
            conflicts[r].add(w);
          }
    }
    return temporaries.map((memory, i) => {
      const first = uses.firstWrite.get(memory) as number;
      const windowed = memory.kind === "var" && windowCount(memory.aval, this.#target) > 1;
      return {
        sizeBytes: memory.kind === "var" ? storageBytes(memory.aval) : memory.sizeBytes,
        // A window must not cross the buffers that a large arena is made of.
        alignment: windowed ? windowBytes(this.#target) : undefined,
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
  /** A value that was made before the loop, or in an earlier iteration, lives until the loop ends. */
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
