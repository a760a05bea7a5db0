/** JaxScale's side of the bench: its public interface only. */
import * as jax from "jaxscale";
import { block, blockParameters } from "./block.ts";
import { noise } from "./noise.ts";
import { type Sampler, serve } from "./protocol.ts";

const { jit, lax, nn, numpy: jnp } = jax;

const random = (...shape: number[]): jax.Array => jnp.array(noise(shape.reduce((a, b) => a * b, 1))).reshape(shape);

/** Times calls, from the call until its result is on the device. */
async function timed(call: () => jax.Array): Promise<Sampler> {
  const run = async (): Promise<number> => {
    const started = performance.now();
    const y = call();
    await y.blockUntilReady();
    const elapsed = performance.now() - started;
    y.dispose();
    return elapsed;
  };
  await run();
  await run();
  const before = jax.statistics().submits;
  await run();
  return { sample: run, facts: { submits: jax.statistics().submits - before } };
}

const cached = new Map<string, Promise<jax.Array>>();
/** Large operands are shared by the works that read them. */
function operand(key: string, make: () => jax.Array): Promise<jax.Array> {
  let known = cached.get(key);
  if (!known) cached.set(key, (known = make().blockUntilReady()));
  return known;
}
const matrix = (n: number): Promise<jax.Array> => operand(`matrix ${n}`, () => random(n, n));

function tiny(calls: number, chained: boolean): Sampler {
  const f = jit((x: jax.Array, y: jax.Array) => x.mul(2).add(y), { name: "tiny" });
  const x = jnp.array(new Float32Array(8).fill(1));
  const y = jnp.array(new Float32Array(8).fill(2));
  const round = async (): Promise<number> => {
    const results: jax.Array[] = new Array(calls);
    const started = performance.now();
    if (chained) for (let i = 0, at = x; i < calls; i++) results[i] = at = f(at, y);
    else for (let i = 0; i < calls; i++) results[i] = f(x, y);
    const elapsed = performance.now() - started;
    await results[calls - 1].blockUntilReady();
    for (const result of results) result.dispose();
    return (1000 * elapsed) / calls;
  };
  return { sample: round };
}

serve({
  async matmul(n) {
    const [a, b] = [await matrix(n), random(n, n)];
    const f = jit((x: jax.Array, y: jax.Array) => jnp.matmul(x, y));
    return timed(() => f(a, b));
  },
  async matvec(n) {
    const [x, w] = [random(1, n), await matrix(n)];
    const f = jit((a: jax.Array, b: jax.Array) => jnp.matmul(a, b));
    return timed(() => f(x, w));
  },
  async matvecTransposed(n) {
    const [x, w] = [random(1, n), await matrix(n)];
    const f = jit((a: jax.Array, b: jax.Array) => jnp.dot(a, b.T));
    return timed(() => f(x, w));
  },
  async matvecTransposedBfloat16(n) {
    const [x, w] = [random(1, n), await operand(`bfloat16 ${n}`, () => random(n, n).astype("bfloat16"))];
    const f = jit((a: jax.Array, b: jax.Array) => jnp.dot(a, b.T, { preferredElementType: "float32" }));
    return timed(() => f(x, w));
  },
  /** Codes of so many bits; a float16 scale and, of 4 bits, a zero for each group along the depth. */
  async matvecTransposedQuantized(n, bits, group) {
    const dtype = bits === 4 ? "int4" : "int8";
    const codes = await operand(`${dtype} ${n}`, () =>
      random(n, n)
        .mul(2 ** (bits - 1))
        .astype(dtype),
    );
    const scales = random(n, n / group).astype("float16");
    const zeros = jnp.round(random(n, n / group).mul(4)).astype("int4");
    const x = random(1, n);
    const f = jit((a: jax.Array, q: jax.Array, s: jax.Array, z: jax.Array) => {
      const grouped = q.astype("float32").reshape(n, n / group, group);
      const perGroup = (v: jax.Array): jax.Array => v.astype("float32").reshape(n, n / group, 1);
      const shifted = bits === 4 ? grouped.sub(perGroup(z)) : grouped;
      return jnp.dot(a, shifted.mul(perGroup(s)).reshape(n, n).T);
    });
    return timed(() => f(x, codes, scales, zeros));
  },
  async softmax(n) {
    const x = await matrix(n);
    const f = jit((a: jax.Array) => nn.softmax(a, { axis: -1 }));
    return timed(() => f(x));
  },
  async chain(n) {
    const [x, z] = [random(n), random(n)];
    const f = jit((a: jax.Array, b: jax.Array) =>
      jnp
        .sqrt(jnp.square(a).add(jnp.square(b)))
        .mul(0.5)
        .add(a)
        .mul(1.25)
        .sub(0.1),
    );
    return timed(() => f(x, z));
  },
  async topK(n, k) {
    const x = random(1, n);
    const f = jit((a: jax.Array) => lax.topK(a, k)[0]);
    return timed(() => f(x));
  },
  async sort(n) {
    const x = random(1, n);
    const f = jit((a: jax.Array) => jnp.sort(a));
    return timed(() => f(x));
  },
  async block(tokens, hidden, heads, feedForward) {
    const parameters = blockParameters(random, hidden, feedForward);
    const x = random(tokens, hidden);
    const f = jit(block(heads));
    return timed(() => f(parameters, x));
  },
  tinyCall: async (calls) => warmed(tiny(calls, false)),
  tinyCallChained: async (calls) => warmed(tiny(calls, true)),
  async dispatches(count) {
    // Each product needs its own kernel launch; all but the first are of one pipeline.
    const f = jit((x: jax.Array, w: jax.Array) => {
      let y = x;
      for (let i = 0; i < count; i++) y = y.dot(w);
      return y;
    });
    const [x, w] = [random(8, 8), random(8, 8)];
    await f(x, w).blockUntilReady();
    const before = jax.statistics().dispatches;
    await f(x, w).blockUntilReady();
    const dispatches = jax.statistics().dispatches - before;
    const sample = async (): Promise<number> => {
      const started = performance.now();
      const y = f(x, w);
      const elapsed = performance.now() - started;
      await y.blockUntilReady();
      y.dispose();
      return (1000 * elapsed) / dispatches;
    };
    return { sample, facts: { dispatches } };
  },
  async compileBlocks(layers, tokens, hidden, heads, feedForward) {
    const target = await jax.ready();
    // Only types matter here: every layer may be given the same weights.
    const parameters = blockParameters((...shape: number[]) => jnp.zeros(shape), hidden, feedForward);
    const x = jnp.zeros([tokens, hidden]);
    const lowered = (depth: number): jax.Lowered => {
      const layer = block(heads);
      const model = jit((all: (typeof parameters)[], first: jax.Array) => all.reduce((at, p) => layer(p, at), first));
      return model.lower(new Array(depth).fill(parameters), x);
    };
    const sample = async (): Promise<number> => {
      const started = performance.now();
      lowered(layers).asText("wgsl", target);
      return performance.now() - started;
    };
    const pipelines = (depth: number): number => lowered(depth).program(target).kernels.length;
    return { sample, facts: { pipelines: pipelines(layers), ofOneBlock: pipelines(1) } };
  },
});

async function warmed(sampler: Sampler): Promise<Sampler> {
  for (let i = 0; i < 3; i++) await sampler.sample();
  return sampler;
}
