/** Every kernel of a program on a modelled GPU. */
import type { Kernel } from "../kernel/ir.ts";
import type { KernelOrigin, Program, Step } from "../kernel/program.ts";
import { analyzeKernel, type Dispatch, type KernelModel } from "./analyze-kernel.ts";
import type { ModelledGpu } from "./gpus.ts";

/** One kernel of a program, over all its dispatches of one grid. */
export interface KernelAnalysis extends KernelModel {
  readonly name: string;
  readonly origin: KernelOrigin;
  readonly kernel: Kernel;
  /** Dispatches in one call; of a loop that the device ends, those of one iteration. */
  readonly count: number;
}

interface Counted extends Dispatch {
  count: number;
}

/** In order of their first dispatch; kernels that a user wrote in WGSL are left out, for their accesses are not known. */
export function analyzeProgram(program: Program, gpu: ModelledGpu): readonly KernelAnalysis[] {
  const dispatches = new Map<string, Counted>();
  for (const { steps } of program.segments) collect(program, steps, 1, dispatches);
  return [...dispatches.values()].map((dispatch) => ({
    ...analyzeKernel(dispatch, gpu),
    name: dispatch.kernel.name,
    origin: dispatch.origin,
    kernel: dispatch.kernel,
    count: dispatch.count,
  }));
}

function collect(program: Program, steps: readonly Step[], times: number, into: Map<string, Counted>): void {
  for (const step of steps) {
    if (step.kind === "loop") collect(program, step.body, times * (step.trips ?? 1), into);
    if (step.kind !== "dispatch") continue;
    const kernel = program.kernels[step.kernel];
    if (kernel.raw) continue;
    // What differs from call to call or GPU to GPU begins at 0.
    const values = (step.immediates ?? []).map((value) => (typeof value === "number" ? value : 0));
    const key = `${step.kernel} ${step.workgroups} ${values} ${step.origin.bytes} ${step.origin.flops}`;
    const known = into.get(key);
    if (known) known.count += times;
    else
      into.set(key, {
        kernel,
        workgroups: step.workgroups,
        immediates: new Map(kernel.immediates.map(({ name }, i) => [name, values[i] ?? 0])),
        origin: step.origin,
        count: times,
      });
  }
}
