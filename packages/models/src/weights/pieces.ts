/** The bytes of parameters on their way from the files, in pieces that the host can hold. */

import { castBytes, type FloatDType } from "../safetensors/cast.ts";
import { arrayDtype } from "../safetensors/dtypes.ts";
import type { PlannedParameter } from "./plan.ts";
import type { Located } from "./weights.ts";

/** Bytes read at once. */
export const defaultPieceBytes = 16 * 2 ** 20;

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

/** Reads parameters, one after the other. It holds two pieces and the cast of one; memory is touched once and reused. */
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

  /** As wide as the parameter's dtype, in the order of its elements. The next piece is read while one is used, and takes its place. */
  async *pieces({ name, parts, dtype }: PlannedParameter): AsyncGenerator<Uint8Array> {
    let turn = 0;
    let before: { readonly range: Range; readonly reading: Promise<Uint8Array<ArrayBuffer>> } | undefined;
    for (const range of [...ranges(parts, this.#pieceBytes), undefined]) {
      this.#signal?.throwIfAborted();
      const reading = range && this.#read(range, turn++ % 2);
      // If the consumer stops or the piece before is bad, nobody awaits this one.
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
