import { readFileSync } from "node:fs";
import { blobSource, encodeSafetensors, folderFiles, SafetensorsFile, safetensorsPieces } from "@jaxscale/models";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { readSafetensors } from "../conformance/safetensors.ts";
import { rejection } from "../rejection.ts";
import { fixture } from "./fixtures.ts";
import { rawBytes, rawFile } from "./raw-safetensors.ts";

const open = (bytes: Uint8Array) => SafetensorsFile.open(blobSource("x.safetensors", new Blob([bytes as BlobPart])));
const f32 = (shape: unknown, data_offsets: unknown) => ({ dtype: "F32", shape, data_offsets });

test("a golden file of the reference reads as another reader reads it", async () => {
  const path = `${fixture("glm4_moe_lite-tiny")}/golden.safetensors`;
  const other = readSafetensors(path, readFileSync(path));
  const source = await folderFiles(fixture("glm4_moe_lite-tiny")).open("golden.safetensors");
  assert.ok(source);
  const file = await SafetensorsFile.open(source);
  assert.ok(file.entries.size > 100);
  for (const key of file.entries.keys()) {
    const { shape, values } = await file.read(key);
    const expected = other(key);
    assert.equal(shape, expected.shape);
    assert.equal([...values], [...expected.values], key);
  }
  await file.close();
});

test("metadata, scalars and tensors without elements are read", async () => {
  const file = await open(
    rawFile(
      {
        __metadata__: { format: "pt" },
        scalar: f32([], [0, 4]),
        none: f32([0, 3], [4, 4]),
        two: { dtype: "I32", shape: [2], data_offsets: [4, 12] },
      },
      new Uint8Array(Int32Array.of(0x3f800000, 7, -8).buffer),
    ),
  );
  assert.equal({ ...file.metadata }, { format: "pt" });
  assert.equal([...(await file.read("scalar")).values], [1]);
  assert.equal([...(await file.read("none")).values], []);
  assert.equal([...(await file.read("two")).values], [7, -8]);
  assert.match(
    (await rejection(file.read("three"))).message,
    /^x\.safetensors: three: must be in the file; got no such tensor$/,
  );
});

test("spaces may follow the header, nothing may stand before it", async () => {
  const json = '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}';
  assert.is((await open(rawFile(`${json}   `, 1))).entries.size, 1);
  await refused(rawFile(` ${json}`, 1), "must have a header that begins with {; got byte 32");
});

