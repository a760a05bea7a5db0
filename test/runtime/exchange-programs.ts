/** Programs for several GPUs: what each does before and after an exchange is one kernel. */
import type { DType } from "../../packages/jaxscale/src/base/dtypes.ts";
import type { ExchangeStep, GpuAxis, Slot, Step } from "../../packages/jaxscale/src/kernel/program.ts";
import type { Client } from "../../packages/jaxscale/src/runtime/client.ts";
import type { LazyProgram } from "../../packages/jaxscale/src/runtime/lazy-program.ts";
import { dispatch, floats, lazy, origin, rawKernel, rawProgram, words } from "./raw-programs.ts";

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

const before: Slot[] = [{ kind: "temporary", arena: 0, offsetBytes: 0, sizeBytes: 16 }];

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
        ...before,
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

/** Adds up over the axis `trips` times, starting from the argument. */
export function repeatedSum(
  steps: (body: readonly Step[]) => readonly Step[],
  slots: readonly Slot[] = [],
): LazyProgram {
  return lazy(
    rawProgram({
      name: "repeated_sum",
      kernels: [],
      slots: [
        { kind: "argument", index: 0, sizeBytes: 8 },
        { kind: "output", index: 0, sizeBytes: 8 },
        { kind: "temporary", arena: 0, offsetBytes: 0, sizeBytes: 8 },
        ...slots,
      ],
      arenas: [8],
      steps: steps([]),
      results: [1],
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
