/** What an adapter can do at most: bandwidth and arithmetic, measured by small kernels in several variants. */
import { DeviceError } from "../base/errors.ts";
import type { Client } from "./client.ts";
import type { Device } from "./device.ts";
import { keepAlive } from "./keep-alive.ts";

/** The roofs of a roofline: the best that any variant reached. */
export interface Roofs {
  /** Reading memory front to back. */
  readonly readGigabytesPerSecond: number;
  /** Reading and writing in equal parts; both count. */
  readonly copyGigabytesPerSecond: number;
  /** f32 multiply-adds, two operations each. */
  readonly gigaflopsPerSecond: number;
  /** Variants that were fastest. */
  readonly variants: { readonly read: string; readonly copy: string; readonly flops: string };
}

interface Variant {
  readonly name: string;
  readonly code: string;
  readonly workgroups: number;
  /** Bytes or operations of one dispatch. */
  readonly work: number;
}

// Larger than the caches of the machines at hand, smaller than any binding limit.
const streamBytes = 2 ** 26;
const repetitions = 6;

const measured = new WeakMap<Device, Promise<Roofs>>();

/** Measures once a device; later calls get the same figures. @throws DeviceError if the device is lost */
export async function measureRoofs(client: Client): Promise<Roofs> {
  await client.idle();
  const device = await client.device();
  let roofs = measured.get(device);
  if (!roofs) {
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
    const read = await best(readVariants(device));
    const copy = await best(copyVariants(device));
    const flops = await best(flopVariants(device));
    return {
      readGigabytesPerSecond: read.rate,
      copyGigabytesPerSecond: copy.rate,
      gigaflopsPerSecond: flops.rate,
      variants: { read: read.name, copy: copy.name, flops: flops.name },
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

const workgroupSizes = ({ target }: Device): readonly number[] =>
  target.kind === "hardware" ? [64, 256] : [target.subgroupSize.max, 64];

const header = (type: string, size: number): string => `
@group(0) @binding(0) var<storage, read> source: array<${type}>;
@group(0) @binding(1) var<storage, read_write> target_: array<${type}>;
@compute @workgroup_size(${size})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let stride = groups.x * ${size}u;`;

const streamGroups = (size: number): number => Math.ceil(8192 / size);

/** Every item reads a strided or a contiguous part and writes one sum. */
function readVariants(device: Device): Variant[] {
  return workgroupSizes(device).flatMap((size) =>
    ["f32", "vec4<f32>"].flatMap((type) => {
      const count = streamBytes / (type === "f32" ? 4 : 16);
      const groups = streamGroups(size);
      const loops = {
        strided: `for (var i = id.x; i < ${count}u; i += 4u * stride) {
    sum += (source[i] + source[i + stride]) + (source[i + 2u * stride] + source[i + 3u * stride]);
  }`,
        contiguous: `let part = ${count}u / stride;
  for (var i = id.x * part; i < (id.x + 1u) * part; i += 4u) {
    sum += (source[i] + source[i + 1u]) + (source[i + 2u] + source[i + 3u]);
  }`,
      };
      return Object.entries(loops).map(([order, loop]) => ({
        name: `read_${order}_${type === "f32" ? "f32" : "vec4"}_${size}`,
        code: `${header(type, size)}
  var sum = source[id.x];
  ${loop}
  target_[id.x] = sum;
}`,
        workgroups: groups,
        work: streamBytes,
      }));
    }),
  );
}

function copyVariants(device: Device): Variant[] {
  return workgroupSizes(device).flatMap((size) =>
    ["f32", "vec4<f32>"].map((type) => ({
      name: `copy_${type === "f32" ? "f32" : "vec4"}_${size}`,
      code: `${header(type, size)}
  for (var i = id.x; i < ${streamBytes / (type === "f32" ? 4 : 16)}u; i += stride) {
    target_[i] = source[i];
  }
}`,
      workgroups: streamGroups(size),
      work: 2 * streamBytes,
    })),
  );
}

/** Independent chains of multiply-adds, enough to hide the latency of one. */
function flopVariants(device: Device): Variant[] {
  const steps = 32;
  // About 0.1 s on a slow adapter, and enough items for a fast one.
  const rounds = device.target.kind === "hardware" ? 128 : 32;
  const items = device.target.kind === "hardware" ? 2 ** 18 : 2 ** 13;
  return workgroupSizes(device).flatMap((size) =>
    ["f32", "vec4<f32>"].flatMap((type) =>
      (type === "f32" ? [8, 16] : [2, 4]).map((chains) => {
        const lanes = type === "f32" ? 1 : 4;
        const names = Array.from({ length: chains }, (_, i) => `c${i}`);
        const start = names.map((name, i) => `var ${name} = source[id.x] + ${type}(${i}.0);`).join("\n  ");
        const body = Array.from({ length: steps }, () => names.map((n) => `${n} = fma(${n}, a, b);`).join(" ")).join(
          "\n    ",
        );
        return {
          name: `fma_${lanes === 1 ? "f32" : "vec4"}_${chains}chains_${size}`,
          code: `${header(type, size)}
  let a = source[id.x + stride];
  let b = source[id.x + 2u * stride];
  ${start}
  for (var i = 0u; i < ${rounds}u; i++) {
    ${body}
  }
  target_[id.x] = ${names.join(" + ")};
}`,
          workgroups: items / size,
          work: 2 * lanes * chains * steps * rounds * items,
        };
      }),
    ),
  );
}
