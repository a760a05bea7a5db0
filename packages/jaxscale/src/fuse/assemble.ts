/** From drafts to a program: slots, steps, segments. */
import { elementsPerWord } from "../base/dtypes.ts";
import { invariant } from "../base/errors.ts";
import { sizeOf } from "../base/shapes.ts";
import type { Target } from "../base/target.ts";
import type { Jaxpr } from "../jaxpr/ir.ts";
import type { Kernel } from "../kernel/ir.ts";
import { printKernel } from "../kernel/print.ts";
import type { GpuAxis, KernelBinding, Program, Step } from "../kernel/program.ts";
import { gpuImmediate } from "../primitives/exchange.ts";
import type { BufferAssignment } from "./buffer-assignment.ts";
import type { Draft } from "./draft/steps.ts";
import type { Bound } from "./emitter.ts";
import { partImmediate } from "./grid.ts";
import { storageBytes } from "./memory-view.ts";
import { splitIntoSegments } from "./segments.ts";

export interface AssembleOptions {
  readonly name: string;
  /** Positions of invars that are donated. */
  readonly donated: readonly number[];
  /** Axes of the GPUs that run it together. */
  readonly gpuAxes?: readonly GpuAxis[];
}

export function assemble(
  jaxpr: Jaxpr,
  drafts: readonly Draft[],
  { slots, slotOf, arenas }: BufferAssignment,
  target: Target,
  { name, donated, gpuAxes }: AssembleOptions,
): Program {
  const places = new Map(gpuAxes?.map((axis) => [gpuImmediate(axis.name), { gpu: axis.name }]));
  const kernels: Kernel[] = [];
  const numbers = new Map<Kernel, number>();
  const numbersOfParts = new Map<string, number>();
  const numberOf = (kernel: Kernel): number => {
    let n = numbers.get(kernel);
    if (n !== undefined) return n;
    // Kernels of parts of some work are alike but for what is known of their bounds.
    const text = kernel.immediates.some(({ name: value }) => value === partImmediate)
      ? printKernel(kernel, false)
      : undefined;
    if (text !== undefined) n = numbersOfParts.get(text);
    n ??= kernels.push(kernel) - 1;
    numbers.set(kernel, n);
    if (text !== undefined) numbersOfParts.set(text, n);
    return n;
  };
  const stepOf = (draft: Draft): Step => {
    const { origin } = draft;
    switch (draft.kind) {
      case "copy": {
        const [[from], [to]] = [draft.reads, draft.writes];
        return { kind: "copy", from: slotOf(from), to: slotOf(to), sizeBytes: storageBytes(from.aval), origin };
      }
      case "exchange": {
        const [[from], [to]] = [draft.reads, draft.writes];
        const { shape, dtype } = from.aval;
        // Without the padding behind an array, which would come between parts.
        const sizeBytes = 4 * Math.ceil(sizeOf(shape) / elementsPerWord(dtype));
        return { kind: "exchange", ...draft.plan, from: slotOf(from), to: slotOf(to), sizeBytes, dtype, origin };
      }
      case "loop": {
        const { depth, trips, flag, body } = draft;
        return { kind: "loop", depth, trips, flag: flag && slotOf(flag), body: body.map(stepOf), origin };
      }
      case "launch": {
        const { kernel, bindings, workgroups, immediates: own } = draft.launch;
        const immediates = kernel.immediates.map(
          ({ name: value }) =>
            own?.[value] ?? places.get(value) ?? { iteration: Number(value.slice("iteration".length)) },
        );
        return {
          kind: "dispatch",
          kernel: numberOf(kernel),
          bindings: bindings.map((b) => bindingOf(b, slotOf)),
          workgroups,
          ...(immediates.length > 0 && { immediates }),
          origin,
        };
      }
    }
  };
  const segments = splitIntoSegments(drafts.map(stepOf), target);
  const results = jaxpr.outvars.map((a) => {
    invariant(a.kind === "var", "literal results were made constants");
    return { shape: a.aval.shape, dtype: a.aval.dtype, slot: slotOf(a) };
  });
  return { name, kernels, slots, arenas, segments, results, donated, ...(gpuAxes && { gpuAxes }) };
}

function bindingOf(b: Bound, slotOf: (memory: Bound["memory"]) => number): KernelBinding {
  const slot = slotOf(b.memory);
  const total = b.memory.kind === "var" ? storageBytes(b.memory.aval) : b.memory.sizeBytes;
  const offsetBytes = b.window * b.windowWords * 4;
  if (offsetBytes === 0 && b.windowWords * 4 >= total) return { slot, access: b.access };
  return { slot, access: b.access, offsetBytes, sizeBytes: Math.min(b.windowWords * 4, total - offsetBytes) };
}
