import { test } from "uvu";
import * as assert from "uvu/assert";
import { type DType, elementsPerWord, isFloat, kindOf } from "../../packages/jaxscale/src/base/dtypes.ts";
import { roundTo } from "../../packages/jaxscale/src/base/rounding.ts";
import { allocateValues, packWords, unpackWords } from "../../packages/jaxscale/src/base/tensor-data.ts";
import { KernelBuilder } from "../../packages/jaxscale/src/kernel/builder.ts";
import { loadElement, packLanes } from "../../packages/jaxscale/src/kernel/packed.ts";
import { printWgsl } from "../../packages/jaxscale/src/wgsl/print.ts";
import { closeTestDevice, runKernel } from "./run-kernel.ts";

const dtypes: readonly DType[] = [
  "float32",
  "int32",
  "uint32",
  "bfloat16",
  "float16",
  "int16",
  "uint16",
  "int8",
  "uint8",
  "float8_e4m3fn",
  "int4",
  "uint4",
  "bool",
];
const elementOf = (dtype: DType): "f32" | "i32" | "u32" =>
  dtype === "float32" ? "f32" : dtype === "int32" ? "i32" : "u32";

const samples = (dtype: DType, size: number): number[] =>
  Array.from({ length: size }, (_, i) => {
    if (dtype === "bool") return (i * 5) % 3 === 0 ? 1 : 0;
    const x = isFloat(dtype) ? Math.sin(i) * 100 : kindOf(dtype) === "signed" ? i * 37 - 400 : i * 37;
    return roundTo(dtype, x);
  });

function pack(dtype: DType, values: readonly number[]): Uint32Array {
  const typed = allocateValues(dtype, values.length);
  typed.set(values);
  return packWords({ dtype, values: typed });
}

/** Copies 64 elements reversed in groups of `group`, so that words are taken apart and put together. */
function reverseGroups(dtype: DType, group: number) {
  const k = new KernelBuilder();
  const perWord = elementsPerWord(dtype);
  const x = k.buffer("x", elementOf(dtype), "read", 64 / perWord);
  const y = k.buffer("y", elementOf(dtype), "read_write", 64 / perWord);
  const first = k.mul(k.local(0, 64 / group), k.i32(group));
  const values = Array.from({ length: group }, (_, i) => loadElement(k, x, dtype, k.add(first, k.i32(group - 1 - i))));
  for (let i = 0; i < group; i += perWord)
    k.store(y, k.div(k.add(first, k.i32(i)), k.i32(perWord)), packLanes(k, dtype, values.slice(i, i + perWord)));
  return k.finish(`reverse_${dtype}`, [64 / group, 1, 1]);
}

for (const dtype of dtypes)
  test(`elements of ${dtype} are loaded, one or several at a time, and stored`, async () => {
    const values = samples(dtype, 64);
    for (const group of [elementsPerWord(dtype), 16]) {
      const words = pack(dtype, values);
      const typed =
        elementOf(dtype) === "f32"
          ? new Float32Array(words.buffer)
          : elementOf(dtype) === "i32"
            ? new Int32Array(words.buffer)
            : words;
      const [, out] = await runKernel(reverseGroups(dtype, group), [typed, typed.slice()]);
      const got = unpackWords(dtype, new Uint32Array(out.buffer), 64);
      const want = values.map((_, i) => values[i - (i % group) + (group - 1 - (i % group))]);
      assert.equal([...got].map(Number), want, `${dtype} in groups of ${group}`);
    }
  });

test("neighbours share one vector load", () => {
  assert.match(printWgsl(reverseGroups("float32", 4)), "array<vec4<f32>>");
  assert.match(printWgsl(reverseGroups("bfloat16", 8)), "array<vec4<u32>>");
  assert.is(printWgsl(reverseGroups("bfloat16", 8)).match(/\bx\[/g)?.length, 1);
});

test("elements at any position of a packed array are found", async () => {
  const k = new KernelBuilder();
  const at = k.buffer("at", "i32", "read", 16);
  const x = k.buffer("x", "u32", "read", 8);
  const y = k.buffer("y", "f32", "read_write", 16);
  const lane = k.local(0, 16);
  k.store(y, lane, loadElement(k, x, "bfloat16", k.assume(k.load(at, lane), { min: 0, max: 15 })));
  const values = samples("bfloat16", 16);
  const positions = Int32Array.from({ length: 16 }, (_, i) => (i * 7) % 16);
  const [, , out] = await runKernel(k.finish("gather", [16, 1, 1]), [
    positions,
    pack("bfloat16", values),
    new Float32Array(16),
  ]);
  assert.equal(
    [...out],
    [...positions].map((i) => values[i]),
  );
});

test.after(closeTestDevice);
test.run();