const utf8 = (text: string) => new TextEncoder().encode(text);
const one = (entry: unknown) => ({ a: entry });
const hostile: readonly (readonly [string, Uint8Array, string])[] = [
  ["an empty file", new Uint8Array(0), "must begin with 8 bytes that tell the header's length; got 0 bytes in all"],
  [
    "a file of seven bytes",
    new Uint8Array(7),
    "must begin with 8 bytes that tell the header's length; got 7 bytes in all",
  ],
  ["an empty header", rawFile("", 0), "must have a header that begins with {; got an empty header"],
  [
    "a header longer than the file",
    rawBytes(utf8("{}"), 0, 3n),
    "must hold its header within 10 bytes; got a header of 3 bytes: cut off, or no safetensors file",
  ],
  [
    "a header length near 2^64",
    rawBytes(utf8("{}"), 0, 2n ** 64n - 1n),
    "must hold its header within 10 bytes; got a header of 18446744073709551615 bytes: cut off, or no safetensors file",
  ],
  [
    "a truncated file",
    rawFile(one(f32([4], [0, 16])), 12),
    "a: must lie within the 12 bytes of data; got bytes 0 to 16",
  ],
  [
    "bytes after the last tensor",
    rawFile(one(f32([1], [0, 4])), 5),
    "must end with its last tensor, at byte 66; got 67 bytes",
  ],
  [
    "overlapping tensors",
    rawFile({ a: f32([2], [0, 8]), b: f32([2], [4, 12]) }, 12),
    "b: must begin at byte 8 of the data, where a ends; got byte 4: they overlap",
  ],
  [
    "a tensor within another",
    rawFile({ a: f32([3], [0, 12]), b: f32([1], [4, 8]) }, 12),
    "b: must begin at byte 12 of the data, where a ends; got byte 4: they overlap",
  ],
  [
    "a gap between tensors",
    rawFile({ a: f32([1], [0, 4]), b: f32([1], [8, 12]) }, 12),
    "b: must begin at byte 4 of the data, where a ends; got byte 8: a gap",
  ],
  [
    "a gap before the first tensor",
    rawFile(one(f32([1], [4, 8])), 8),
    "a: must begin at byte 0 of the data, where the data begins; got byte 4: a gap",
  ],
  [
    "offsets the wrong way round",
    rawFile(one(f32([1], [4, 0])), 4),
    "a: must lie within the 4 bytes of data; got bytes 4 to 0",
  ],
  ["negative offsets", rawFile(one(f32([1], [-4, 0])), 4), "a: must have data_offsets [begin, end]; got [-4,0]"],
  [
    "offsets beyond what can be counted",
    rawFile('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,1e300]}}', 4),
    "a: must have data_offsets [begin, end]; got [0,1e+300]",
  ],
  [
    "missing offsets",
    rawFile(one({ dtype: "F32", shape: [1] }), 4),
    "a: must have data_offsets [begin, end]; got nothing",
  ],
  [
    "an unknown dtype",
    rawFile(one({ dtype: "F33", shape: [1], data_offsets: [0, 4] }), 4),
    'a: must have a dtype of the format, such as BF16, F16 or F32; got "F33"',
  ],
  [
    "a dtype from the prototype",
    rawFile(one({ dtype: "toString", shape: [1], data_offsets: [0, 4] }), 4),
    'a: must have a dtype of the format, such as BF16, F16 or F32; got "toString"',
  ],
  [
    "a dtype too narrow for the bytes",
    rawFile(one({ dtype: "BF16", shape: [2], data_offsets: [0, 8] }), 8),
    "a: must have 4 bytes for BF16 [2]; got 8",
  ],
  ["a shape too large for the bytes", rawFile(one(f32([3], [0, 8])), 8), "a: must have 12 bytes for F32 [3]; got 8"],
  [
    "a shape whose product overflows",
    rawFile(one(f32([2 ** 31, 2 ** 31, 2 ** 31], [0, 8])), 8),
    "a: must have a size that can be counted; got shape [2147483648,2147483648,2147483648]",
  ],
  ["a negative size", rawFile(one(f32([-1], [0, 4])), 4), "a: must have a shape of integers, none negative; got [-1]"],
  [
    "a fractional size",
    rawFile(one(f32([0.5], [0, 2])), 2),
    "a: must have a shape of integers, none negative; got [0.5]",
  ],
  [
    "a shape that is text",
    rawFile(one(f32("4", [0, 4])), 4),
    'a: must have a shape of integers, none negative; got "4"',
  ],
  ["too many axes", rawFile(one(f32(Array(33).fill(1), [0, 4])), 4), "a: must have at most 32 axes; got 33"],
  [
    "a key that occurs twice",
    rawFile(
      '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}',
      8,
    ),
    "a: must occur once; got the key twice",
  ],
  [
    "a key twice, once escaped",
    rawFile(
      '{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"\\u0061":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}',
      0,
    ),
    "a: must occur once; got the key twice",
  ],
  [
    "a field twice",
    rawFile('{"a":{"dtype":"F32","dtype":"F32","shape":[0],"data_offsets":[0,0]}}', 0),
    "dtype: must occur once; got the key twice",
  ],
  ["metadata that is not strings", rawFile({ __metadata__: { n: 1 } }, 0), "__metadata__.n: must be a string; got 1"],
  ["metadata that is a list", rawFile({ __metadata__: [] }, 0), "__metadata__: must be an object of strings; got []"],
  ["an entry that is no object", rawFile(one(7), 0), "a: must be an object with dtype, shape and data_offsets; got 7"],
  ["nesting without end", rawFile(`{"a":${"[".repeat(100_000)}`, 0), "a: must nest at most 3 deep; got more"],
  ["a header that is not UTF-8", rawBytes(Uint8Array.of(0x7b, 0xff, 0x7d), 0), "must be UTF-8; got other bytes"],
  ["text after the header", rawFile("{} x", 0), "must end after the JSON value; got x at character 3"],
  ["a string without an end", rawFile('{"a', 0), "must close every string; got none after character 1"],
  [
    "a key with control characters, shown harmlessly",
    rawFile({ "\u001b[31m": 7 }, 0),
    "\\u{1b}[31m: must be an object with dtype, shape and data_offsets; got 7",
  ],
];
for (const [what, bytes, message] of hostile) test(`refused: ${what}`, () => refused(bytes, message));

async function refused(bytes: Uint8Array, message: string): Promise<void> {
  const error = await rejection(open(bytes));
  assert.is(error.message, `x.safetensors: ${message}`);
  assert.is(error.name, "CheckpointError");
}

test("a header above 100 MB is refused before it is read", async () => {
  let largest = 0;
  const source = {
    name: "x.safetensors",
    sizeBytes: 2 ** 40,
    read: async (_: number, into: Uint8Array) => {
      largest = Math.max(largest, into.length);
      into.set(Uint8Array.of(0, 0, 0, 0x40));
    },
    close: async () => {},
  };
  assert.match(
    (await rejection(SafetensorsFile.open(source))).message,
    /must have a header of at most 100000000 bytes; got 1073741824/,
  );
  assert.is(largest, 8);
});

