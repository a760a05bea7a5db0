/** Times a small program on buffers of its own, past the launch queue: for comparing kernels. */
import type { Program, Slot } from "../kernel/program.ts";
import type { Device } from "./device.ts";
import { keepAlive } from "./keep-alive.ts";
import { popScopes, pushScopes } from "./pending-validation.ts";

export interface ProgramTimer {
  /** Milliseconds of one run: of the device where it has timestamps. */
  sample(): Promise<number>;
  dispose(): void;
}

// Arguments hold small floats in every dtype: their magnitudes do not slow a processor down, as denormals would.
const pattern = 0x3c003c00;

/**
 * Compiles a program and makes what it binds.
 * @returns undefined for a program of more than dispatches on whole buffers: one with loops, or with arrays over a limit
 * @throws DeviceError if a kernel does not compile
 */
export async function timerFor(device: Device, program: Program): Promise<ProgramTimer | undefined> {
  const { gpu, target } = device;
  const { maxBufferSize, maxStorageBufferBindingSize } = target.limits;
  const steps = program.segments.flatMap((s) => s.steps).filter((step) => step.kind === "dispatch");
  if (steps.length < program.segments.reduce((n, s) => n + s.steps.length, 0)) return undefined;
  const sizes = [...program.slots.map((s) => s.sizeBytes), ...program.arenas];
  if (sizes.some((size) => size > Math.min(maxBufferSize, maxStorageBufferBindingSize))) return undefined;
  const pipelines = await Promise.all(program.kernels.map((kernel) => device.pipelines.get(kernel)));
  if (pipelines.some(({ immediates }) => immediates !== "none")) return undefined;
  const made: { destroy(): void }[] = [];
  const dispose = (): void => {
    for (const resource of made) resource.destroy();
  };
  pushScopes(gpu);
  const buffer = (sizeBytes: number, usage: number): GPUBuffer => {
    const size = Math.max(16, Math.ceil(sizeBytes / 4) * 4);
    const created = gpu.createBuffer({ size, usage, label: `timing ${program.name}` });
    made.push(created);
    return created;
  };
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ, QUERY_RESOLVE } = GPUBufferUsage;
  const storage = STORAGE | COPY_SRC | COPY_DST;
  const arenas = program.arenas.map((size) => buffer(size, storage));
  const placeOf = (slot: Slot): { readonly buffer: GPUBuffer; readonly offset: number } => {
    if (slot.kind === "temporary") return { buffer: arenas[slot.arena], offset: slot.offsetBytes };
    const own = buffer(slot.sizeBytes, storage);
    if (slot.kind !== "output") gpu.queue.writeBuffer(own, 0, new Uint32Array(own.size / 4).fill(pattern));
    return { buffer: own, offset: 0 };
  };
  const places = program.slots.map(placeOf);
  const run = steps.map((step) => {
    const pipeline = pipelines[step.kernel];
    const group = gpu.createBindGroup({
      layout: pipeline.layout,
      entries: step.bindings.map(({ slot, offsetBytes = 0, sizeBytes = program.slots[slot].sizeBytes }, binding) => ({
        binding,
        resource: {
          buffer: places[slot].buffer,
          offset: places[slot].offset + offsetBytes,
          size: Math.max(16, sizeBytes),
        },
      })),
    });
    return (pass: GPUComputePassEncoder): void => {
      pass.setPipeline(pipeline.gpu);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(...step.workgroups);
    };
  });
  const queries = target.features.timestamps ? gpu.createQuerySet({ type: "timestamp", count: 2 }) : undefined;
  if (queries) made.push(queries);
  const resolved = queries && buffer(16, QUERY_RESOLVE | COPY_SRC);
  const staging = queries && buffer(16, COPY_DST | MAP_READ);
  const error = await keepAlive(popScopes(gpu, (e) => new Error(e.message)));
  if (error) {
    dispose();
    return undefined;
  }
  const sample = async (): Promise<number> => {
    const encoder = gpu.createCommandEncoder();
    const pass = encoder.beginComputePass({
      timestampWrites: queries && { querySet: queries, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 },
    });
    for (const dispatch of run) dispatch(pass);
    pass.end();
    if (queries && resolved && staging) {
      encoder.resolveQuerySet(queries, 0, 2, resolved, 0);
      encoder.copyBufferToBuffer(resolved, 0, staging, 0, 16);
    }
    const started = performance.now();
    gpu.queue.submit([encoder.finish()]);
    if (!staging) {
      await keepAlive(gpu.queue.onSubmittedWorkDone());
      return performance.now() - started;
    }
    await keepAlive(staging.mapAsync(GPUMapMode.READ));
    const [begin, end] = new BigUint64Array(staging.getMappedRange().slice(0));
    staging.unmap();
    return Number(end - begin) / 1e6;
  };
  return { sample, dispose };
}
