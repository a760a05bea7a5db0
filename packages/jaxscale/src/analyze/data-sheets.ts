/** GPUs as their makers describe them. */

/** Peaks that a maker states: dense, a multiply-add counted as two. */
export interface DataSheet {
  readonly name: string;
  /** Words that adapters are named by, without those of `isBrand`; empty where a name stands for GPUs that differ in memory. */
  readonly adapters: readonly string[];
  /** DRAM. */
  readonly bytesPerSecond: number;
  /** With float32 accumulation; of the narrow dtypes by matrix units, and as float32 where the maker states no other rate. */
  readonly flopsPerSecond: { readonly float32: number; readonly float16: number; readonly bfloat16: number };
  readonly source: string;
}

type Flops = readonly [float32: number, float16?: number, bfloat16?: number];

/** @param bandwidth GB/s @param flops TFLOP/s */
const sheet = (
  name: string,
  adapters: readonly string[],
  bandwidth: number,
  [float32, float16 = float32, bfloat16 = float32]: Flops,
  source: string,
): DataSheet => ({
  name,
  adapters,
  bytesPerSecond: bandwidth * 1e9,
  flopsPerSecond: { float32: float32 * 1e12, float16: float16 * 1e12, bfloat16: bfloat16 * 1e12 },
  source,
});

const hopper = "NVIDIA H100 white paper and data sheet";
const ampere = "NVIDIA A100 data sheet";
const ada = "NVIDIA Ada GPU architecture white paper";
const apple = "Apple, press releases of the chips";

/** The GPUs that `modelledGpus` has figures of caches and cores for come first. */
export const dataSheets = {
  h100: sheet("NVIDIA H100 SXM5", ["h100 80gb hbm3"], 3350, [66.9, 989.4, 989.4], hopper),
  l4: sheet("NVIDIA L4", ["l4"], 300, [30.3, 121, 121], "NVIDIA L4 data sheet"),
  rtx4090: sheet("NVIDIA RTX 4090", ["rtx 4090"], 1008, [82.6, 165.2, 165.2], ada),
  // Of float32 with dual issue.
  rx7900xtx: sheet("AMD RX 7900 XTX", ["rx 7900 xtx"], 960, [61.4, 122.8, 122.8], "AMD product page, Navi 31 slides"),
  m1: sheet("Apple M1, 8 cores", ["m1"], 68.2, [2.62], "metal-benchmarks"),
  m3max: sheet("Apple M3 Max, 40 cores", [], 400, [14.3], "Apple"),
  a770: sheet("Intel Arc A770", ["a770"], 560, [17.2], "Intel: 512 vector engines of 16 operations at 2.1 GHz"),
  h100pcie: sheet("NVIDIA H100 PCIe", ["h100 pcie"], 2039, [51.2, 756, 756], hopper),
  h200: sheet("NVIDIA H200 SXM", ["h200"], 4800, [66.9, 989.4, 989.4], "NVIDIA H200 data sheet"),
  a100sxm40: sheet("NVIDIA A100 SXM 40 GB", ["a100 sxm4 40gb"], 1555, [19.5, 312, 312], ampere),
  a100sxm80: sheet("NVIDIA A100 SXM 80 GB", ["a100 sxm4 80gb"], 2039, [19.5, 312, 312], ampere),
  a100pcie40: sheet("NVIDIA A100 PCIe 40 GB", ["a100 pcie 40gb"], 1555, [19.5, 312, 312], ampere),
  a100pcie80: sheet("NVIDIA A100 PCIe 80 GB", ["a100 80gb pcie"], 1935, [19.5, 312, 312], ampere),
  a10: sheet("NVIDIA A10", ["a10"], 600, [31.2, 125, 125], "NVIDIA A10 data sheet"),
  l40s: sheet("NVIDIA L40S", ["l40s"], 864, [91.6, 362, 362], "NVIDIA L40S data sheet"),
  t4: sheet("NVIDIA T4", ["t4"], 320, [8.1, 65], "NVIDIA T4 data sheet"),
  rtx4080: sheet("NVIDIA RTX 4080", ["rtx 4080"], 716.8, [48.7, 97.5, 97.5], ada),
  rtx3090: sheet("NVIDIA RTX 3090", ["rtx 3090"], 936, [35.6, 71, 71], "NVIDIA GA102 white paper"),
  rtx5090: sheet("NVIDIA RTX 5090", ["rtx 5090"], 1792, [104.8, 209.5, 209.5], "NVIDIA RTX Blackwell white paper"),
  mi300x: sheet("AMD Instinct MI300X", ["mi300x"], 5300, [163.4, 1307.4, 1307.4], "AMD Instinct MI300X data sheet"),
  m1pro: sheet("Apple M1 Pro, 16 cores", ["m1 pro"], 200, [5.2], apple),
  m1max: sheet("Apple M1 Max, 32 cores", ["m1 max"], 400, [10.4], apple),
  m1ultra: sheet("Apple M1 Ultra, 64 cores", ["m1 ultra"], 800, [21], apple),
  m2: sheet("Apple M2, 10 cores", ["m2"], 100, [3.6], apple),
  m2pro: sheet("Apple M2 Pro, 19 cores", ["m2 pro"], 200, [6.8], apple),
  m2max: sheet("Apple M2 Max, 38 cores", ["m2 max"], 400, [13.6], apple),
  m2ultra: sheet("Apple M2 Ultra, 76 cores", ["m2 ultra"], 800, [27.2], apple),
} as const satisfies Record<string, DataSheet>;

const brands = new Set("nvidia geforce tesla amd radeon instinct intel arc apple tm r gpu graphics".split(" "));
/** Behind the name of the GPU drivers of Mesa say theirs and the chip's. */
const chips = / (radv|dg2|raphael|navi\d*|gfx\d+).*$/;

/**
 * The data sheet of an adapter's GPU, found by all words of its name: a laptop's or a later variant has another.
 * @param device such as `NVIDIA GeForce RTX 4090`, or in the spelling of WebGPU `nvidia-geforce-rtx-4090`
 */
export function dataSheetOf(device: string): DataSheet | undefined {
  const name = device
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, " ")
    .replace(chips, "")
    .split(" ")
    .filter((word) => word !== "" && !brands.has(word))
    .join(" ");
  return Object.values<DataSheet>(dataSheets).find(({ adapters }) => adapters.includes(name));
}
