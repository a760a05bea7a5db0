/** Data sheets by the names that adapters report. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type DataSheet, dataSheetOf, dataSheets } from "../../packages/jaxscale/src/analyze/data-sheets.ts";

const found: Readonly<Record<string, DataSheet>> = {
  "NVIDIA GeForce RTX 4090": dataSheets.rtx4090,
  "nvidia-geforce-rtx-4090": dataSheets.rtx4090,
  "NVIDIA H100 80GB HBM3": dataSheets.h100,
  "NVIDIA H100 PCIe": dataSheets.h100pcie,
  "NVIDIA A100-SXM4-40GB": dataSheets.a100sxm40,
  "Tesla T4": dataSheets.t4,
  "AMD Radeon RX 7900 XTX (RADV NAVI31)": dataSheets.rx7900xtx,
  "amd-radeon-rx-7900-xtx--radv-navi31-": dataSheets.rx7900xtx,
  "Intel(R) Arc(tm) A770 Graphics (DG2)": dataSheets.a770,
  "Apple M2 Max": dataSheets.m2max,
  "apple-m1": dataSheets.m1,
};

// Names of other GPUs, of some whose name says too little, and of software.
const unknown = [
  "NVIDIA GeForce RTX 4090 Laptop GPU",
  "NVIDIA GeForce RTX 4090 D",
  "NVIDIA GeForce RTX 3090 Ti",
  "NVIDIA A100-SXM4-40GB MIG 1g.5gb",
  "Apple M3 Max",
  "llvmpipe (LLVM 15.0.6, 256 bits)",
  "SwiftShader Device (Subzero)",
  "NVIDIA",
  "",
];

test("a GPU is known by all words of its name, in the driver's spelling and in WebGPU's", () => {
  for (const [name, sheet] of Object.entries(found)) assert.is(dataSheetOf(name)?.name, sheet.name, name);
});

test("other GPUs, and names that stand for several, have none", () => {
  for (const name of unknown) assert.is(dataSheetOf(name), undefined, name);
});

test("rates that follow from clocks and units", () => {
  // H100 SXM5: 132 SMs, 128 float32 lanes of 2 operations, 4 tensor cores of 1024 operations each, at 1980 and 1830 MHz.
  assert.ok(Math.abs(132 * 256 * 1.98e9 - dataSheets.h100.flopsPerSecond.float32) < 0.1e12);
  assert.ok(Math.abs(132 * 4096 * 1.83e9 - dataSheets.h100.flopsPerSecond.bfloat16) < 0.1e12);
  // RTX 4090: 16384 lanes at 2520 MHz, 384 bits at 21 Gbit/s.
  assert.ok(Math.abs(16384 * 2 * 2.52e9 - dataSheets.rtx4090.flopsPerSecond.float32) < 0.1e12);
  assert.is((384 / 8) * 21e9, dataSheets.rtx4090.bytesPerSecond);
  // Without a rate of its own a narrow dtype has that of float32.
  assert.is(dataSheets.m2.flopsPerSecond.bfloat16, dataSheets.m2.flopsPerSecond.float32);
});

test.run();
