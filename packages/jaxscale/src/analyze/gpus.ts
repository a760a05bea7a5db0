/** GPUs as a model knows them. */
import { type DataSheet, dataSheets } from "./data-sheets.ts";

/**
 * Rates, sizes and what Dawn asks of drivers. Public figures; each row says whose beside the data sheet. Where none was found the
 * row has a guess, and `guessed` names it.
 */
export interface ModelledGpu {
  readonly name: string;
  /** DRAM. */
  readonly bytesPerSecond: number;
  /** float32, a multiply-add counted as two, without matrix units. */
  readonly flopsPerSecond: number;
  /** Compute units that a workgroup stays on (SM, CU, DSS, Xe-core, shader core). */
  readonly cores: number;
  readonly lastLevelCacheBytes: number;
  /** Lanes of a subgroup as Dawn asks for them. */
  readonly subgroupSize: number;
  /** Of a core. */
  readonly registerBytes: number;
  /** 32-bit registers that an invocation may use before values go to memory. */
  readonly registersPerInvocation: number;
  readonly invocationsPerCore: number;
  /** Shared memory of a core. */
  readonly sharedBytes: number;
  /** What one workgroup may have of it. */
  readonly workgroupStorageBytes: number;
  /** Banks of four bytes. */
  readonly sharedBanks: number;
  readonly storageBuffers: number;
  readonly guessed: readonly string[];
  readonly source: string;
}

/** What a data sheet says. */
const stated = ({ name, bytesPerSecond, flopsPerSecond }: DataSheet) => ({
  name,
  bytesPerSecond,
  flopsPerSecond: flopsPerSecond.float32,
});

const KiB = 1024;
const MiB = 1024 * KiB;
const nvidia = {
  subgroupSize: 32,
  registerBytes: 256 * KiB,
  registersPerInvocation: 255,
  workgroupStorageBytes: 48 * KiB,
  sharedBanks: 32,
  storageBuffers: 16,
  guessed: [],
};
const apple = {
  subgroupSize: 32,
  registerBytes: 208 * KiB,
  registersPerInvocation: 128,
  invocationsPerCore: 3072,
  sharedBytes: 60 * KiB,
  workgroupStorageBytes: 32 * KiB,
  sharedBanks: 32,
  storageBuffers: 10,
};
const intel = {
  subgroupSize: 16,
  registersPerInvocation: 64,
  sharedBytes: 128 * KiB,
  workgroupStorageBytes: 64 * KiB,
  sharedBanks: 16,
  storageBuffers: 16,
};

/** By the name that `analyze` takes. */
export const modelledGpus = {
  h100: {
    ...nvidia,
    ...stated(dataSheets.h100),
    cores: 132,
    lastLevelCacheBytes: 50 * MiB,
    invocationsPerCore: 2048,
    sharedBytes: 228 * KiB,
    source: "NVIDIA Hopper tuning guide and data sheet",
  },
  l4: {
    ...nvidia,
    ...stated(dataSheets.l4),
    cores: 58,
    lastLevelCacheBytes: 48 * MiB,
    invocationsPerCore: 1536,
    sharedBytes: 100 * KiB,
    source: "NVIDIA L4 data sheet",
  },
  rtx4090: {
    ...nvidia,
    ...stated(dataSheets.rtx4090),
    cores: 128,
    lastLevelCacheBytes: 72 * MiB,
    invocationsPerCore: 1536,
    sharedBytes: 100 * KiB,
    source: "NVIDIA Ada tuning guide; Chips and Cheese",
  },
  rx7900xtx: {
    ...stated(dataSheets.rx7900xtx),
    // Without dual issue, which compilers of WGSL rarely reach.
    flopsPerSecond: 31e12,
    cores: 96,
    lastLevelCacheBytes: 96 * MiB,
    subgroupSize: 64,
    registerBytes: 384 * KiB,
    registersPerInvocation: 256,
    invocationsPerCore: 2048,
    sharedBytes: 64 * KiB,
    workgroupStorageBytes: 64 * KiB,
    sharedBanks: 32,
    storageBuffers: 16,
    guessed: [],
    source: "AMD Navi 31 slides; metal-benchmarks",
  },
  m1: {
    ...apple,
    ...stated(dataSheets.m1),
    cores: 8,
    lastLevelCacheBytes: 8 * MiB,
    guessed: [],
    source: "metal-benchmarks",
  },
  m3max: {
    ...apple,
    ...stated(dataSheets.m3max),
    cores: 40,
    lastLevelCacheBytes: 48 * MiB,
    guessed: ["lastLevelCacheBytes", "registerBytes", "invocationsPerCore", "sharedBytes"],
    source: "Apple; metal-benchmarks for the M1's core",
  },
  irisxe: {
    ...intel,
    name: "Intel Iris Xe, 96 EU",
    bytesPerSecond: 68e9,
    flopsPerSecond: 2e12,
    cores: 6,
    lastLevelCacheBytes: 3.75 * MiB,
    registerBytes: 448 * KiB,
    invocationsPerCore: 112 * 16,
    guessed: [],
    source: "Intel oneAPI GPU optimization guide",
  },
  a770: {
    ...intel,
    ...stated(dataSheets.a770),
    flopsPerSecond: 13.84e12,
    cores: 32,
    lastLevelCacheBytes: 16 * MiB,
    registerBytes: 512 * KiB,
    invocationsPerCore: 128 * 16,
    guessed: [],
    source: "clpeak on Vulkan; Chips and Cheese",
  },
  adreno740: {
    name: "Qualcomm Adreno 740",
    bytesPerSecond: 64e9,
    flopsPerSecond: 1.5e12,
    cores: 6,
    lastLevelCacheBytes: MiB,
    subgroupSize: 128,
    registerBytes: 512 * KiB,
    registersPerInvocation: 48,
    invocationsPerCore: 2048,
    sharedBytes: 32 * KiB,
    workgroupStorageBytes: 32 * KiB,
    sharedBanks: 32,
    storageBuffers: 16,
    guessed: ["cores", "registerBytes", "registersPerInvocation", "invocationsPerCore"],
    source: "secondary pages that disagree; turnip's device report",
  },
  malig715: {
    name: "Arm Mali-G715 MP7",
    bytesPerSecond: 60e9,
    flopsPerSecond: 1.6e12,
    cores: 7,
    lastLevelCacheBytes: MiB,
    subgroupSize: 16,
    registerBytes: 128 * KiB,
    registersPerInvocation: 64,
    invocationsPerCore: 1024,
    sharedBytes: 32 * KiB,
    workgroupStorageBytes: 32 * KiB,
    sharedBanks: 32,
    storageBuffers: 16,
    guessed: ["bytesPerSecond", "lastLevelCacheBytes", "sharedBytes"],
    source: "Arm GPU guides 101574; VK_ARM_shader_core_properties",
  },
} as const satisfies Record<string, ModelledGpu>;

/** GPUs that there is a model of. */
export type ModelledGpuName = keyof typeof modelledGpus;
