// TensorFlow.js, with the same works as ../jaxscale.ts.
import { createRequire } from "node:module";
import { create, globals } from "webgpu";
import { noise, serve } from "./serve.mjs";

Object.assign(globalThis, globals);
// Kept: a collected GPU object crashes its devices.
globalThis.gpu = create([]);
Object.defineProperty(globalThis, "navigator", {
  value: { gpu: globalThis.gpu, userAgent: "node" },
  configurable: true,
});

const require = createRequire(import.meta.url);
const tf = require("@tensorflow/tfjs-core");
require("@tensorflow/tfjs-backend-webgpu");
if (!(await tf.setBackend("webgpu"))) throw new Error("TensorFlow.js finds no WebGPU");
await tf.ready();
const backend = tf.backend();

/** Until a tensor is on the device: reading it back is left out. */
async function timed(call) {
  const run = async () => {
    const started = performance.now();
    const y = call();
    // Submits what it has not by itself: it waits for 15 dispatches.
    if (backend.commandEncoder) {
      backend.endComputePassEncoder();
      backend.submitQueue();
    }
    await backend.queue.onSubmittedWorkDone();
    const elapsed = performance.now() - started;
    y.dispose();
    return elapsed;
  };
  // It compiles with the first results that are read.
  const first = call();
  await first.data();
  first.dispose();
  await run();
  await run();
  return { sample: run };
}

const matrix = (rows, columns) => tf.tensor2d(noise(rows * columns), [rows, columns]);

serve({
  async matmul(n) {
    const [a, b] = [matrix(n, n), matrix(n, n)];
    return timed(() => tf.matMul(a, b));
  },
  async matvec(n) {
    const [x, w] = [matrix(1, n), matrix(n, n)];
    return timed(() => tf.matMul(x, w));
  },
  async matvecTransposed(n) {
    const [x, w] = [matrix(1, n), matrix(n, n)];
    return timed(() => tf.matMul(x, w, false, true));
  },
  async softmax(n) {
    const x = matrix(n, n);
    return timed(() => tf.tidy(() => tf.softmax(x)));
  },
});
