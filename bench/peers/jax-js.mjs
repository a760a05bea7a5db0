// jax-js, with the same works as ../jaxscale.ts.
import "./iterator-helpers.mjs";
import { create, globals } from "webgpu";
import { noise, serve } from "./serve.mjs";

Object.assign(globalThis, globals);
// Kept: a collected GPU object crashes its devices.
globalThis.gpu = create([]);
Object.defineProperty(globalThis, "navigator", {
  value: { gpu: globalThis.gpu, userAgent: "node" },
  configurable: true,
});

const jax = await import("@jax-js/jax");
const { numpy: np, jit, nn, tree, blockUntilReady } = jax;
if (!(await jax.init("webgpu")).includes("webgpu")) throw new Error("jax-js finds no WebGPU");
jax.defaultDevice("webgpu");
const { queue } = jax.getWebGPUDevice();
let submits = 0;
const submit = queue.submit;
Object.getPrototypeOf(queue).submit = function (...args) {
  submits++;
  return submit.apply(this, args);
};

const random = (...shape) => np.array(noise(shape.reduce((a, b) => a * b, 1)), { shape });

async function timed(call) {
  const run = async () => {
    const started = performance.now();
    const y = call();
    await blockUntilReady([y]);
    const elapsed = performance.now() - started;
    y.dispose();
    return elapsed;
  };
  await run();
  await run();
  submits = 0;
  await run();
  return { sample: run, facts: { submits } };
}

function tiny(calls, chained) {
  const f = jit((x, y) => x.mul(2).add(y));
  const x = np.array(new Float32Array(8).fill(1));
  const y = np.array(new Float32Array(8).fill(2));
  return async () => {
    const started = performance.now();
    if (chained) {
      let at = x.ref;
      for (let i = 0; i < calls; i++) at = f(at, y.ref);
      const elapsed = performance.now() - started;
      await blockUntilReady([at]);
      at.dispose();
      return (1000 * elapsed) / calls;
    }
    const results = [];
    for (let i = 0; i < calls; i++) results.push(f(x.ref, y.ref));
    const elapsed = performance.now() - started;
    await blockUntilReady(results);
    for (const result of results) result.dispose();
    return (1000 * elapsed) / calls;
  };
}
async function warmed(sample) {
  for (let i = 0; i < 3; i++) await sample();
  return { sample };
}

const matvec = async (n, f) => {
  const [x, w] = [random(1, n), random(n, n)];
  return timed(() => f(x.ref, w.ref));
};

// Weights lie as [out, in]; arrays are used up by each use unless `.ref` is taken.
const linear = (w, x) => np.dot(x, w.transpose());
function rmsNorm(x, weight) {
  const meanSquare = x.ref.mul(x.ref).mean(-1, { keepdims: true });
  return x.div(np.sqrt(meanSquare.add(1e-5))).mul(weight);
}
const block = (tokens, hidden, heads) => (p, x) => {
  const normed = rmsNorm(x.ref, p.norm1);
  const split = (y) => y.reshape([tokens, heads, hidden / heads]);
  const [q, k] = [split(linear(p.q, normed.ref)), split(linear(p.k, normed.ref))];
  const v = split(linear(p.v, normed));
  const attended = nn.dotProductAttention(q, k, v, { isCausal: true }).reshape([tokens, hidden]);
  const y = x.add(linear(p.o, attended));
  const again = rmsNorm(y.ref, p.norm2);
  return y.add(linear(p.down, nn.silu(linear(p.gate, again.ref)).mul(linear(p.up, again))));
};

serve({
  async matmul(n) {
    const [a, b] = [random(n, n), random(n, n)];
    const f = jit((x, y) => np.matmul(x, y));
    return timed(() => f(a.ref, b.ref));
  },
  matvec: (n) =>
    matvec(
      n,
      jit((x, w) => np.matmul(x, w)),
    ),
  matvecTransposed: (n) =>
    matvec(
      n,
      jit((x, w) => np.dot(x, w.transpose())),
    ),
  async softmax(n) {
    const x = random(n, n);
    const f = jit((a) => nn.softmax(a, -1));
    return timed(() => f(x.ref));
  },
  async chain(n) {
    const [x, z] = [random(n), random(n)];
    const f = jit((a, b) =>
      np
        .sqrt(np.square(a.ref).add(np.square(b)))
        .mul(0.5)
        .add(a)
        .mul(1.25)
        .sub(0.1),
    );
    return timed(() => f(x.ref, z.ref));
  },
  async sort(n) {
    const x = random(1, n);
    const f = jit((a) => np.sort(a));
    return timed(() => f(x.ref));
  },
  async block(tokens, hidden, heads, feedForward) {
    const square = () => random(hidden, hidden);
    const p = {
      norm1: random(hidden),
      norm2: random(hidden),
      q: square(),
      k: square(),
      v: square(),
      o: square(),
      gate: random(feedForward, hidden),
      up: random(feedForward, hidden),
      down: random(hidden, feedForward),
    };
    const x = random(tokens, hidden);
    const f = jit(block(tokens, hidden, heads));
    return timed(() => f(tree.ref(p), x.ref));
  },
  tinyCall: (calls) => warmed(tiny(calls, false)),
  tinyCallChained: (calls) => warmed(tiny(calls, true)),
});
