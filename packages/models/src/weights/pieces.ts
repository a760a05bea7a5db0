/** Reads the bytes of parameters in pieces of limited size. */

import { type ElementRange, itemSizeBytes } from "jaxscale";
import { castBytes, type FloatDType } from "../safetensors/cast.ts";
import { arrayDtype } from "../safetensors/dtypes.ts";
import { ElementWriter } from "./element-writer.ts";
import type { PlannedParameter } from "./plan.ts";
import type { Rows, RowValues } from "./quantized/rows.ts";
import type { Located } from "./weights.ts";

/** Bytes read at once. */
const defaultPieceBytes = 16 * 2 ** 20;

export interface ReaderOptions {
  readonly signal?: AbortSignal;
  readonly onRead?: (name: string, sizeBytes: number) => void;
  readonly pieceBytes?: number;
}

/** Bytes of a file that lie side by side. */
interface Segment {
  readonly part: Located;
  readonly offset: number;
  readonly sizeBytes: number;
}
/** What is read at once. */
type Piece = readonly Segment[];

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

  /**
   * The pieces of a parameter, or of ranges of its elements, cast to its dtype. The next piece is read while one is used; each piece is
   * valid until the next.
   */
  async *pieces(parameter: PlannedParameter, ranges?: readonly ElementRange[]): AsyncGenerator<Uint8Array> {
    const { name, parts, dtype, rows } = parameter;
    if (rows) {
      yield* this.#rowPieces(parameter, rows, ranges ?? [{ start: 0, end: rows.rows * rows.columns }]);
      return;
    }
    let turn = 0;
    let before: { readonly piece: Piece; readonly reading: Promise<Uint8Array<ArrayBuffer>> } | undefined;
    const segments = ranges ? segmentsOf(parts, ranges) : parts;
    for (const piece of [...piecesOf(segments, this.#pieceBytes), undefined]) {
      this.#signal?.throwIfAborted();
      const reading = piece && this.#read(piece, turn++ % 2);
      // If the consumer stops or an earlier piece fails, this promise is never awaited.
      reading?.catch(() => {});
      if (before !== undefined) {
        const bytes = await before.reading;
        this.#onRead?.(name, bytes.length);
        yield this.#castTo(bytes, arrayDtype(before.piece[0].part.dtype) as FloatDType, dtype as FloatDType);
      }
      before = piece && reading && { piece, reading };
    }
  }

  /** Elements that are made by rows. */
  async *#rowPieces(
    { name, dtype, readBytes }: PlannedParameter,
    { rows, columns, read }: Rows,
    ranges: readonly ElementRange[],
  ): AsyncGenerator<Uint8Array> {
    const writer = new ElementWriter(dtype);
    const blockRows = Math.max(1, Math.floor(this.#pieceBytes / (columns * 4)));
    let block: { readonly first: number; readonly end: number; readonly values: RowValues } | undefined;
    for (const { start, end } of ranges)
      for (let at = start; at < end; ) {
        const row = Math.floor(at / columns);
        if (block === undefined || row < block.first || row >= block.end) {
          this.#signal?.throwIfAborted();
          const last = Math.min(rows, row + blockRows, Math.ceil((ranges.at(-1) as ElementRange).end / columns));
          block = { first: row, end: last, values: await read(row, last) };
          this.#onRead?.(name, (readBytes * (last - row)) / rows);
        }
        const until = Math.min(end, block.end * columns);
        yield writer.bytes(block.values.subarray(at - block.first * columns, until - block.first * columns));
        at = until;
      }
    yield writer.rest();
  }

  async #read(piece: Piece, turn: number): Promise<Uint8Array<ArrayBuffer>> {
    const sizeBytes = piece.reduce((sum, segment) => sum + segment.sizeBytes, 0);
    if (this.#buffers[turn].byteLength < sizeBytes) this.#buffers[turn] = new ArrayBuffer(sizeBytes);
    const bytes = new Uint8Array(this.#buffers[turn], 0, sizeBytes);
    let at = 0;
    for (const { part, offset, sizeBytes: length } of piece)
      await part.file.source.read(offset, bytes.subarray(at, (at += length)));
    return bytes;
  }

  #castTo(bytes: Uint8Array<ArrayBuffer>, from: FloatDType, to: FloatDType): Uint8Array {
    const cast = castBytes(bytes, from, to, this.#cast);
    if (cast !== bytes) this.#cast = cast.buffer;
    return cast;
  }
}

/** Ranges of the elements of several tensors, one behind the other, as bytes of their files. */
function segmentsOf(parts: readonly Located[], ranges: readonly ElementRange[]): Segment[] {
  const segments: Segment[] = [];
  let part = 0;
  // Elements of the parts before.
  let before = 0;
  for (const { start, end } of ranges)
    for (let at = start; at < end; ) {
      const itemBytes = itemSizeBytes(arrayDtype(parts[part].dtype) as FloatDType);
      const count = parts[part].sizeBytes / itemBytes;
      if (at >= before + count) {
        before += count;
        part++;
        continue;
      }
      const last = Math.min(end, before + count);
      const offset = parts[part].offset + (at - before) * itemBytes;
      segments.push({ part: parts[part], offset, sizeBytes: (last - at) * itemBytes });
      at = last;
    }
  return segments;
}

/** Segments in pieces of so many bytes at most; those that are short share a piece. */
function* piecesOf(segments: readonly (Segment | Located)[], most: number): Generator<Piece> {
  let piece: Segment[] = [];
  let room = most;
  for (const segment of segments) {
    const part = "part" in segment ? segment.part : segment;
    for (let at = 0; at < segment.sizeBytes; ) {
      const sizeBytes = Math.min(room, segment.sizeBytes - at);
      piece.push({ part, offset: segment.offset + at, sizeBytes });
      at += sizeBytes;
      room -= sizeBytes;
      if (room > 0) continue;
      yield piece;
      [piece, room] = [[], most];
    }
  }
  if (piece.length > 0) yield piece;
}
