/** What is measured, against whom, and what is to be reached. */
import type { System } from "./contender.ts";
import type { Facts, Work } from "./protocol.ts";

export interface Entry {
  readonly system: System;
  readonly work: Work;
}

export type Goal =
  /** At least so many times as fast as another entry of the row, by its label. */
  | { readonly kind: "faster"; readonly than: string; readonly times: number }
  | { readonly kind: "atMost"; readonly value: number }
  /** At least this part of the bandwidth that a plain streaming read reaches in the same turns. */
  | { readonly kind: "roof"; readonly share: number };

export interface Row {
  readonly name: string;
  readonly unit: "ms" | "µs";
  readonly ours: Entry;
  readonly others: Readonly<Record<string, Entry>>;
  /** Read and written by one run, for the share of the roof. */
  readonly bytes?: number;
  readonly flops?: number;
  readonly reach: Goal;
  readonly stretch?: Goal;
  /** Counts that must hold. */
  readonly facts?: Facts;
}

/** Sizes of a run: `full` is what is reported, `small` runs every path in a few seconds. */
export interface Scale {
  readonly matrix: readonly [small: number, large: number];
  readonly vector: number;
  readonly softmax: number;
  readonly chain: number;
  readonly vocabulary: number;
  readonly tokens: number;
  readonly hidden: number;
  readonly heads: number;
  readonly feedForward: number;
  readonly calls: number;
  readonly dispatches: number;
  readonly layers: number;
  readonly streamBytes: number;
}

const scales: Readonly<Record<"full" | "small", Scale>> = {
  full: {
    matrix: [512, 1024],
    vector: 4096,
    softmax: 1024,
    chain: 4 * 2 ** 20,
    vocabulary: 151552,
    tokens: 128,
    hidden: 512,
    heads: 8,
    feedForward: 1536,
    calls: 1000,
    dispatches: 1000,
    layers: 40,
    streamBytes: 2 ** 26,
  },
  small: {
    matrix: [32, 64],
    vector: 64,
    softmax: 64,
    chain: 4096,
    vocabulary: 2048,
    tokens: 8,
    hidden: 32,
    heads: 2,
    feedForward: 48,
    calls: 20,
    dispatches: 20,
    layers: 2,
    streamBytes: 2 ** 16,
  },
};

/** @throws RangeError for another name */
export function scaleNamed(name: string): Scale {
  const scale = scales[name as keyof typeof scales];
  if (!scale) throw new RangeError(`bench: scale must be one of ${Object.keys(scales).join(", ")}; got ${name}`);
  return scale;
}

const entry = (system: System, name: string, ...sizes: number[]): Entry => ({ system, work: { name, sizes } });
const faster = (than: string, times: number): Goal => ({ kind: "faster", than, times });
const atMost = (value: number): Goal => ({ kind: "atMost", value });
const roof = (share: number): Goal => ({ kind: "roof", share });

