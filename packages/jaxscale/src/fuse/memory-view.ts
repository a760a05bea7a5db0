/** A variable's memory as a kernel sees it: one binding, or several windows where it exceeds what one binding may span. */
import { computeType, type DType, elementsPerWord } from "../base/dtypes.ts";
import { sizeOf } from "../base/shapes.ts";
import type { Target } from "../base/target.ts";
import type { ShapedArray } from "../jaxpr/ir.ts";
import type { KernelBuilder } from "../kernel/builder.ts";
import type { BufferDecl, Value } from "../kernel/ir.ts";
import { loadElement } from "../kernel/packed.ts";

/** Slots are padded to this, so that a vector of four words may be read and written at the end. */
export const paddingBytes = 16;

export const storageBytes = (aval: ShapedArray): number =>
  Math.ceil((sizeOf(aval.shape) * 4) / elementsPerWord(aval.dtype) / paddingBytes) * paddingBytes;

export const bufferElement = (dtype: DType): BufferDecl["element"] =>
  dtype === "float32" ? "f32" : dtype === "int32" ? "i32" : "u32";

/** Bytes of one window: a power of two that a binding may span, so that windows never straddle a buffer's pieces. */
export function windowBytes(target: Target): number {
  const limit = Math.min(target.limits.maxStorageBufferBindingSize, target.limits.maxBufferSize);
  return 2 ** Math.floor(Math.log2(limit));
}

/** Bindings that a variable takes. */
export function windowCount(aval: ShapedArray, target: Target): number {
  const bytes = storageBytes(aval);
  if (bytes <= Math.min(target.limits.maxStorageBufferBindingSize, target.limits.maxBufferSize)) return 1;
  return Math.ceil(bytes / windowBytes(target));
}

export class MemoryView {
  readonly dtype: DType;
  readonly windows: readonly BufferDecl[];
  readonly windowWords: number;
  readonly #k: KernelBuilder;

  constructor(
    k: KernelBuilder,
    name: string,
    aval: ShapedArray,
    access: BufferDecl["access"],
    target: Target,
    atomic = false,
  ) {
    const words = storageBytes(aval) / 4;
    this.#k = k;
    this.dtype = aval.dtype;
    const count = windowCount(aval, target);
    const single = count === 1;
    this.windowWords = single ? words : windowBytes(target) / 4;
    const element = atomic ? "u32" : bufferElement(aval.dtype);
    this.windows = Array.from({ length: count }, (_, i) =>
      k.buffer(
        single ? name : `${name}_${i}`,
        element,
        access,
        Math.min(this.windowWords, words - i * this.windowWords),
        atomic,
      ),
    );
  }

  /** The element at a row-major position, as its compute type. */
  element(position: Value): Value {
    const k = this.#k;
    const [only, ...more] = this.windows;
    if (more.length === 0) return loadElement(k, only, this.dtype, position);
    const span = this.windowWords * elementsPerWord(this.dtype);
    const inside = k.rem(position, k.i32(span));
    const choose = (i: number): Value =>
      i === this.windows.length - 1
        ? loadElement(k, this.windows[i], this.dtype, inside)
        : k.branch(
            k.lt(position, k.i32((i + 1) * span)),
            () => loadElement(k, this.windows[i], this.dtype, inside),
            () => choose(i + 1),
          );
    return choose(0);
  }

  /** Runs `use` with the window that holds a word and the word's place in it. */
  atWord(word: Value, use: (buffer: BufferDecl, index: Value) => void): void {
    const k = this.#k;
    if (this.windows.length === 1) {
      use(this.windows[0], word);
      return;
    }
    const inside = k.rem(word, k.i32(this.windowWords));
    const choose = (i: number): void => {
      if (i === this.windows.length - 1) use(this.windows[i], inside);
      else
        k.if(
          k.lt(word, k.i32((i + 1) * this.windowWords)),
          () => use(this.windows[i], inside),
          () => choose(i + 1),
        );
    };
    choose(0);
  }

  get computeType(): ReturnType<typeof computeType> {
    return computeType(this.dtype);
  }
}
