import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Client } from "../../packages/jaxscale/src/runtime/client.ts";
import type { LazyProgram } from "../../packages/jaxscale/src/runtime/lazy-program.ts";
import { dispatch, floats, lazy, rawKernel, rawProgram } from "./raw-programs.ts";
import { clientWith } from "./settings.ts";

/** y = 2 * (x + 1), through a temporary and a constant. */
function twoKernels(size: number): LazyProgram {
  const access = ["read", "read_write"] as const;
  const sizeBytes = size * 4;
  const ones = new Uint32Array(Float32Array.from({ length: size }, () => 1).buffer);
  return lazy(
    rawProgram({
      name: "two_kernels",
      kernels: [
        rawKernel("add", ["read", "read", "read_write"], "b2[i] = b0[i] + b1[i];"),
        rawKernel("double", access, "b1[i] = 2.0 * b0[i];"),
      ],
      slots: [
        { kind: "argument", index: 0, sizeBytes },
        { kind: "constant", index: 0, sizeBytes },
        { kind: "temporary", arena: 0, offsetBytes: 0, sizeBytes },
        { kind: "output", index: 0, sizeBytes },
      ],
      arenas: [sizeBytes],
      steps: [dispatch(0, [0, 1, 2], ["read", "read", "read_write"], size), dispatch(1, [2, 3], access, size)],
      results: [3],
    }),
    { constants: [{ words: ones, sizeBytes }] },
  );
}

/** Three calls in a row on fresh data; the last value of each. */
async function scenario(client: Client, f: LazyProgram, size: number): Promise<number[]> {
  const seen: number[] = [];
  let x = client.upload(new Uint32Array(size));
  for (let i = 0; i < 3; i++) {
    [x] = client.launch(f, [x]);
    seen.push(floats((await client.read(x)).subarray(size - 1))[0]);
  }
  return seen;
}

/** Makes the device say that it could not make its `nth` buffer from now. */
function refuseBuffer(gpu: GPUDevice, nth: number): { readonly stop: () => boolean } {
  const createBuffer = gpu.createBuffer.bind(gpu);
  const popErrorScope = gpu.popErrorScope.bind(gpu);
  let left = nth;
  let refusing = false;
  let happened = false;
  gpu.createBuffer = (descriptor) => {
    if (left-- === 0) refusing = happened = true;
    return createBuffer(descriptor);
  };
  gpu.popErrorScope = async () => {
    const refused = refusing;
    refusing = false;
    const error = await popErrorScope();
    return refused ? ({ message: "no memory left" } as GPUError) : error;
  };
  return {
    stop: () => {
      left = -1;
      return happened;
    },
  };
}

for (const size of [64, 2 ** 20])
  test(`whichever allocation of ${size * 4} bytes fails, results are right or an error says why, and work goes on`, async () => {
    for (let nth = 0; ; nth++) {
      const client = clientWith();
      const f = twoKernels(size);
      const { gpu } = await client.device();
      const { stop } = refuseBuffer(gpu, nth);
      try {
        assert.equal(await scenario(client, f, size), [2, 6, 14]);
      } catch (error) {
        assert.ok(error instanceof Error);
        assert.match(error.message, /memory: arrays must fit the device's memory; .*no memory left/s);
      }
      const done = !stop();
      assert.equal(await scenario(client, f, size), [2, 6, 14]);
      gpu.destroy();
      if (done) break;
      assert.ok(nth < 50);
    }
  });

test("wherever the device is lost, results are right or an error says so, and work goes on", async () => {
  const size = 64;
  for (let steps = 0; steps < 12; steps++) {
    const client = clientWith();
    const f = twoKernels(size);
    await client.ready();
    const { gpu } = await client.device();
    const running = scenario(client, f, size).catch((error: Error) => error);
    for (let i = 0; i < steps; i++) await new Promise((resolve) => setTimeout(resolve, i % 3));
    gpu.destroy();
    const outcome = await running;
    if (outcome instanceof Error) assert.match(outcome.message, /was lost \(destroyed\)/);
    else assert.equal(outcome, [2, 6, 14]);
    assert.equal(await scenario(client, f, size), [2, 6, 14]);
  }
});
test.run();
