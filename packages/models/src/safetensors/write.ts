/** Writes safetensors, without holding more than a piece of a tensor. */
import type { DType } from "jaxscale";
import { bitsOf, fileDtype, type StoredType } from "./dtypes.ts";
import { lengthBytes } from "./header.ts";

/** A tensor to write. */
export interface WrittenTensor {
  readonly name: string;
  /** Of an array, or a type of the format by its name there, such as `I64`. */
  readonly dtype: DType | StoredType;
  readonly shape: readonly number[];
  /** Bytes of the tensor, row-major and little-endian, at once or in pieces. */
  readonly data: Uint8Array | (() => Iterable<Uint8Array> | AsyncIterable<Uint8Array>);
}

const storedType = ({ dtype }: WrittenTensor): string =>
  bitsOf(dtype) === undefined ? fileDtype(dtype as DType) : dtype;

const sizeBytes = (tensor: WrittenTensor): number =>
  tensor.shape.reduce((product, n) => product * n, (bitsOf(storedType(tensor)) as number) / 8);

/**
 * The bytes of a file, in pieces. Tensors with wide elements come first, so that all are aligned; the header is padded to 8 bytes.
 * @throws RangeError if a name occurs twice or is `__metadata__`, or if data does not have the bytes of its shape
 */
export async function* safetensorsPieces(
  tensors: readonly WrittenTensor[],
  metadata: Readonly<Record<string, string>> = { format: "pt" },
): AsyncGenerator<Uint8Array> {
  const sorted = [...tensors].sort((a, b) => width(b) - width(a) || (a.name < b.name ? -1 : 1));
  yield encodeHeader(sorted, metadata);
  for (const tensor of sorted) {
    const { data, name } = tensor;
    let written = 0;
    for await (const piece of typeof data === "function" ? data() : [data]) {
      written += piece.length;
      yield piece;
    }
    if (written !== sizeBytes(tensor))
      throw new RangeError(`safetensors: the data of ${name} must have ${sizeBytes(tensor)} bytes; got ${written}`);
  }
}

/** A whole file in memory, for small ones. */
export async function encodeSafetensors(
  tensors: readonly WrittenTensor[],
  metadata?: Readonly<Record<string, string>>,
): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  for await (const piece of safetensorsPieces(tensors, metadata)) pieces.push(piece.slice());
  const file = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    file.set(piece, at);
    at += piece.length;
  }
  return file;
}

const width = (tensor: WrittenTensor): number => bitsOf(storedType(tensor)) as number;

function encodeHeader(sorted: readonly WrittenTensor[], metadata: Readonly<Record<string, string>>): Uint8Array {
  const header: Record<string, unknown> = Object.create(null);
  if (Object.keys(metadata).length > 0) header.__metadata__ = metadata;
  let at = 0;
  for (const tensor of sorted) {
    const { name, shape } = tensor;
    if (name === "__metadata__" || Object.hasOwn(header, name))
      throw new RangeError(`safetensors: names must differ and not be __metadata__; got ${name}`);
    const end = at + sizeBytes(tensor);
    header[name] = { dtype: storedType(tensor), shape, data_offsets: [at, end] };
    at = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const padded = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(lengthBytes + padded).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.set(json, lengthBytes);
  return bytes;
}
