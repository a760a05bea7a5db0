/** Where the slots of a program lie: buffers that never change, or positions in the list of buffers that a call brings. */
import { invariant } from "../base/errors.ts";
import type { Program, Slot } from "../kernel/program.ts";
import type { Block } from "./buffer-pool.ts";

export interface OutputPlan {
  readonly sizeBytes: number;
  /** Donated argument whose buffer it is, or -1. */
  readonly donor: number;
  readonly label: string;
}

/** A range of one buffer. */
export interface Place {
  readonly buffer: number | GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

export class SlotTable {
  /** How many buffers a call brings: those of its arguments, then those of its outputs. */
  readonly bufferCount: number;
  readonly argumentBytes: readonly number[];
  readonly outputs: readonly OutputPlan[];
  readonly #chunkBytes: number;
  readonly #argumentStarts: readonly number[];
  readonly #outputStarts: readonly number[];
  readonly #slots: readonly Slot[];

  constructor(program: Program, resultLabels: readonly string[], chunkBytes: number) {
    this.#slots = program.slots;
    this.#chunkBytes = chunkBytes;
    for (const slot of program.slots)
      if (slot.kind === "output" && slot.donor !== undefined)
        invariant(program.donated.includes(slot.donor), `output ${slot.index} aliases an argument that is not donated`);
    const argumentBytes: number[] = [];
    const outputs: OutputPlan[] = [];
    program.slots.forEach((slot, i) => {
      if (slot.kind === "argument") argumentBytes[slot.index] = slot.sizeBytes;
      if (slot.kind !== "output") return;
      const result = program.results.findIndex((r) => r.slot === i);
      const label = `${resultLabels[result] ?? `output ${slot.index}`} of ${program.name}`;
      outputs[slot.index] = { sizeBytes: slot.sizeBytes, donor: slot.donor ?? -1, label };
    });
    this.argumentBytes = argumentBytes;
    this.outputs = outputs;
    let next = 0;
    const starts = (sizeBytes: number): number => {
      const start = next;
      next += Math.max(1, Math.ceil(sizeBytes / chunkBytes));
      return start;
    };
    // An argument that no slot names is still passed.
    this.#argumentStarts = Array.from(argumentBytes, (sizeBytes) => starts(sizeBytes ?? 0));
    this.#outputStarts = outputs.map(({ sizeBytes }) => starts(sizeBytes));
    this.bufferCount = next;
  }

  /** Arguments that the program names; more may be passed. */
  get argumentCount(): number {
    return this.argumentBytes.length;
  }

  argumentStart(index: number): number {
    return this.#argumentStarts[index];
  }
  outputStart(index: number): number {
    return this.#outputStarts[index];
  }

  /** A window of a slot, which must lie in one buffer. */
  place(
    slotIndex: number,
    offsetBytes: number,
    sizeBytes: number | undefined,
    arenas: readonly Block[],
    constants: readonly Block[],
  ): Place {
    const slot = this.#slots[slotIndex];
    const at = offsetBytes + (slot.kind === "temporary" ? slot.offsetBytes : 0);
    const chunk = Math.floor(at / this.#chunkBytes);
    const offset = at - chunk * this.#chunkBytes;
    // A zero-sized tensor is bound as one word, which no kernel touches.
    const size = Math.max(4, Math.ceil((sizeBytes ?? slot.sizeBytes - offsetBytes) / 4) * 4);
    invariant(offset + size <= this.#chunkBytes, `a binding of slot ${slotIndex} crosses ${this.#chunkBytes} bytes`);
    switch (slot.kind) {
      case "argument":
        return { buffer: this.#argumentStarts[slot.index] + chunk, offset, size };
      case "output":
        return { buffer: this.#outputStarts[slot.index] + chunk, offset, size };
      case "constant": {
        const { gpu, offsetBytes } = constants[slot.index].buffers[chunk];
        return { buffer: gpu, offset: offsetBytes + offset, size };
      }
      case "temporary":
        return { buffer: arenas[slot.arena].buffers[chunk].gpu, offset, size };
    }
  }

  /** A slot from its start, cut where it continues in another buffer. */
  *ranges(slot: number, sizeBytes: number, arenas: readonly Block[], constants: readonly Block[]): Generator<Place> {
    for (const { source } of this.pieces(slot, slot, sizeBytes, arenas, constants)) yield source;
  }

  /** Two slots, cut where either continues in another buffer. */
  *pieces(from: number, to: number, sizeBytes: number, arenas: readonly Block[], constants: readonly Block[]) {
    const until = (slot: Slot, at: number): number => {
      const absolute = at + (slot.kind === "temporary" ? slot.offsetBytes : 0);
      return this.#chunkBytes - (absolute % this.#chunkBytes);
    };
    const padded = Math.ceil(sizeBytes / 4) * 4;
    for (let at = 0; at < padded; ) {
      const size = Math.min(padded - at, until(this.#slots[from], at), until(this.#slots[to], at));
      yield {
        source: this.place(from, at, size, arenas, constants),
        destination: this.place(to, at, size, arenas, constants),
      };
      at += size;
    }
  }
}
