/** Programs whose kernels are WGSL text, so that the runtime is tested without the compiler. */
import type { Kernel } from "../../packages/jaxscale/src/kernel/ir.ts";
import type {
  GpuAxis,
  KernelBinding,
  KernelOrigin,
  Program,
  Segment,
  Slot,
  Step,
} from "../../packages/jaxscale/src/kernel/program.ts";
import type { LazyProgram } from "../../packages/jaxscale/src/runtime/lazy-program.ts";
import type { PrintKernel } from "../../packages/jaxscale/src/runtime/pipeline-cache.ts";

const texts = new WeakMap<Kernel, (immediates: "immediate" | "uniform", bindings: number) => string>();

export const printRaw: PrintKernel = (kernel, { immediates }) =>
  texts.get(kernel)?.(immediates, kernel.buffers.length) ?? "";

export const origin = (operation = "add"): KernelOrigin => ({
  scope: "",
  operations: [operation],
  site: new Error("site"),
  flops: 0,
  bytes: 0,
  transcendentals: 0,
});

/** A kernel over buffers `b0`, `b1`, … of f32; `body` has the item's index `i`, and `k.x0`, `k.x1`, … for its immediates. */
export function rawKernel(
  name: string,
  access: readonly ("read" | "read_write")[],
  body: string,
  immediates: readonly ("i32" | "u32" | "f32")[] = [],
): Kernel {
  const kernel: Kernel = {
    name,
    buffers: access.map((a, i) => ({
      kind: "buffer",
      name: `b${i}`,
      element: "f32",
      access: a,
      atomic: false,
      sizeWords: 1,
    })),
    shared: [],
    workgroupSize: [8, 1, 1],
    immediates: immediates.map((type, i) => ({ name: `x${i}`, type })),
    body: { statements: [] },
    usesSubgroups: false,
  };
  texts.set(kernel, (space, bindings) => {
    const declared = access.map((a, i) => `@group(0) @binding(${i}) var<storage, ${a}> b${i}: array<f32>;`);
    if (immediates.length > 0) {
      declared.push(`struct K { ${immediates.map((type, i) => `x${i}: ${type}`).join(", ")} }`);
      declared.push(
        space === "immediate" ? "var<immediate> k: K;" : `@group(0) @binding(${bindings}) var<uniform> k: K;`,
      );
    }
    return `${declared.join("\n")}
@compute @workgroup_size(8) fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) n: vec3<u32>) {
  let i = id.x + id.y * n.x * 8u;
  if (i < arrayLength(&b${access.length - 1})) { ${body} }
}`;
  });
  return kernel;
}

const fold = (count: number): [number, number, number] => {
  const x = Math.min(count, 32768);
  return [x, Math.ceil(count / x), 1];
};

export interface RawProgram {
  readonly name?: string;
  readonly kernels: readonly Kernel[];
  readonly slots: readonly Slot[];
  readonly arenas?: readonly number[];
  readonly steps: readonly Step[];
  readonly results: readonly number[];
  readonly donated?: readonly number[];
  readonly gpuAxes?: readonly GpuAxis[];
}

export const dispatch = (
  kernel: number,
  slots: readonly (number | KernelBinding)[],
  access: readonly ("read" | "read_write")[],
  items: number,
  immediates?: readonly (number | { readonly iteration: number } | { readonly gpu: string })[],
): Step => ({
  kind: "dispatch",
  kernel,
  bindings: slots.map((slot, i) => (typeof slot === "number" ? { slot, access: access[i] } : slot)),
  workgroups: fold(Math.ceil(items / 8)),
  immediates,
  origin: origin(),
});

/** Cut behind exchanges. */
function segmentsOf(steps: readonly Step[]): Segment[] {
  const ends = steps.flatMap(({ kind }, i) => (kind === "exchange" ? [i + 1] : []));
  return [0, ...ends].map((start, i) => ({ steps: steps.slice(start, ends[i]) }));
}

export function rawProgram({
  name = "raw",
  kernels,
  slots,
  arenas = [],
  steps,
  results,
  donated = [],
  gpuAxes,
}: RawProgram): Program {
  return {
    name,
    kernels,
    slots,
    arenas,
    segments: segmentsOf(steps),
    gpuAxes,
    results: results.map((slot) => ({ shape: [slots[slot].sizeBytes / 4], dtype: "float32", slot })),
    donated,
  };
}

export const lazy = (program: Program, more: Partial<LazyProgram> = {}): LazyProgram => ({
  name: program.name,
  resultCount: program.results.length,
  resultBytes: program.results.map(({ slot }) => program.slots[slot].sizeBytes),
  resultLabels: program.results.map(({ shape }) => `float32[${shape}]`),
  donated: program.donated,
  build: () => program,
  ...more,
});

/** y = x * factor + 1 over `size` floats, the factor an immediate. */
export function affine(size: number, factor: number, name = "affine"): LazyProgram {
  const access = ["read", "read_write"] as const;
  return lazy(
    rawProgram({
      name,
      kernels: [rawKernel("affine", access, "b1[i] = b0[i] * k.x0 + 1.0;", ["f32"])],
      slots: [
        { kind: "argument", index: 0, sizeBytes: size * 4 },
        { kind: "output", index: 0, sizeBytes: size * 4 },
      ],
      steps: [dispatch(0, [0, 1], access, size, [factor])],
      results: [1],
    }),
  );
}

export const words = (values: ArrayLike<number>): Uint32Array => new Uint32Array(Float32Array.from(values).buffer);
export const floats = (from: Uint32Array): number[] => [...new Float32Array(from.buffer, from.byteOffset, from.length)];

/** Repeats steps; `flag` is a slot. */
export const loop = (
  depth: number,
  trips: number | null,
  body: readonly Step[],
  flag?: number,
): Step & { readonly kind: "loop" } => ({ kind: "loop", depth, trips, body, flag, origin: origin("while") });

export const copy = (from: number, to: number, sizeBytes: number): Step => ({
  kind: "copy",
  from,
  to,
  sizeBytes,
  origin: origin("copy"),
});
