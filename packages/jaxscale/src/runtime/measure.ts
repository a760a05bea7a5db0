/** What an adapter can do at most: bandwidth and arithmetic, measured by small kernels in several variants. */
import { DeviceError } from "../base/errors.ts";
import type { Client } from "./client.ts";
import type { Device } from "./device.ts";
import { keepAlive } from "./keep-alive.ts";
import {
  bfloat16Variants,
  copyVariants,
  flopVariants,
  readVariants,
  streamBytes,
  type Variant,
  workgroupSizes,
} from "./roof-kernels.ts";

/** The roofs of a roofline: the best that any variant reached. */
export interface Roofs {
  /** Reading memory front to back. */
  readonly readGigabytesPerSecond: number;
  /** Reading and writing in equal parts; both count. */
  readonly copyGigabytesPerSecond: number;
  /** Reading packed bfloat16 front to back, unpacking it and multiplying each element once: what products with a vector can reach. */
  readonly bfloat16GigabytesPerSecond: number;
  /** f32 multiply-adds, two operations each. */
  readonly gigaflopsPerSecond: number;
  /** Variants that were fastest. */
  readonly variants: {
    readonly read: string;
    readonly copy: string;
    readonly bfloat16: string;
    readonly flops: string;
  };
}

const repetitions = 6;

const measured = new WeakMap<Device, Promise<Roofs>>();

/**
 * Measures once a device; later calls get the same figures, unless they ask for new ones.
 * @throws DeviceError if the device is lost
 */
export async function measureRoofs(client: Client, gpu = 0, { anew = false } = {}): Promise<Roofs> {
  await client.idle();
  const device = await client.device(gpu);
  let roofs = measured.get(device);
  if (!roofs || anew) {
    roofs = measure(device);
    measured.set(device, roofs);
    roofs.catch(() => measured.delete(device));
  }
  return roofs;
}

async function measure(device: Device): Promise<Roofs> {
  const { gpu } = device;
  const { STORAGE, COPY_DST } = GPUBufferUsage;
  const source = gpu.createBuffer({ size: streamBytes, usage: STORAGE | COPY_DST, label: "measure source" });
  const target = gpu.createBuffer({ size: streamBytes, usage: STORAGE | COPY_DST, label: "measure target" });
  try {
    const best = async (variants: readonly Variant[]): Promise<{ readonly rate: number; readonly name: string }> => {
      let winner = { rate: 0, name: "" };
      for (const variant of variants) {
        const seconds = await timeVariant(device, variant, source, target);
        const rate = variant.work / seconds / 1e9;
        if (rate > winner.rate) winner = { rate, name: variant.name };
      }
      return winner;
    };
    const sizes = workgroupSizes(device.target);
    const read = await best(readVariants(sizes));
    const copy = await best(copyVariants(sizes));
    const bfloat16 = await best(bfloat16Variants(sizes));
    const flops = await best(flopVariants(sizes, device.target.traits));
    return {
      readGigabytesPerSecond: read.rate,
      copyGigabytesPerSecond: copy.rate,
      bfloat16GigabytesPerSecond: bfloat16.rate,
      gigaflopsPerSecond: flops.rate,
      variants: { read: read.name, copy: copy.name, bfloat16: bfloat16.name, flops: flops.name },
    };
  } catch (error) {
    throw device.lost ?? new DeviceError(`measure: kernels must run on ${device.found.name}; got ${String(error)}`);
  } finally {
    source.destroy();
    target.destroy();
  }
}

/** Shortest time of a dispatch, in seconds; the first runs, which compile and touch the memory, are dropped. */
async function timeVariant(device: Device, variant: Variant, source: GPUBuffer, target: GPUBuffer): Promise<number> {
  const { gpu } = device;
  const pipeline = await keepAlive(
    gpu.createComputePipelineAsync({
      label: variant.name,
      layout: "auto",
      compute: { module: gpu.createShaderModule({ code: variant.code, label: variant.name }) },
    }),
  );
  const group = gpu.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [source, target].map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < repetitions; i++) {
    const encoder = gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(variant.workgroups);
    pass.end();
    const started = performance.now();
    gpu.queue.submit([encoder.finish()]);
    await keepAlive(gpu.queue.onSubmittedWorkDone());
    if (i >= 2) best = Math.min(best, (performance.now() - started) / 1e3);
  }
  return best;
}