test("a key named __proto__ is a key like any other", async () => {
  const file = await open(rawFile('{"__proto__":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}', 2));
  assert.equal([...(await file.read("__proto__")).values], [0, 1]);
});

test("any header is either read or refused with a CheckpointError; what is read lies within the file", async () => {
  const key = fc.constantFrom("a", "b", "__metadata__", "__proto__", "\u0000");
  const entry = fc.record(
    {
      dtype: fc.constantFrom<unknown>("F32", "BF16", "U8", "F4", "X", 1, null),
      shape: fc.oneof(fc.array(fc.integer({ min: -1, max: 5 }), { maxLength: 3 }), fc.jsonValue()),
      data_offsets: fc.oneof(
        fc.tuple(fc.integer({ min: -1, max: 40 }), fc.integer({ min: -1, max: 40 })),
        fc.jsonValue(),
      ),
    },
    { requiredKeys: [] },
  );
  const header = fc.oneof(
    fc.dictionary(key, fc.oneof(entry, fc.jsonValue())).map((value) => JSON.stringify(value)),
    fc.json(),
    fc.string(),
    fc.tuple(fc.dictionary(key, entry), fc.nat(), fc.string({ maxLength: 2 })).map(([value, at, text]) => {
      const json = JSON.stringify(value);
      return json.slice(0, at % (json.length + 1)) + text + json.slice(at % (json.length + 1));
    }),
  );
  await fc.assert(
    fc.asyncProperty(
      header,
      fc.nat({ max: 40 }),
      fc.option(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { freq: 8 }),
      (text, data, length) => readOrRefuse(rawBytes(utf8(text), data, length ?? undefined)),
    ),
    { numRuns: 1500 },
  );
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), readOrRefuse), { numRuns: 500 });
});

test("a good file with one byte changed is either read or refused", async () => {
  const good = await encodeSafetensors([
    { name: "a", dtype: "float32", shape: [2, 2], data: new Uint8Array(16) },
    { name: "b", dtype: "bfloat16", shape: [3], data: new Uint8Array(6) },
  ]);
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 }), async (at, byte) => {
      const bytes = good.slice();
      bytes[at] = byte;
      await readOrRefuse(bytes);
    }),
    { numRuns: 1000 },
  );
});

async function readOrRefuse(bytes: Uint8Array): Promise<void> {
  let file: SafetensorsFile;
  try {
    file = await open(bytes);
  } catch (error) {
    assert.is((error as Error).name, "CheckpointError");
    return;
  }
  for (const { offset, sizeBytes } of file.entries.values()) {
    assert.ok(offset >= 8);
    assert.ok(offset + sizeBytes <= bytes.length);
  }
}

test("what is written is read again, by the other reader too, each tensor aligned to its elements", async () => {
  const tensors = [
    { name: "b", dtype: "bfloat16" as const, shape: [3], data: Uint8Array.of(0x80, 0x3f, 0, 0xc0, 0, 0x3f) },
    { name: "a", dtype: "float32" as const, shape: [1, 2], data: new Uint8Array(Float32Array.of(1.5, -2).buffer) },
    { name: "c", dtype: "uint8" as const, shape: [], data: Uint8Array.of(9) },
  ];
  const bytes = await encodeSafetensors(tensors, { format: "pt", by: "a test" });
  const file = await open(bytes);
  const other = readSafetensors("x", bytes);
  assert.equal({ ...file.metadata }, { format: "pt", by: "a test" });
  for (const [name, values] of Object.entries({ a: [1.5, -2], b: [1, -2, 0.5], c: [9] })) {
    assert.equal([...(await file.read(name)).values], values);
    assert.equal([...other(name).values], values);
  }
  assert.is(file.entry("a").offset % 8, 0);
  assert.is(file.entry("b").offset % 2, 0);
});

test("a writer takes data in pieces and refuses the wrong number of bytes or names", async () => {
  const drain = async (pieces: AsyncIterable<Uint8Array>) => {
    for await (const piece of pieces) void piece;
  };
  const pieces = () => [new Uint8Array(3), new Uint8Array(5)];
  await drain(safetensorsPieces([{ name: "a", dtype: "float32", shape: [2], data: pieces }]));
  assert.match(
    (await rejection(drain(safetensorsPieces([{ name: "a", dtype: "float32", shape: [3], data: pieces }])))).message,
    /the data of a must have 12 bytes; got 8/,
  );
  const same = { name: "a", dtype: "uint8", shape: [], data: new Uint8Array(1) } as const;
  assert.match((await rejection(drain(safetensorsPieces([same, same])))).message, /names must differ/);
});

test.run();
