/** A variable's memory as a kernel sees it: one binding, or several windows where it exceeds what one binding may span. */
import { computeType, type DType, elementsPerWord } from "../base/dtypes.ts";
import { sizeOf } from "../base/shapes.ts";
import { type Target, windowBytes } from "../base/target.ts";
import type { ShapedArray } from "../jaxpr/ir.ts";
import type { KernelBuilder } from "../kernel/builder.ts";
import type { BufferDecl, Statement, Value } from "../kernel/ir.ts";
import { elementOfRun, loadElement, runLengthOf, runOf } from "../kernel/packed.ts";
import { coarse } from "../kernel/simplify.ts";
import { partNumber } from "./grid.ts";

/** Slots are padded to this, so that a vector of four words may be read and written at the end. */
export const paddingBytes = 16;

export const storageBytes = (aval: ShapedArray): number =>
  Math.ceil((sizeOf(aval.shape) * 4) / elementsPerWord(aval.dtype) / paddingBytes) * paddingBytes;

export const bufferElement = (dtype: DType): BufferDecl["element"] =>
  dtype === "float32" ? "f32" : dtype === "int32" ? "i32" : "u32";

/** Bindings that a variable takes. */
export function windowCount(aval: ShapedArray, target: Target): number {
  const bytes = storageBytes(aval);
  if (bytes <= Math.min(target.limits.maxStorageBufferBindingSize, target.limits.maxBufferSize)) return 1;
  return Math.ceil(bytes / windowBytes(target));
}

export class MemoryView {
  readonly dtype: DType;
  readonly #k: KernelBuilder;
  readonly #words: number;
  readonly #windowWords: number;
  readonly #declare: (window: number) => BufferDecl;
  readonly #windows: (BufferDecl | undefined)[];
  readonly #access: BufferDecl["access"];
  readonly #part: number | undefined;
  readonly #runs = new Map<Value, { readonly words: Value; readonly block: readonly Statement[] }>();

  /** @param bind called for each window that the kernel touches, in the order of its buffers */
  constructor(
    k: KernelBuilder,
    { name, aval, access, target, part, atomic = false }: ViewOptions,
    bind: (window: number, windowWords: number) => void,
  ) {
    this.#k = k;
    this.#access = access;
    this.#part = part;
    this.dtype = aval.dtype;
    this.#words = storageBytes(aval) / 4;
    const count = windowCount(aval, target);
    this.#windowWords = count === 1 ? this.#words : windowBytes(target) / 4;
    this.#windows = new Array<BufferDecl | undefined>(count).fill(undefined);
    const element = atomic ? "u32" : bufferElement(aval.dtype);
    let declared = 0;
    // Named in the order of use, so that all parts of the work have the same text.
    this.#declare = (i) => {
      bind(i, this.#windowWords);
      const own = count === 1 ? name : `${name}_${part === undefined ? i : declared++}`;
      return k.buffer(own, element, access, this.#wordsOf(i), atomic);
    };
    if (count === 1) this.#window(0);
  }

  /** The element at a row-major position, as its compute type. */
  element(position: Value): Value {
    const k = this.#k;
    const perWord = elementsPerWord(this.dtype);
    const length = runLengthOf([this.dtype]);
    const run = this.#windows.length > 1 && this.#access === "read" ? runOf(k, position, length) : undefined;
    if (!run) return this.#choose(position, perWord, 1, (buffer, at) => loadElement(k, buffer, this.dtype, at));
    // Neighbours lie in one window: it is chosen once for all of them.
    const known = this.#runs.get(run.start);
    const count = (length / perWord) as 1 | 2 | 4;
    const load = (): Value =>
      this.#choose(k.div(run.start, k.i32(perWord)), 1, count, (buffer, word) => k.load(buffer, word, count));
    const words = known && k.isVisible(known.block) ? known.words : load();
    this.#runs.set(run.start, { words, block: k.block });
    return elementOfRun(k, this.dtype, words, run.lane);
  }

  /** What `read` gives of the window that holds a place, of which `run` are used from there on. */
  #choose(place: Value, perWord: number, run: number, read: (buffer: BufferDecl, at: Value) => Value): Value {
    const [first, last] = this.#reach(place, perWord);
    const from = (i: number): Value => {
      const here = (): Value => read(this.#window(i), this.#within(place, i, perWord, run));
      if (i === last) return here();
      const end = this.#start(i + 1, this.#windowWords * perWord);
      return this.#k.branch(this.#isBefore(place, i + 1, perWord), here, () => from(i + 1), [place, end]);
    };
    return from(first);
  }

  /**
   * Runs `use` with the window that holds a word and the word's place in it.
   * @param run words that are used from there on; `word` is a multiple of it
   */
  atWord(word: Value, use: (buffer: BufferDecl, index: Value) => void, run = 1): void {
    const [first, last] = this.#reach(word, 1);
    const from = (i: number): void => {
      const here = (): void => use(this.#window(i), this.#within(word, i, 1, run));
      if (i === last) here();
      else this.#k.if(this.#isBefore(word, i + 1, 1), here, () => from(i + 1));
    };
    from(first);
  }

  get computeType(): ReturnType<typeof computeType> {
    return computeType(this.dtype);
  }

  #window(i: number): BufferDecl {
    const window = this.#windows[i] ?? this.#declare(i);
    this.#windows[i] = window;
    return window;
  }
  #wordsOf(i: number): number {
    return Math.min(this.#windowWords, this.#words - i * this.#windowWords);
  }
  /** First and last window that a place may lie in, as far as is known. */
  #reach({ range }: Value, perWord: number): readonly [number, number] {
    const end = this.#windows.length - 1;
    if (end === 0 || !range) return [0, end];
    const windowOf = (place: number): number =>
      Math.min(Math.max(Math.floor(place / (this.#windowWords * perWord)), 0), end);
    return [windowOf(range.min), windowOf(range.max)];
  }
  /** Whether a place lies before a window; asked of what is the same for whole rows, where that decides. */
  #isBefore(place: Value, window: number, perWord: number): Value {
    const k = this.#k;
    const size = this.#windowWords * perWord;
    for (let span = 2 ** 20; span >= 64; span /= 2) {
      const rows = size % span === 0 ? coarse(k, place, span) : undefined;
      if (rows) return k.lt(rows, this.#start(window, size / span));
    }
    return k.lt(place, this.#start(window, size));
  }
  /** Where a window begins, for windows of some size: a constant, or counted from the window with the part's own number. */
  #start(window: number, size: number): Value {
    const k = this.#k;
    if (this.#part === undefined) return k.i32(window * size);
    return k.add(k.mul(partNumber(k, this.#part), k.i32(size)), k.i32((window - this.#part) * size));
  }
  /** A place's distance from the beginning of the window that holds it. */
  #within(place: Value, window: number, perWord: number, run = 1): Value {
    if (this.#windows.length === 1) return place;
    const k = this.#k;
    const inside = k.sub(place, this.#start(window, this.#windowWords * perWord));
    return k.assume(inside, { min: 0, max: this.#wordsOf(window) * perWord - run });
  }
}

export interface ViewOptions {
  readonly name: string;
  readonly aval: ShapedArray;
  readonly access: BufferDecl["access"];
  readonly target: Target;
  /** Which part of the work the kernel does, if it is done in parts. */
  readonly part?: number;
  readonly atomic?: boolean;
}