export function rowsFor(s: Scale): Row[] {
  /** The same work on this system and on jax-js. */
  const versus = (name: string, ...sizes: number[]): Pick<Row, "ours" | "others"> => ({
    ours: entry("jaxscale", name, ...sizes),
    others: { "jax-js": entry("jax-js", name, ...sizes) },
  });
  const stream = entry("plain WGSL", "stream", s.streamBytes);
  const [small, large] = s.matrix;
  const square = s.vector ** 2;
  const own = versus("matvecTransposed", s.vector).ours;
  const bfloat16 = entry("jaxscale", "matvecTransposedBfloat16", s.vector);
  const block = [s.tokens, s.hidden, s.heads, s.feedForward];
  const blockFlops = 2 * s.tokens * (4 * s.hidden ** 2 + 3 * s.hidden * s.feedForward) + 4 * s.tokens ** 2 * s.hidden;
  const plain = (name: string, n: number): Record<string, Entry> => ({ "plain WGSL": entry("plain WGSL", name, n) });
  return [
    {
      name: `matmul ${small}³ f32`,
      unit: "ms",
      ours: entry("jaxscale", "matmul", small),
      others: {
        "jax-js": entry("jax-js", "matmul", small),
        "TensorFlow.js": entry("TensorFlow.js", "matmul", small),
        ...plain("matmul", small),
      },
      flops: 2 * small ** 3,
      reach: faster("jax-js", 1.8),
      stretch: faster("plain WGSL", 1),
    },
    {
      name: `matmul ${large}³ f32`,
      unit: "ms",
      ours: entry("jaxscale", "matmul", large),
      others: {
        "jax-js": entry("jax-js", "matmul", large),
        "TensorFlow.js": entry("TensorFlow.js", "matmul", large),
        "llama.cpp": entry("llama.cpp", "matmul", large),
      },
      flops: 2 * large ** 3,
      reach: faster("jax-js", 2.5),
      stretch: faster("llama.cpp", 1.2),
    },
    {
      name: `GEMV ${s.vector}² f32, x·Wᵀ`,
      unit: "ms",
      ours: own,
      others: {
        "jax-js": entry("jax-js", "matvecTransposed", s.vector),
        "TensorFlow.js": entry("TensorFlow.js", "matvecTransposed", s.vector),
        stream,
      },
      bytes: 4 * square,
      reach: faster("jax-js", 1.6),
      stretch: roof(0.85),
    },
    {
      name: `GEMV ${s.vector}² f32, x·W`,
      unit: "ms",
      ours: entry("jaxscale", "matvec", s.vector),
      others: {
        "jax-js": entry("jax-js", "matvec", s.vector),
        "TensorFlow.js": entry("TensorFlow.js", "matvec", s.vector),
        stream,
      },
      bytes: 4 * square,
      reach: faster("jax-js", 1.6),
      stretch: roof(0.85),
    },
    {
      name: `GEMV ${s.vector}² bf16 weights, x·Wᵀ`,
      unit: "ms",
      ours: bfloat16,
      others: { "own f32": own, stream },
      bytes: 2 * square,
      reach: faster("own f32", 1.4),
      stretch: roof(0.85),
    },
    {
      name: `GEMV ${s.vector}² int8 weights, a scale a row, x·Wᵀ`,
      unit: "ms",
      ours: entry("jaxscale", "matvecTransposedQuantized", s.vector, 8, s.vector),
      others: { "own bf16": bfloat16, stream },
      bytes: square,
      reach: faster("own bf16", 1.4),
    },
    {
      name: `GEMV ${s.vector}² int4 weights, scales and zeros of 32, x·Wᵀ`,
      unit: "ms",
      ours: entry("jaxscale", "matvecTransposedQuantized", s.vector, 4, 32),
      others: { "own bf16": bfloat16, stream },
      bytes: (square * (4 + 16 / 32 + 4 / 32)) / 8,
      reach: faster("own bf16", 1.8),
    },
    {
      name: `softmax ${s.softmax}²`,
      unit: "ms",
      ours: entry("jaxscale", "softmax", s.softmax),
      others: {
        "jax-js": entry("jax-js", "softmax", s.softmax),
        "TensorFlow.js": entry("TensorFlow.js", "softmax", s.softmax),
        stream,
      },
      bytes: 8 * s.softmax ** 2,
      reach: faster("jax-js", 1.6),
      stretch: roof(0.8),
    },
    {
      name: `elementwise chain ${(s.chain / 2 ** 20).toFixed(s.chain < 2 ** 20 ? 3 : 0)} Mi`,
      unit: "ms",
      ours: entry("jaxscale", "chain", s.chain),
      others: { "jax-js": entry("jax-js", "chain", s.chain), stream },
      bytes: 12 * s.chain,
      reach: faster("jax-js", 1.2),
      stretch: roof(0.85),
    },
    {
      name: `top 8 of ${s.vocabulary} f32, against a full sort`,
      unit: "ms",
      ours: entry("jaxscale", "topK", s.vocabulary, 8),
      others: {
        "jax-js": entry("jax-js", "sort", s.vocabulary),
        "own sort": entry("jaxscale", "sort", s.vocabulary),
      },
      bytes: 4 * s.vocabulary,
      reach: faster("jax-js", 10),
      stretch: faster("own sort", 10),
    },
    {
      name: `transformer block, ${s.tokens} tokens, hidden ${s.hidden}`,
      unit: "ms",
      ...versus("block", ...block),
      flops: blockFlops,
      reach: faster("jax-js", 2),
      stretch: faster("jax-js", 3),
      facts: { submits: 1 },
    },
    {
      name: "tiny jitted call, host",
      unit: "µs",
      ...versus("tinyCall", s.calls),
      reach: atMost(12),
      stretch: atMost(5),
    },
    {
      name: "tiny jitted call, host, chained",
      unit: "µs",
      ...versus("tinyCallChained", s.calls),
      reach: atMost(12),
      stretch: atMost(5),
    },
    {
      name: `host time a dispatch, ${s.dispatches} in one call`,
      unit: "µs",
      ours: entry("jaxscale", "dispatches", s.dispatches),
      others: {},
      reach: atMost(2.5),
      stretch: atMost(1.5),
    },
    {
      name: `trace, lower, print WGSL of ${s.layers} blocks`,
      unit: "ms",
      ours: entry("jaxscale", "compileBlocks", s.layers, ...block),
      others: {},
      reach: atMost(2000),
      stretch: atMost(500),
    },
  ];
}
