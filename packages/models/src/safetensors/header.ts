/**
 * The header of a safetensors file: its length (8 bytes, little-endian), JSON, then the tensors' bytes without gaps.
 * All guarantees of the format are validated here, so that readers of tensors need no checks.
 * @see https://huggingface.co/docs/safetensors
 */
import { quoted, refused, shapeText, shown } from "../checkpoint-error.ts";
import { decodeText } from "../files/byte-source.ts";
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from "../json/parse.ts";
import { bitsOf } from "./dtypes.ts";

/** One tensor of a file. */
export interface TensorEntry {
  readonly key: string;
  /** Element type in the notation of the format, such as `BF16`. */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** From the start of the file. */
  readonly offset: number;
  readonly sizeBytes: number;
}

/** The header of a safetensors file. */
export interface SafetensorsHeader {
  /** Tensors, in byte order. */
  readonly entries: ReadonlyMap<string, TensorEntry>;
  readonly metadata: Readonly<Record<string, string>>;
}

export const lengthBytes = 8;
/** The limit of the reference implementation. */
const maxHeaderBytes = 100_000_000;
const maxRank = 32;

/** The header's length, from the first 8 bytes. @throws CheckpointError */
export function headerSize(first: Uint8Array, fileBytes: number, file: string): number {
  if (fileBytes < lengthBytes || first.length < lengthBytes)
    throw refused(
      { file },
      `must begin with ${lengthBytes} bytes that tell the header's length`,
      `${fileBytes} bytes in all`,
    );
  const size = new DataView(first.buffer, first.byteOffset, lengthBytes).getBigUint64(0, true);
  if (size > BigInt(fileBytes - lengthBytes))
    throw refused(
      { file },
      `must hold its header within ${fileBytes} bytes`,
      `a header of ${size} bytes: cut off, or no safetensors file`,
    );
  if (size > BigInt(maxHeaderBytes))
    throw refused({ file }, `must have a header of at most ${maxHeaderBytes} bytes`, `${size}`);
  return Number(size);
}

/**
 * @param bytes the JSON
 * @param fileBytes the size of the whole file
 * @throws CheckpointError naming file and key
 */
export function parseHeader(bytes: Uint8Array, fileBytes: number, file: string): SafetensorsHeader {
  // 0x7b is "{": the format allows nothing before it.
  if (bytes[0] !== 0x7b)
    throw refused(
      { file },
      "must have a header that begins with {",
      bytes.length === 0 ? "an empty header" : `byte ${bytes[0]}`,
    );
  const header = parseJson(decodeText(bytes, file), { file, maxDepth: 3 });
  if (!isJsonObject(header)) throw refused({ file }, "must have an object as header", shown(header));
  const dataStart = lengthBytes + bytes.length;
  const dataBytes = fileBytes - dataStart;
  const entries: TensorEntry[] = [];
  let metadata: Readonly<Record<string, string>> = {};
  for (const [key, value] of Object.entries(header)) {
    if (key === "__metadata__") metadata = parseMetadata(value, file);
    else entries.push(parseEntry(key, value, { file, dataStart, dataBytes }));
  }
  entries.sort((a, b) => a.offset - b.offset || a.sizeBytes - b.sizeBytes);
  requireNoGaps(entries, dataStart, fileBytes, file);
  return { entries: new Map(entries.map((entry) => [entry.key, entry])), metadata };
}

function parseMetadata(value: JsonValue, file: string): Readonly<Record<string, string>> {
  if (!isJsonObject(value)) throw refused({ file, key: "__metadata__" }, "must be an object of strings", shown(value));
  for (const [key, text] of Object.entries(value))
    if (typeof text !== "string") throw refused({ file, key: `__metadata__.${key}` }, "must be a string", shown(text));
  return value as Readonly<Record<string, string>>;
}

interface Data {
  readonly file: string;
  readonly dataStart: number;
  readonly dataBytes: number;
}

function parseEntry(key: string, value: JsonValue, { file, dataStart, dataBytes }: Data): TensorEntry {
  const place = { file, key };
  if (!isJsonObject(value)) throw refused(place, "must be an object with dtype, shape and data_offsets", shown(value));
  const dtype = parseDtype(value, place);
  const shape = parseShape(value, place);
  const offsets = value.data_offsets;
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount))
    throw refused(place, "must have data_offsets [begin, end]", shown(offsets));
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > dataBytes)
    throw refused(place, `must lie within the ${dataBytes} bytes of data`, `bytes ${begin} to ${end}`);
  const sizeBits = shape.reduce((product, n) => product * n, bitsOf(dtype) as number);
  if (sizeBits !== 8 * (end - begin))
    throw refused(place, `must have ${sizeBits / 8} bytes for ${dtype} ${shapeText(shape)}`, `${end - begin}`);
  return { key, dtype, shape, offset: dataStart + begin, sizeBytes: end - begin };
}

function parseDtype({ dtype }: JsonObject, place: { file: string; key: string }): string {
  if (typeof dtype !== "string" || bitsOf(dtype) === undefined)
    throw refused(place, "must have a dtype of the format, such as BF16, F16 or F32", shown(dtype));
  return dtype;
}

function parseShape({ shape }: JsonObject, place: { file: string; key: string }): readonly number[] {
  if (!Array.isArray(shape) || !shape.every(isCount))
    throw refused(place, "must have a shape of integers, none negative", shown(shape));
  if (shape.length > maxRank) throw refused(place, `must have at most ${maxRank} axes`, `${shape.length}`);
  // In bits, so that the size can be compared exactly.
  const elements = (shape as number[]).reduce((product, n) => product * BigInt(n), 64n);
  if (elements > BigInt(Number.MAX_SAFE_INTEGER))
    throw refused(place, "must have a size that can be counted", `shape ${shapeText(shape as number[])}`);
  return shape as number[];
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function requireNoGaps(entries: readonly TensorEntry[], dataStart: number, fileBytes: number, file: string): void {
  let at = dataStart;
  let before: TensorEntry | undefined;
  for (const entry of entries) {
    const where = before === undefined ? "where the data begins" : `where ${quoted(before.key)} ends`;
    if (entry.offset !== at)
      throw refused(
        { file, key: entry.key },
        `must begin at byte ${at - dataStart} of the data, ${where}`,
        `byte ${entry.offset - dataStart}: ${entry.offset < at ? "they overlap" : "a gap"}`,
      );
    at = entry.offset + entry.sizeBytes;
    before = entry;
  }
  if (at !== fileBytes) throw refused({ file }, `must end with its last tensor, at byte ${at}`, `${fileBytes} bytes`);
}
