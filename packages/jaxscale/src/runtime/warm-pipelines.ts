/**
 * Some drivers compile a pipeline at its first dispatch only, one after the other on a device: an empty dispatch makes them
 * do so now, on two devices at once. What the second compiles, the first finds in the driver's cache.
 */
import type { Device } from "./device.ts";
import { keepAlive } from "./keep-alive.ts";
import { createPipeline, type FreshPipeline, type Pipeline } from "./pipeline-cache.ts";

/** A first dispatch that takes longer shows that the pipeline is not in the driver's cache. */
const compiledMs = 40;
/** Pipelines for which opening a second device pays. */
const worthHelp = 3;

export class PipelineWarmer {
  #last: Promise<void> = Promise.resolve();

  /** Settles when the pipelines compiled so far are, and those of earlier calls. Never rejects: dispatches meet the same errors. */
  warm(device: Device): Promise<void> {
    const fresh = device.pipelines.takeFresh();
    if (device.target.traits.compilesAtFirstDispatch && fresh.length > 0)
      this.#last = this.#last.then(() => keepAlive(warmAll(device, fresh))).catch(() => {});
    return this.#last;
  }
}

async function warmAll(device: Device, fresh: readonly FreshPipeline[]): Promise<void> {
  // The longest first, so that both devices end at about the same time.
  const waiting = [...fresh].sort((a, b) => b.code.length - a.code.length);
  let help: Promise<readonly FreshPipeline[]> | undefined;
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const started = performance.now();
    await dispatchEmpty(device.gpu, [next.pipeline]);
    const slow = performance.now() - started > compiledMs;
    if (slow && help === undefined && waiting.length >= worthHelp) help = compileElsewhere(device, waiting);
  }
  const compiled = await help;
  if (compiled && compiled.length > 0)
    await dispatchEmpty(
      device.gpu,
      compiled.map(({ pipeline }) => pipeline),
    );
}

/** Takes from `waiting` and compiles on a device of its own, as long as there is any. @returns what it took */
async function compileElsewhere(device: Device, waiting: FreshPipeline[]): Promise<readonly FreshPipeline[]> {
  const taken: FreshPipeline[] = [];
  let gpu: GPUDevice | undefined;
  try {
    gpu = await device.openSecond();
    gpu.addEventListener("uncapturederror", (event) => event.preventDefault());
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      taken.push(next);
      await dispatchEmpty(gpu, [await createPipeline(gpu, next)]);
    }
  } catch {
    // Without a second device the first compiles all.
  }
  gpu?.destroy();
  return taken;
}

/** Dispatches no workgroup of each. */
async function dispatchEmpty(gpu: GPUDevice, pipelines: readonly Pipeline[]): Promise<void> {
  const stride = 256;
  const { STORAGE, UNIFORM, INDIRECT } = GPUBufferUsage;
  const size = stride * Math.max(...pipelines.map(({ accesses }) => accesses.length + 1));
  // A buffer may not be both read and written in one dispatch.
  const written = gpu.createBuffer({ size, usage: STORAGE, label: "warming" });
  const readOnly = gpu.createBuffer({ size, usage: STORAGE | UNIFORM, label: "warming" });
  const workgroups = gpu.createBuffer({ size: 12, usage: INDIRECT, label: "no workgroups" });
  const encoder = gpu.createCommandEncoder();
  for (const { gpu: pipeline, layout, accesses, immediates, immediateBytes } of pipelines) {
    const bindings = accesses.length + (immediates === "uniform" ? 1 : 0);
    const entries = Array.from({ length: bindings }, (_, binding) => ({
      binding,
      resource: {
        buffer: accesses[binding] === "read_write" ? written : readOnly,
        offset: binding * stride,
        size: stride,
      },
    }));
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, gpu.createBindGroup({ layout, entries }), immediates === "uniform" ? [0] : []);
    if (immediates === "immediate") pass.setImmediates(0, new Uint32Array(immediateBytes / 4));
    // Indirect, as Dawn warns of an empty direct one.
    pass.dispatchWorkgroupsIndirect(workgroups, 0);
    pass.end();
  }
  gpu.queue.submit([encoder.finish()]);
  await gpu.queue.onSubmittedWorkDone();
  for (const buffer of [written, readOnly, workgroups]) buffer.destroy();
}
