/**
 * Numbers among the arguments of calls: each lies in a row of one buffer, equal ones in the same row. What a submit's calls
 * need is written just before it by one write, and rows that only earlier submits read are written anew: a loop of calls
 * with ever new numbers takes no more memory, and mostly meets rows whose bind groups are known.
 */
import { type Block, type PooledBuffer, validationOf } from "./buffer-pool.ts";
import { type Home, Memory, type Storage } from "./storage.ts";
import { UnreadErrors } from "./unread-errors.ts";

/** Of any array of one element, padded. */
const scalarBytes = 16;

/** An argument of a call: an array, or the one word of a number. */
export type Argument = Storage | number;

// Rows are never dropped, so no error of theirs goes unread.
const numberMemory = (): Memory => new Memory(scalarBytes, "a number", new UnreadErrors());

/** Stands for the memory of a number until its call is made. */
export const unplaced = numberMemory();

interface Row {
  readonly memory: Memory;
  readonly slab: Slab;
  /** Its place among the rows of its slab. */
  readonly index: number;
  word: number;
  /** The last call that reads it; -1 before the first. */
  call: number;
}

/** Rows of one buffer, and what the host wants in them; those from `dirtyFrom` to `dirtyTo` are not yet written. */
interface Slab {
  readonly gpu: GPUBuffer;
  readonly words: Uint32Array<ArrayBuffer>;
  dirtyFrom: number;
  dirtyTo: number;
}

const rowsOfSlab = 64;

export class ScalarRows {
  readonly #home: Home;
  readonly #strideWords: number;
  readonly #slabs: Slab[] = [];
  readonly #rows: Row[] = [];
  readonly #byWord = new Map<number, Row>();
  #call = 0;
  /** The first call that the device may not have been given yet: rows that it or a later one reads stay as they are. */
  #open = 0;
  /** Rows before this one are read by open calls. */
  #next = 0;
  #dirty = false;

  constructor(home: Home) {
    this.#home = home;
    this.#strideWords = Math.max(scalarBytes, home.gpu.limits.minStorageBufferOffsetAlignment) / 4;
  }

  /**
   * Fills in the memory of the numbers among a call's arguments. The call must be encoded before another one is placed.
   * False if over the budget.
   */
  place(args: readonly Argument[], memories: Memory[]): boolean {
    let call = 0;
    let missing = false;
    // First all that are known, lest one takes the row of another.
    for (let i = 0; i < args.length; i++) {
      const word = args[i];
      if (typeof word !== "number") continue;
      call ||= ++this.#call;
      const row = this.#byWord.get(word);
      if (row === undefined) missing = true;
      else row.call = call;
      memories[i] = row?.memory ?? unplaced;
    }
    return !missing || this.#placeMissing(args, memories);
  }

  #placeMissing(args: readonly Argument[], memories: Memory[]): boolean {
    for (let i = 0; i < args.length; i++) {
      const word = args[i];
      if (typeof word !== "number" || memories[i] !== unplaced) continue;
      const row = this.#byWord.get(word) ?? this.#write(word);
      if (row === undefined) return false;
      row.call = this.#call;
      memories[i] = row.memory;
    }
    return true;
  }

  /** Writes what the next submit reads. The last call placed may be under way still, its later commands in a later submit. */
  upload(): void {
    this.#open = this.#call;
    this.#next = 0;
    if (!this.#dirty) return;
    this.#dirty = false;
    const { queue } = this.#home.gpu;
    for (const slab of this.#slabs) {
      if (slab.dirtyFrom >= slab.dirtyTo) continue;
      const from = slab.dirtyFrom * this.#strideWords;
      queue.writeBuffer(slab.gpu, 4 * from, slab.words, from, (slab.dirtyTo - 1) * this.#strideWords + 1 - from);
      slab.dirtyFrom = rowsOfSlab;
      slab.dirtyTo = 0;
    }
  }

  #write(word: number): Row | undefined {
    const row = this.#freeRow();
    if (row === undefined) return undefined;
    if (row.call >= 0) this.#byWord.delete(row.word);
    this.#byWord.set(word, row);
    row.word = word;
    const { slab, index } = row;
    slab.words[index * this.#strideWords] = word;
    slab.dirtyFrom = Math.min(slab.dirtyFrom, index);
    slab.dirtyTo = Math.max(slab.dirtyTo, index + 1);
    this.#dirty = true;
    return row;
  }

  /** The first one that no open call reads: calls that repeat then meet the same rows in the same order. */
  #freeRow(): Row | undefined {
    for (; this.#next < this.#rows.length; this.#next++) {
      const row = this.#rows[this.#next];
      // A result may have the row of an argument that the program passes through.
      if (row.call < this.#open && row.memory.block?.references === 1) return row;
    }
    return this.#addSlab() ? this.#rows[this.#next] : undefined;
  }

  /** False if over the budget. */
  #addSlab(): boolean {
    const { pool } = this.#home;
    const words = new Uint32Array(rowsOfSlab * this.#strideWords);
    const block = pool.allocate(words.byteLength, "numbers among arguments");
    if (block === undefined) return false;
    const slab: Slab = { gpu: block.buffers[0].gpu, words, dirtyFrom: rowsOfSlab, dirtyTo: 0 };
    this.#slabs.push(slab);
    const rows = Array.from({ length: rowsOfSlab }, (_, index) => this.#row(slab, index, this.#rows.length + index));
    this.#rows.push(...rows);
    const validation = validationOf(block);
    if (validation === undefined) return true;
    for (const { memory } of rows) memory.validation = validation;
    void validation.promise.then(() => {
      if (validation.error === undefined) for (const { memory } of rows) memory.validation = undefined;
    });
    return true;
  }

  #row(slab: Slab, index: number, id: number): Row {
    const alone: Block = { buffers: [], references: 1 };
    const buffer: PooledBuffer = {
      // Apart from the pool's, which count up from 1.
      id: -1 - id,
      gpu: slab.gpu,
      offsetBytes: 4 * index * this.#strideWords,
      sizeBytes: 4 * this.#strideWords,
      shelf: "storage",
      alone,
      holder: undefined,
      failed: false,
      validation: undefined,
      usedBefore: 0,
    };
    (alone.buffers as PooledBuffer[]).push(buffer);
    const memory = numberMemory();
    memory.place(this.#home, alone, undefined);
    return { memory, slab, index, word: 0, call: -1 };
  }
}
