/** Programs for several GPUs: what each does before and after an exchange is one kernel. */
import type { DType } from "../../packages/jaxscale/src/base/dtypes.ts";
import type { ExchangeStep, GpuAxis, Slot } from "../../packages/jaxscale/src/kernel/program.ts";
import type { Client } from "../../packages/jaxscale/src/runtime/client.ts";
import type { LazyProgram } from "../../packages/jaxscale/src/runtime/lazy-program.ts";
import { dispatch, floats, lazy, loop, origin, rawKernel, rawProgram, words } from "./raw-programs.ts";

export const access = ["read", "read_write"] as const;

export const exchange = (
  collective: ExchangeStep["collective"],
  axes: readonly string[],
  from: number,
  to: number,
  sizeBytes: number,
  more: Partial<ExchangeStep> = {},
): ExchangeStep => ({
  kind: "exchange",
  collective,
  axes,
  from,
  to,
  sizeBytes,
  dtype: "float32",
  combine: collective === "allReduce" || collective === "reduceScatter" ? "add" : undefined,
  origin: origin(collective),
  ...more,
});

export interface Collective {
  readonly collective: ExchangeStep["collective"];
  readonly gpuAxes: readonly GpuAxis[];
  /** All of `gpuAxes` unless given. */
  readonly axes?: readonly string[];
  readonly dtype?: DType;
  readonly combine?: ExchangeStep["combine"];
  readonly pairs?: ExchangeStep["pairs"];
  /** Of the argument and of the result. */
  readonly fromBytes: number;
  readonly toBytes: number;
}

/** The exchange alone, from the argument to the result. */
export function collectiveProgram({ collective, gpuAxes, axes, fromBytes, toBytes, ...more }: Collective): LazyProgram {
  const names = axes ?? gpuAxes.map(({ name }) => name);
  return lazy(
    rawProgram({
      name: "collective",
      kernels: [],
      slots: [
        { kind: "argument", index: 0, sizeBytes: fromBytes },
        { kind: "output", index: 0, sizeBytes: toBytes },
      ],
      steps: [exchange(collective, names, 0, 1, fromBytes, more)],
      results: [1],
      gpuAxes,
    }),
  );
}

/** Of four floats: x·2 + 1 on each GPU, their sum over the axis, and that plus 10 times the GPU's place. */
export const sumOfAffine = (size = 2): LazyProgram =>
  lazy(
    rawProgram({
      name: "sum_of_affine",
      kernels: [
        rawKernel("affine", access, "b1[i] = b0[i] * 2.0 + 1.0;"),
        rawKernel("add_place", access, "b1[i] = b0[i] + 10.0 * f32(k.x0);", ["i32"]),
      ],
      slots: [
        { kind: "argument", index: 0, sizeBytes: 16 },
        { kind: "temporary", arena: 0, offsetBytes: 0, sizeBytes: 16 },
        { kind: "temporary", arena: 1, offsetBytes: 0, sizeBytes: 16 },
        { kind: "output", index: 0, sizeBytes: 16 },
      ],
      arenas: [16, 16],
      steps: [
        dispatch(0, [0, 1], access, 4),
        exchange("allReduce", ["x"], 1, 2, 16),
        dispatch(1, [2, 3], access, 4, [{ gpu: "x" }]),
      ],
      results: [3],
      gpuAxes: [{ name: "x", size }],
    }),
  );

/** Of four floats and a number: their sum over the axis, times the number behind the exchange. */
export const scaledSum = (): LazyProgram =>
  lazy(
    rawProgram({
      name: "scaled_sum",
      kernels: [rawKernel("scale", ["read", "read", "read_write"], "b2[i] = b0[i] * b1[0];")],
      slots: [
        { kind: "argument", index: 0, sizeBytes: 16 },
        { kind: "argument", index: 1, sizeBytes: 4 },
        { kind: "temporary", arena: 0, offsetBytes: 0, sizeBytes: 16 },
        { kind: "output", index: 0, sizeBytes: 16 },
      ],
      arenas: [16],
      steps: [exchange("allReduce", ["x"], 0, 2, 16), dispatch(0, [2, 1, 3], ["read", "read", "read_write"], 4)],
      results: [3],
      gpuAxes: [{ name: "x", size: 2 }],
    }),
  );

/** Slots of programs that count iterations: [limit, _], what is summed, what was summed last, iterations done, and whether to go on. */
const loopSlots: Slot[] = [
  { kind: "argument", index: 0, sizeBytes: 8 },
  { kind: "output", index: 0, sizeBytes: 8 },
  { kind: "temporary", arena: 0, offsetBytes: 0, sizeBytes: 8 },
  { kind: "temporary", arena: 1, offsetBytes: 0, sizeBytes: 4 },
  { kind: "temporary", arena: 2, offsetBytes: 0, sizeBytes: 4 },
];
const [limit, sum, summed, done, flag] = [0, 1, 2, 3, 4];

/**
 * [n, x]: n iterations of s = psum(s) + place from s = x, and iterations done. How long is `trips`, or where it is null as `n` says.
 * @param nested in an outer loop of so many iterations
 */
export function repeatedSum(trips: number | null, nested?: number): LazyProgram {
  const rrw = ["read", "read", "read_write"] as const;
  const check = dispatch(1, [done, limit, flag], rrw, 1);
  const body = [
    exchange("allReduce", ["x"], sum, summed, 8),
    dispatch(2, [summed, done, sum], ["read", "read_write", "read_write"], 1, [
      { gpu: "x" },
      { iteration: nested ? 1 : 0 },
    ]),
    check,
  ];
  const inner = loop(nested ? 1 : 0, trips, body, trips === null ? flag : undefined);
  return lazy(
    rawProgram({
      name: "repeated_sum",
      kernels: [
        rawKernel("start", ["read", "read_write", "read_write"], "b2[i] = b0[1]; if (i == 0u) { b1[0] = 0.0; }"),
        rawKernel("check", rrw, "if (i == 0u) { b2[0] = select(0.0, 1.0, b0[0] < b1[0]); }"),
        rawKernel(
          "turn",
          ["read", "read_write", "read_write"],
          "if (i == 0u) { b2[0] = b0[0] + f32(k.x0); b2[1] = f32(k.x1); b1[0] += 1.0; }",
          ["i32", "i32"],
        ),
      ],
      slots: loopSlots,
      arenas: [8, 4, 4],
      steps: [
        dispatch(0, [limit, done, sum], ["read", "read_write", "read_write"], 2),
        check,
        nested ? loop(0, nested, [inner]) : inner,
      ],
      results: [sum],
      gpuAxes: [{ name: "x", size: 2 }],
    }),
  );
}

/** What each GPU gets for what each is given. */
export async function onAll(
  client: Client,
  f: LazyProgram,
  given: readonly (readonly number[])[],
): Promise<number[][]> {
  const gpus = given.map((_, i) => i);
  const args = given.map((values, i) => [client.upload(words(values), 4 * values.length, "x", i)]);
  const results = client.launchOn(gpus, f, args);
  return Promise.all(results.map(async ([y]) => floats(await client.read(y))));
}
