/** Dawn, through the npm package `webgpu`, on the drivers that the system has. */
import type { GpuSource } from "../platform.ts";
import { prepareToHoldBack, withoutDriverWarnings } from "./dawn-warnings.ts";
import { endAtOnce } from "./end-at-once.ts";

type Dawn = typeof import("webgpu");

// Timestamps would come in steps of 65,536 ns.
const flags = ["disable-dawn-features=timestamp_quantization"];

// A GPU object that is collected while a device of its lives crashes the process.
const kept: GPU[] = ((globalThis as { [key: symbol]: unknown })[Symbol.for("jaxscale.gpu")] ??= []) as GPU[];

let dawn: Promise<Dawn> | undefined;

function loadDawn(): Promise<Dawn> {
  dawn ??= import("webgpu").then((loaded) => {
    for (const [name, value] of Object.entries(loaded.globals))
      if (!(name in globalThis)) Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
    return loaded;
  });
  return dawn;
}

/** A GPU object with the drivers that the Vulkan loader finds at this moment. */
export async function createGpu(adapterName?: string): Promise<GPU> {
  const [{ create }] = await Promise.all([loadDawn(), prepareToHoldBack(), endAtOnce("failures")]);
  const gpu = create(adapterName === undefined ? flags : [...flags, `adapter=${adapterName}`]);
  const requestAdapter = gpu.requestAdapter.bind(gpu);
  // Dawn looks for drivers before it returns the promise.
  gpu.requestAdapter = (options) => withoutDriverWarnings(() => requestAdapter(options));
  kept.push(gpu);
  return gpu;
}

/** Dawn lists its adapters only in the error about one that does not exist. */
export async function listAdapters(): Promise<string[]> {
  try {
    await (await createGpu("?")).requestAdapter();
    return [];
  } catch (error) {
    return [...String(error).matchAll(/name: '([^']*)'/g)].map((match) => match[1]);
  }
}

export const systemSource: GpuSource = {
  name: "system",
  async open(adapterName) {
    try {
      return await createGpu(adapterName);
    } catch (error) {
      return { missing: `the package webgpu cannot be loaded (${String(error)})` };
    }
  },
  adapterNames: listAdapters,
};
