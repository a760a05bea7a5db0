import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openCheckpoint } from "@jaxscale/models";
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { rawFile } from "./raw-safetensors.ts";

const mebibyte = 2 ** 20;
/** The most memory that this process ever held. */
const peakBytes = (): number => 1024 * Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]);

test("a tensor of 320 MiB passes through the host in a fraction of its size", async () => {
  if (!existsSync("/proc/self/status")) return;
  const folder = mkdtempSync(join(tmpdir(), "large-"));
  try {
    const sizeBytes = 320 * mebibyte;
    const shape = [sizeBytes / 2 / 4096, 4096];
    const file = openSync(join(folder, "model.safetensors"), "w");
    const header = rawFile({ a: { dtype: "BF16", shape, data_offsets: [0, sizeBytes] } }, 0);
    writeSync(file, header);
    // Zeros that take no room on disk.
    ftruncateSync(file, header.length + sizeBytes);
    closeSync(file);
    writeFileSync(join(folder, "config.json"), '{"model_type":"glm"}');
    await jax.ready();
    const before = peakBytes();
    const { a } = await (await openCheckpoint(folder)).load({ a: { shape } });
    await a.blockUntilReady();
    // The embedded driver's device memory is the host's too.
    const host = peakBytes() - before - jax.statistics().bytesInUse;
    assert.ok(host < 160 * mebibyte, `${(host / mebibyte).toFixed(0)} MiB beside the device's`);
    a.dispose();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.run();
