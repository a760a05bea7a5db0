/** Drivers that compile at the first dispatch are made to do so beforehand, on two devices at once. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Client } from "../../packages/jaxscale/src/runtime/client.ts";
import type { Device } from "../../packages/jaxscale/src/runtime/device.ts";
import { PipelineWarmer } from "../../packages/jaxscale/src/runtime/warm-pipelines.ts";
import { printRaw, rawKernel } from "./raw-programs.ts";

let made = 0;
const client = new Client({ printKernel: printRaw });

/** Pipelines that a device dispatches from now on; each submit seems to take as long as compiling. */
function watch(gpu: GPUDevice): GPUComputePipeline[] {
  const used: GPUComputePipeline[] = [];
  const createCommandEncoder = gpu.createCommandEncoder.bind(gpu);
  gpu.createCommandEncoder = (descriptor) => {
    const encoder = createCommandEncoder(descriptor);
    const begin = encoder.beginComputePass.bind(encoder);
    encoder.beginComputePass = (pass) => {
      const made = begin(pass);
      const setPipeline = made.setPipeline.bind(made);
      made.setPipeline = (pipeline) => {
        used.push(pipeline);
        setPipeline(pipeline);
      };
      return made;
    };
    return encoder;
  };
  const { queue } = gpu;
  const done = queue.onSubmittedWorkDone.bind(queue);
  queue.onSubmittedWorkDone = async () => {
    await new Promise((resolve) => setTimeout(resolve, 60));
    return done();
  };
  return used;
}

/** A device whose driver is said to compile late, with `count` pipelines that nothing has used. */
async function lateDevice(count: number, openSecond: (device: Device) => Promise<GPUDevice>): Promise<Device> {
  const device = await client.device();
  device.pipelines.takeFresh();
  const kernels = Array.from({ length: count }, () => rawKernel("add", ["read_write"], `b0[i] += ${made++}f;`));
  await Promise.all(kernels.map((kernel) => device.pipelines.get(kernel)));
  const target = { ...device.target, traits: { ...device.target.traits, compilesAtFirstDispatch: true } };
  return { ...device, target, openSecond: () => openSecond(device) };
}

test("a second device takes part of many pipelines; the first dispatches each, and the second is given back", async () => {
  let second: GPUDevice | undefined;
  let usedThere: readonly GPUComputePipeline[] = [];
  const device = await lateDevice(8, async (own) => {
    second = await own.openSecond();
    usedThere = watch(second);
    return second;
  });
  const usedHere = watch(device.gpu);
  await new PipelineWarmer().warm(device);
  assert.is(new Set(usedHere).size, 8);
  assert.ok(usedThere.length > 0 && usedThere.length < 8, `the second device compiled ${usedThere.length}`);
  assert.is((await (second as unknown as GPUDevice).lost).reason, "destroyed");
});

test("without a second device the first compiles all", async () => {
  const device = await lateDevice(5, () => Promise.reject(new Error("no more devices")));
  const usedHere = watch(device.gpu);
  await new PipelineWarmer().warm(device);
  assert.is(new Set(usedHere).size, 5);
});

test.run();
