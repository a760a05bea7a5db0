/** Reads the bytes of parameters in pieces of limited size. */

import { castBytes, type FloatDType } from "../safetensors/cast.ts";
import { arrayDtype } from "../safetensors/dtypes.ts";
import type { PlannedParameter } from "./plan.ts";
import type { Located } from "./weights.ts";

/** Bytes read at once. */
const defaultPieceBytes = 16 * 2 ** 20;

export interface ReaderOptions {
  readonly signal?: AbortSignal;
  readonly onRead?: (name: string, sizeBytes: number) => void;
  readonly pieceBytes?: number;
}

interface Range {
  readonly part: Located;
  readonly offset: number;
  readonly sizeBytes: number;
}

/** Reads parameters in sequence. It holds two pieces and the cast of one; buffers are reused. */
export class PieceReader {
  readonly #signal: AbortSignal | undefined;
  readonly #onRead: ReaderOptions["onRead"];
  readonly #pieceBytes: number;
  readonly #buffers: [ArrayBuffer, ArrayBuffer] = [new ArrayBuffer(0), new ArrayBuffer(0)];
  #cast = new ArrayBuffer(0);

  constructor({ signal, onRead, pieceBytes = defaultPieceBytes }: ReaderOptions = {}) {
    this.#signal = signal;
    this.#onRead = onRead;
    this.#pieceBytes = pieceBytes;
  }

  /** The pieces of a parameter, cast to its dtype. The next piece is read while one is used; each piece is valid until the next. */
  async *pieces({ name, parts, dtype }: PlannedParameter): AsyncGenerator<Uint8Array> {
    let turn = 0;
    let before: { readonly range: Range; readonly reading: Promise<Uint8Array<ArrayBuffer>> } | undefined;
    for (const range of [...ranges(parts, this.#pieceBytes), undefined]) {
      this.#signal?.throwIfAborted();
      const reading = range && this.#read(range, turn++ % 2);
      // If the consumer stops or an earlier piece fails, this promise is never awaited.
      reading?.catch(() => {});
      if (before !== undefined) {
        const bytes = await before.reading;
        this.#onRead?.(name, bytes.length);
        yield this.#castTo(bytes, arrayDtype(before.range.part.dtype) as FloatDType, dtype as FloatDType);
      }
      before = range && reading && { range, reading };
    }
  }

  async #read({ part, offset, sizeBytes }: Range, turn: number): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#buffers[turn].byteLength < sizeBytes) this.#buffers[turn] = new ArrayBuffer(sizeBytes);
    const bytes = new Uint8Array(this.#buffers[turn], 0, sizeBytes);
    await part.file.source.read(offset, bytes);
    return bytes;
  }

  #castTo(bytes: Uint8Array<ArrayBuffer>, from: FloatDType, to: FloatDType): Uint8Array {
    const cast = castBytes(bytes, from, to, this.#cast);
    if (cast !== bytes) this.#cast = cast.buffer;
    return cast;
  }
}

function* ranges(parts: readonly Located[], size: number): Generator<Range> {
  for (const part of parts)
    for (let at = 0; at < part.sizeBytes; at += size)
      yield { part, offset: part.offset + at, sizeBytes: Math.min(size, part.sizeBytes - at) };
}
