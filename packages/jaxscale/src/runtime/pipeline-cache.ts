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

/** What a pipeline is made from. */
interface PipelineSource extends Omit<Pipeline, "gpu" | "layout"> {
  readonly name: string;
  readonly code: string;
}

/** A pipeline that no dispatch has used. */
export interface FreshPipeline extends PipelineSource {
  readonly pipeline: Pipeline;
}

/** WGSL of a kernel. Bindings are numbered as `kernel.buffers`; a uniform buffer with the immediates comes after them. */
export type PrintKernel = (kernel: Kernel, options: { readonly immediates: "immediate" | "uniform" }) => string;

/** Those used last; programs hold their own besides. */
const pipelinesKept = 4096;

export class PipelineCache {
  readonly #device: GPUDevice;
  readonly #statistics: Statistics;
  readonly #print: PrintKernel;
  readonly #immediateBytes: number;
  readonly #pipelines = new Map<string, Promise<Pipeline>>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();
  #fresh: FreshPipeline[] = [];

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
      const source = { name: kernel.name, code, accesses, immediates, immediateBytes: count * 4 } as const;
      pipeline = this.#compile(source, kernel.raw);
      if (this.#pipelines.size >= pipelinesKept) this.#pipelines.delete(this.#pipelines.keys().next().value as string);
    } else this.#pipelines.delete(key);
    // Last in the map's order: least recently used comes first.
    this.#pipelines.set(key, pipeline);
    return pipeline;
  }

  /** How many pipelines `takeFresh` would give. */
  get freshCount(): number {
    return this.#fresh.length;
  }

  /** Pipelines compiled since the last call. */
  takeFresh(): FreshPipeline[] {
    const fresh = this.#fresh;
    this.#fresh = [];
    return fresh;
  }

  async #compile(source: PipelineSource, raw: RawSource | undefined): Promise<Pipeline> {
    const device = this.#device;
    this.#statistics.pipelinesCreated++;
    const layout = this.#layout(source);
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ code: source.code, label: source.name });
    const popped = device.popErrorScope().catch(() => null);
    try {
      const pipeline = await createPipeline(device, source, layout, module);
      this.#fresh.push({ ...source, pipeline });
      return pipeline;
    } catch (error) {
      const messages = await module.getCompilationInfo().then(
        (info) =>
          info.messages.filter(({ type }) => type === "error").map((message) => describe(message, source.code, raw)),
        () => [],
      );
      const said =
        messages.join("; ") || (await popped)?.message || (error instanceof Error ? error.message : String(error));
      throw new Error(said);
    }
  }

  #layout(source: PipelineSource): GPUBindGroupLayout {
    const key = `${source.accesses.join()} ${source.immediates === "uniform"}`;
    let layout = this.#layouts.get(key);
    if (!layout) this.#layouts.set(key, (layout = createLayout(this.#device, source)));
    return layout;
  }
}

export async function createPipeline(
  device: GPUDevice,
  { name, code, accesses, immediates, immediateBytes }: PipelineSource,
  layout = createLayout(device, { accesses, immediates }),
  module = device.createShaderModule({ code, label: name }),
): Promise<Pipeline> {
  const gpu = await device.createComputePipelineAsync({
    label: name,
    layout: device.createPipelineLayout({
      bindGroupLayouts: [layout],
      ...(immediates === "immediate" ? { immediateSize: immediateBytes } : {}),
    }),
    compute: { module },
  });
  return { gpu, layout, accesses, immediates, immediateBytes };
}

function createLayout(
  device: GPUDevice,
  { accesses, immediates }: Pick<Pipeline, "accesses" | "immediates">,
): GPUBindGroupLayout {
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
  return device.createBindGroupLayout({ entries });
}

/** A compiler's message; of a user's program with the number of the user's own line, and what stands there. */
function describe({ lineNum, message }: GPUCompilationMessage, code: string, raw: RawSource | undefined): string {
  if (raw === undefined || lineNum < raw.firstLine) return `line ${lineNum}: ${message}`;
  return `line ${lineNum - raw.firstLine + 1} of its wgsl, \`${code.split("\n")[lineNum - 1].trim()}\`: ${message}`;
}
