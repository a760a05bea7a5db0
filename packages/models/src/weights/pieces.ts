/** The bytes of a parameter on their way from the files, in pieces that the host can hold. */
import type { DType } from "jaxscale";
import { readBytes } from "../files/byte-source.ts";
import { castBytes, type FloatDType } from "../safetensors/cast.ts";
import { arrayDtype } from "../safetensors/dtypes.ts";
import type { PlannedParameter } from "./plan.ts";
import type { Located } from "./weights.ts";

/** Bytes read at once; at most three pieces and their casts are held. */
export const pieceBytes = 16 * 2 ** 20;

export interface PieceOptions {
  readonly signal?: AbortSignal;
  readonly onRead?: (sizeBytes: number) => void;
  readonly pieceBytes?: number;
}

/** As wide as the parameter's dtype, in the order of its elements; the next piece is read while one is used. */
export async function* piecesOf(
  { parts, dtype }: PlannedParameter,
  { signal, onRead, pieceBytes: size = pieceBytes }: PieceOptions = {},
): AsyncGenerator<Uint8Array> {
  let next: Promise<Uint8Array<ArrayBuffer>> | undefined;
  let current: Located | undefined;
  for (const { part, offset, sizeBytes } of ranges(parts, size)) {
    signal?.throwIfAborted();
    const before = next;
    const owner = current;
    next = readBytes(part.file.source, offset, sizeBytes);
    // If the consumer stops or the piece before is bad, nobody awaits this one.
    next.catch(() => {});
    current = part;
    if (before !== undefined) yield await taken(before, owner as Located, dtype, onRead);
  }
  signal?.throwIfAborted();
  if (next !== undefined) yield await taken(next, current as Located, dtype, onRead);
}

async function taken(
  reading: Promise<Uint8Array<ArrayBuffer>>,
  part: Located,
  dtype: DType,
  onRead: PieceOptions["onRead"],
): Promise<Uint8Array> {
  const bytes = await reading;
  onRead?.(bytes.length);
  return castBytes(bytes, arrayDtype(part.dtype) as FloatDType, dtype as FloatDType);
}

function* ranges(
  parts: readonly Located[],
  size: number,
): Generator<{ readonly part: Located; readonly offset: number; readonly sizeBytes: number }> {
  for (const part of parts)
    for (let at = 0; at < part.sizeBytes; at += size)
      yield { part, offset: part.offset + at, sizeBytes: Math.min(size, part.sizeBytes - at) };
}
