/** Compute pipelines of a device, one for each distinct WGSL text and binding layout, compiled in parallel. */
import type { Kernel, RawSource } from "../kernel/ir.ts";
import type { Statistics } from "./statistics.ts";

export interface Pipeline {
  readonly gpu: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  readonly accesses: readonly ("read" | "read_write")[];
  /** Where the values go that a dispatch carries. */
  readonly immediates: "none" | "immediate" | "uniform";
  readonly immediateBytes: number;
}

/** WGSL of a kernel. Bindings are numbered as `kernel.buffers`; a uniform buffer with the immediates comes after them. */
export type PrintKernel = (kernel: Kernel, options: { readonly immediates: "immediate" | "uniform" }) => string;

export class PipelineCache {
  readonly #device: GPUDevice;
  readonly #statistics: Statistics;
  readonly #print: PrintKernel;
  readonly #immediateBytes: number;
  readonly #pipelines = new Map<string, Promise<Pipeline>>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();
  #fresh: Pipeline[] = [];

  /** @param immediateBytes what the target offers; 0 puts immediates into a uniform buffer */
  constructor(device: GPUDevice, statistics: Statistics, print: PrintKernel, immediateBytes: number) {
    this.#device = device;
    this.#statistics = statistics;
    this.#print = print;
    this.#immediateBytes = immediateBytes;
  }

  /** Rejects with the compiler's messages. */
  get(kernel: Kernel): Promise<Pipeline> {
    const count = kernel.immediates.length;
    const immediates = count === 0 ? "none" : count * 4 <= this.#immediateBytes ? "immediate" : "uniform";
    const code = this.#print(kernel, { immediates: immediates === "uniform" ? "uniform" : "immediate" });
    const accesses = kernel.buffers.map((buffer) => buffer.access);
    const key = `${accesses.join()} ${immediates} ${count}\n${code}`;
    let pipeline = this.#pipelines.get(key);
    if (!pipeline) {
      pipeline = this.#compile(kernel, code, accesses, immediates, count * 4);
      this.#pipelines.set(key, pipeline);
    }
    return pipeline;
  }

  /** Pipelines compiled since the last call. */
  takeFresh(): Pipeline[] {
    const fresh = this.#fresh;
    this.#fresh = [];
    return fresh;
  }

  async #compile(
    { name, raw }: Kernel,
    code: string,
    accesses: Pipeline["accesses"],
    immediates: Pipeline["immediates"],
    immediateBytes: number,
  ): Promise<Pipeline> {
    const device = this.#device;
    this.#statistics.pipelinesCreated++;
    const layout = this.#layout(accesses, immediates);
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ code, label: name });
    const popped = device.popErrorScope().catch(() => null);
    try {
      const gpu = await device.createComputePipelineAsync({
        label: name,
        layout: device.createPipelineLayout({
          bindGroupLayouts: [layout],
          ...(immediates === "immediate" ? { immediateSize: immediateBytes } : {}),
        }),
        compute: { module },
      });
      const pipeline: Pipeline = { gpu, layout, accesses, immediates, immediateBytes };
      this.#fresh.push(pipeline);
      return pipeline;
    } catch (error) {
      const messages = await module.getCompilationInfo().then(
        (info) => info.messages.filter(({ type }) => type === "error").map((message) => describe(message, code, raw)),
        () => [],
      );
      const said =
        messages.join("; ") || (await popped)?.message || (error instanceof Error ? error.message : String(error));
      throw new Error(said);
    }
  }

  #layout(accesses: Pipeline["accesses"], immediates: Pipeline["immediates"]): GPUBindGroupLayout {
    const key = `${accesses.join()} ${immediates === "uniform"}`;
    let layout = this.#layouts.get(key);
    if (!layout) {
      const entries: GPUBindGroupLayoutEntry[] = accesses.map((access, binding) => ({
        binding,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type: access === "read" ? "read-only-storage" : "storage" },
      }));
      if (immediates === "uniform")
        entries.push({
          binding: accesses.length,
          visibility: GPUShaderStage.COMPUTE,
          buffer: { type: "uniform", hasDynamicOffset: true },
        });
      layout = this.#device.createBindGroupLayout({ entries });
      this.#layouts.set(key, layout);
    }
    return layout;
  }
}

/** A compiler's message; of a user's program with the number of the user's own line, and what stands there. */
function describe({ lineNum, message }: GPUCompilationMessage, code: string, raw: RawSource | undefined): string {
  if (raw === undefined || lineNum < raw.firstLine) return `line ${lineNum}: ${message}`;
  return `line ${lineNum - raw.firstLine + 1} of its wgsl, \`${code.split("\n")[lineNum - 1].trim()}\`: ${message}`;
}
