/** Kinds of adapters, a row each: how one is recognised, and its traits. */
import type { Target, TargetTraits } from "../base/target.ts";

export interface AdapterKind {
  readonly name: Target["kind"];
  readonly isSoftware: boolean;
  /** @param text what the adapter says of itself, in lower case */
  readonly matches: (text: string, info: GPUAdapterInfo) => boolean;
  readonly traits: TargetTraits;
  /** What would be faster. @param platformAdvice where to get it on this platform */
  readonly advice?: (platformAdvice: string) => string;
}

/** Of any GPU: what its driver is like is not asked. */
export const hardwareTraits: TargetTraits = {
  parallelWorkgroups: 512,
  parallelInvocations: 8192,
  costlyWorkgroups: false,
  unrollsLoops: false,
  compilesAtFirstDispatch: false,
  flopsPerSecond: 5e11,
  bytesPerSecond: 2e10,
};
const software = { parallelWorkgroups: 16, parallelInvocations: 64, costlyWorkgroups: true, unrollsLoops: true };

/** The first that matches. */
const adapterKinds: readonly AdapterKind[] = [
  {
    name: "swiftshader",
    isSoftware: true,
    matches: (text) => text.includes("swiftshader"),
    traits: { ...software, compilesAtFirstDispatch: false, flopsPerSecond: 3e9, bytesPerSecond: 2e9 },
    advice: (platformAdvice) => `this is a software driver; for a faster one: ${platformAdvice}`,
  },
  {
    name: "lavapipe",
    isSoftware: true,
    matches: (text, { isFallbackAdapter }) =>
      text.includes("llvmpipe") || text.includes("lavapipe") || isFallbackAdapter === true,
    traits: { ...software, compilesAtFirstDispatch: true, flopsPerSecond: 8e9, bytesPerSecond: 4e9 },
    advice: () => "this is lavapipe, a software driver; a GPU with its own Vulkan driver would be faster",
  },
  {
    name: "hardware",
    isSoftware: false,
    matches: () => true,
    traits: hardwareTraits,
  },
];

export function adapterKindOf(info: GPUAdapterInfo): AdapterKind {
  const text = `${info.vendor} ${info.architecture} ${info.device} ${info.description}`.toLowerCase();
  return adapterKinds.find(({ matches }) => matches(text, info)) as AdapterKind;
}

export const adapterKindNamed = (name: Target["kind"]): AdapterKind =>
  adapterKinds.find((row) => row.name === name) as AdapterKind;
