/** Products with quantized weights: codes, scales and zeros are dequantized where the product loads them, never in memory. */
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { DType } from "../../packages/jaxscale/src/base/dtypes.ts";
import type { HostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import { randomNumbers, tensorOf } from "../tensors.ts";
import { agreesScheduled, type Schedule, temporaryBytes, wgslOf } from "./scheduled-as.ts";

const { numpy: jnp, lax } = jax;
type A = jax.Array;

/** `(codes - zeros) · scales`, each scale and zero for a group of neighbours along the last axis. */
function dequantize(codes: A, scales: A, zeros?: A): A {
  const groups = scales.shape.at(-1) as number;
  const grouped = codes.astype("float32").reshape([...scales.shape, (codes.shape.at(-1) as number) / groups]);
  const perGroup = (x: A): A => x.astype("float32").reshape([...x.shape, 1]);
  const shifted = zeros ? grouped.sub(perGroup(zeros)) : grouped;
  return shifted.mul(perGroup(scales)).reshape(codes.shape);
}
/** The same with scales repeated along the last axis. */
function dequantizeRepeated(codes: A, scales: A, zeros: A): A {
  const group = (codes.shape.at(-1) as number) / (scales.shape.at(-1) as number);
  const spread = (x: A): A => jnp.repeat(x.astype("float32"), group, { axis: -1 });
  return codes.astype("float32").sub(spread(zeros)).mul(spread(scales));
}
/** With a group for each column. */
const dequantizeIndexed = (codes: A, scales: A, zeros: A, groupIndex: A): A => {
  const spread = (x: A): A => jnp.take(x.astype("float32"), groupIndex, { axis: -1 });
  return codes.astype("float32").sub(spread(zeros)).mul(spread(scales));
};

const floats = (shape: readonly number[], dtype: DType, seed: number): HostTensor => {
  const next = randomNumbers(seed);
  return tensorOf([...shape], dtype, () => 2 * next() - 1);
};
const codesOf = (shape: readonly number[], dtype: DType, seed: number): HostTensor => {
  const next = randomNumbers(seed);
  const [low, high] = dtype === "int8" ? [-127, 127] : dtype === "uint4" ? [0, 15] : [-7, 7];
  return tensorOf([...shape], dtype, () => low + Math.floor(next() * (high - low + 1)));
};
const ints = (...values: number[]): HostTensor => tensorOf([values.length], "int32", (i) => values[i]);

const group = 32;
/** Codes, bfloat16 scales and zeros of matrices `[…, out, in]`. */
const weights = (shape: readonly number[], codes: DType, zeros: DType): HostTensor[] => {
  const groups = [...shape.slice(0, -1), (shape.at(-1) as number) / group];
  return [codesOf(shape, codes, 2), floats(groups, "bfloat16", 3), codesOf(groups, zeros, 4)];
};

interface Form {
  readonly f: (...args: A[]) => A;
  /** Shape of the weights. */
  readonly shape: readonly number[];
  /** What comes before the weights. */
  readonly operands: readonly HostTensor[];
  /** Bytes of temporaries that the form needs besides. */
  readonly besides?: number;
}

const [out, depth] = [160, 128];
const forms: Readonly<Record<string, Form>> = {
  "one row": {
    f: (x, ...w) => x.dot(dequantize(w[0], w[1], w[2]).T),
    shape: [out, depth],
    operands: [floats([1, depth], "float32", 1)],
  },
  "a bfloat16 row": {
    f: (x, ...w) =>
      lax
        .dotGeneral(
          x,
          dequantize(w[0], w[1], w[2]),
          [
            [[1], [1]],
            [[], []],
          ],
          { preferredElementType: "float32" },
        )
        .astype("bfloat16"),
    shape: [out, depth],
    operands: [floats([1, depth], "bfloat16", 1)],
  },
  "weights rounded to bfloat16": {
    f: (x, ...w) => jnp.einsum("nh,oh->no", x, dequantize(w[0], w[1], w[2]).astype("bfloat16")),
    shape: [out, depth],
    operands: [floats([1, depth], "bfloat16", 1)],
  },
  "five rows": {
    f: (x, ...w) => x.dot(dequantize(w[0], w[1], w[2]).T),
    shape: [out, depth],
    operands: [floats([5, depth], "float32", 1)],
  },
  "many rows": {
    f: (x, ...w) => x.dot(dequantize(w[0], w[1], w[2]).T),
    shape: [out, depth],
    operands: [floats([19, depth], "float32", 1)],
  },
  "scales that are repeated": {
    f: (x, ...w) => x.dot(dequantizeRepeated(w[0], w[1], w[2]).T),
    shape: [out, depth],
    operands: [floats([1, depth], "float32", 1)],
  },
  "repeated scales, many rows": {
    f: (x, ...w) => x.dot(dequantizeRepeated(w[0], w[1], w[2]).T),
    shape: [out, depth],
    operands: [floats([19, depth], "float32", 1)],
  },
  "scales by an index": {
    f: (x, index, ...w) => x.dot(dequantizeIndexed(w[0], w[1], w[2], index).T),
    shape: [out, depth],
    operands: [
      floats([1, depth], "float32", 1),
      ints(...Array.from({ length: depth }, (_, i) => (i * 5) % (depth / group))),
    ],
  },
  "scales by an index, many rows": {
    f: (x, index, ...w) => x.dot(dequantizeIndexed(w[0], w[1], w[2], index).T),
    shape: [out, depth],
    operands: [
      floats([19, depth], "float32", 1),
      ints(...Array.from({ length: depth }, (_, i) => (i * 5) % (depth / group))),
    ],
  },
  "an activation behind it": {
    f: (x, ...w) => jax.nn.silu(x.dot(dequantize(w[0], w[1], w[2]).T)).mul(2),
    shape: [out, depth],
    operands: [floats([1, depth], "float32", 1)],
  },
  "chosen experts": {
    f: (x, ids, ...w) => jnp.einsum("nh,koh->nko", x, dequantize(...(w.map((v) => v.at(ids).get()) as [A, A, A]))),
    shape: [9, 24, depth],
    operands: [floats([1, depth], "float32", 1), ints(8, 0, 3, 5)],
  },
  "experts chosen of dequantized ones": {
    f: (x, ids, ...w) => jnp.einsum("kh,koh->ko", x, dequantize(w[0], w[1], w[2]).at(ids).get()),
    shape: [9, 24, depth],
    operands: [floats([4, depth], "float32", 1), ints(8, 0, 3, 5)],
  },
  "rows in groups": {
    f: (x, sizes, ...w) => lax.raggedDot(x, dequantize(w[0], w[1], w[2]).transpose(0, 2, 1), sizes),
    shape: [4, 24, depth],
    operands: [floats([21, depth], "float32", 1), ints(3, 0, 10, 8)],
  },
  "embedded tokens": {
    f: (ids, ...w) => dequantize(...(w.map((v) => v.at(ids).get()) as [A, A, A])),
    shape: [64, depth],
    operands: [ints(5, 63, 0, 5, 17)],
  },
  "tokens of a dequantized table": {
    f: (ids, ...w) => jnp.take(dequantize(w[0], w[1], w[2]), ids, { axis: 0 }),
    shape: [64, depth],
    operands: [ints(5, 63, 0, 5, 17)],
  },
  "a mapped product": {
    f: (x, ...w) => jax.vmap((row: A, q: A, s: A, z: A) => row.dot(dequantize(q, s, z).T))(x, w[0], w[1], w[2]),
    shape: [3, 24, depth],
    operands: [floats([3, depth], "float32", 1)],
  },
  "scanned layers": {
    f: (x, ...w) =>
      lax.scan((carry: A, [q, s, z]: [A, A, A]) => [jnp.tanh(carry.dot(dequantize(q, s, z).T)), null] as [A, null], x, [
        w[0],
        w[1],
        w[2],
      ] as [A, A, A])[0],
    shape: [3, depth, depth],
    operands: [floats([1, depth], "float32", 1)],
    besides: 2 * 4 * depth,
  },
};

const kinds: readonly (readonly [codes: DType, zeros: DType])[] = [
  ["int4", "int4"],
  ["uint4", "uint4"],
  ["int8", "int8"],
  ["float8_e4m3fn", "float8_e4m3fn"],
];
const schedules: Readonly<Record<string, Schedule>> = {
  "as the device wants it": {},
  "in many workgroups": {
    parameters: {
      tileStaged: 16,
      tileShared: false,
      tileLanes: 8,
      tileLaneRows: 8,
      tileRows: 4,
      gemvRows: 8,
      gemvLanes: 8,
      gemvPackedAlone: false,
    },
  },
};
/** All dtypes of codes and schedules with all forms are many kernels to compile: each form takes one of them, in turn. */
const full = process.env.JAXSCALE_FULL === "1";
const variants = kinds.flatMap((kind) => Object.entries(schedules).map((schedule) => [...kind, ...schedule] as const));
Object.entries(forms).forEach(([name, { f, shape, operands, besides = 0 }], i) =>
  test(`${name}: no dequantized matrix is in memory`, async () => {
    for (const [codes, zeros, scheduled, schedule] of full ? variants : [variants[(3 * i) % variants.length]]) {
      const args = [...operands, ...weights(shape, codes, zeros)];
      const bytes = await temporaryBytes(f, args, schedule);
      assert.ok(bytes <= besides, `${codes}, ${scheduled}: ${bytes} bytes of temporaries`);
      await agreesScheduled(f, args, schedule, { abs: 2e-3, rel: 1e-2 });
    }
  }),
);

test("columns that fill neither a workgroup nor a word are stored, and no others", async () => {
  const f = (x: A, q: A, s: A, z: A): A =>
    x
      .astype("float32")
      .dot(dequantize(q, s, z).T)
      .astype("bfloat16");
  const args = [floats([1, depth], "bfloat16", 1), ...weights([133, depth], "int4", "int4")];
  await agreesScheduled(f, args, {}, { abs: 0.05, rel: 0.02 });
});

test("a group's scale is loaded once, and multiplies the sum of its products", async () => {
  const { f, shape, operands } = forms["one row"];
  const [code] = await wgslOf(f, [...operands, ...weights(shape, "int4", "int4")]);
  const [loop] = code.slice(code.indexOf("for (")).split("\n  }");
  // Four columns of 32 codes, a vector of words each.
  assert.is(loop.match(/\bdot\(/g)?.length, 4 * 8);
  assert.is(loop.match(/= in1\[/g)?.length, 4);
});

test.run();
