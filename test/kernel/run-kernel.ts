/** Runs one kernel on raw WebGPU, for tests. */
import { KernelBuilder } from "../../packages/jaxscale/src/kernel/builder.ts";
import { checkKernel } from "../../packages/jaxscale/src/kernel/check.ts";
import type { Kernel, Value } from "../../packages/jaxscale/src/kernel/ir.ts";
import { adapterRequests, findAdapter } from "../../packages/jaxscale/src/runtime/adapter.ts";
import { platform } from "../../packages/jaxscale/src/runtime/node/platform.ts";
import { printWgsl } from "../../packages/jaxscale/src/wgsl/print.ts";

let opened: Promise<GPUDevice> | undefined;

/** A device on the adapter that `JAXSCALE_ADAPTER` asks for. */
async function open(): Promise<GPUDevice> {
  const { adapter } = await findAdapter(platform, adapterRequests(platform)[0]);
  return adapter.requestDevice({
    requiredFeatures: (["subgroups", "shader-f16"] as const).filter((f) => adapter.features.has(f)),
    requiredLimits: { maxImmediateSize: 64 } as Record<string, number>,
  });
}

export const testDevice = (): Promise<GPUDevice> => {
  opened ??= open();
  return opened;
};

export type Words = Float32Array | Int32Array | Uint32Array;

/** Destroys the device, so that the process can end. */
export async function closeTestDevice(): Promise<void> {
  if (opened) (await opened).destroy();
}

export interface RunOptions {
  readonly workgroups?: readonly [number, number, number];
  /** 32-bit words, in the order of `kernel.immediates`. */
  readonly immediates?: Words;
  readonly print?: "immediate" | "uniform";
}

/** Contents of every binding after the run, in order, typed as given. @throws Error with Dawn's message and the WGSL */
export async function runKernel(kernel: Kernel, data: readonly Words[], options: RunOptions = {}): Promise<Words[]> {
  checkKernel(kernel);
  const device = await testDevice();
  const code = printWgsl(kernel, { immediates: options.print });
  device.pushErrorScope("validation");
  const uniform = options.immediates && options.print === "uniform";
  const module = device.createShaderModule({ code });
  const layout = device.createBindGroupLayout({
    entries: [...kernel.buffers.map((b) => b.access), ...(uniform ? (["uniform"] as const) : [])].map(
      (access, binding) => ({
        binding,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type: access === "uniform" ? access : access === "read" ? "read-only-storage" : "storage" },
      }),
    ),
  });
  const immediateSize = options.immediates && !uniform ? options.immediates.byteLength : 0;
  const pipeline = device.createComputePipeline({
    layout: device.createPipelineLayout({ bindGroupLayouts: [layout], immediateSize } as GPUPipelineLayoutDescriptor),
    compute: { module, entryPoint: "main" },
  });
  const all = [...data, ...(uniform && options.immediates ? [options.immediates] : [])];
  const buffers = all.map((words, i) => {
    const usage = i < data.length ? GPUBufferUsage.STORAGE : GPUBufferUsage.UNIFORM;
    const buffer = device.createBuffer({
      size: Math.max(16, words.byteLength),
      usage: usage | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
    device.queue.writeBuffer(buffer, 0, words as Float32Array<ArrayBuffer>);
    return buffer;
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
  pass.setBindGroup(0, device.createBindGroup({ layout, entries }));
  if (options.immediates && !uniform)
    (pass as unknown as { setImmediates(offset: number, data: Words): void }).setImmediates(0, options.immediates);
  pass.dispatchWorkgroups(...(options.workgroups ?? [1, 1, 1]));
  pass.end();
  const staging = data.map((words, i) => {
    const to = device.createBuffer({
      size: words.byteLength,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    encoder.copyBufferToBuffer(buffers[i], 0, to, 0, words.byteLength);
    return to;
  });
  const error = await popAfterSubmit(device, encoder);
  if (error) throw new Error(`${error}\n${code}`);
  return Promise.all(
    staging.map(async (buffer, i) => {
      await buffer.mapAsync(GPUMapMode.READ);
      const copy = buffer.getMappedRange().slice(0);
      buffer.destroy();
      buffers[i].destroy();
      const of = data[i];
      return of instanceof Float32Array
        ? new Float32Array(copy)
        : of instanceof Int32Array
          ? new Int32Array(copy)
          : new Uint32Array(copy);
    }),
  );
}

async function popAfterSubmit(device: GPUDevice, encoder: GPUCommandEncoder): Promise<string | undefined> {
  device.queue.submit([encoder.finish()]);
  return (await device.popErrorScope())?.message;
}

const elementOf = (words: Words): "f32" | "i32" | "u32" =>
  words instanceof Float32Array ? "f32" : words instanceof Int32Array ? "i32" : "u32";

/** `results[j][i] = formula(operands[0][i], …)[j]`, each result an f32, i32, u32 or (as u32) bool. */
export async function mapOnDevice(
  operands: readonly Words[],
  formula: (k: KernelBuilder, ...values: Value[]) => Value | readonly Value[],
): Promise<Words[]> {
  const k = new KernelBuilder();
  const size = operands[0].length;
  const inputs = operands.map((words, i) => k.buffer(`x${i}`, elementOf(words), "read", size));
  const at = k.add(k.mul(k.workgroup(0), k.i32(32)), k.local(0, 32));
  const blank: Words[] = [];
  k.if(k.lt(at, k.i32(size)), () => {
    const made = formula(k, ...inputs.map((x) => k.load(x, at)));
    for (const raw of Array.isArray(made) ? (made as readonly Value[]) : [made as Value]) {
      const v = raw.type === "bool" ? k.cast("u32", raw) : raw;
      const element = v.type as "f32" | "i32" | "u32";
      k.store(k.buffer(`y${blank.length}`, element, "read_write", size), at, v);
      blank.push(
        element === "f32" ? new Float32Array(size) : element === "i32" ? new Int32Array(size) : new Uint32Array(size),
      );
    }
  });
  const workgroups = [Math.ceil(size / 32), 1, 1] as const;
  const out = await runKernel(k.finish("map", [32, 1, 1]), [...operands, ...blank], { workgroups });
  return out.slice(operands.length);
}
