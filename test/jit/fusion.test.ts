import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { DType } from "../../packages/jaxscale/src/base/dtypes.ts";
import { difference, onDevice, onHost, randomNumbers, reference, tensorOf } from "../tensors.ts";
import "../setup.ts";

const { jit, lax, nn, numpy: jnp } = jax;
type A = jax.Array;
type F = (...args: A[]) => unknown;

await jax.ready();

const struct = (shape: readonly number[], dtype: DType = "float32"): A =>
  new jax.ShapeDtypeStruct(shape, dtype) as unknown as A;

/** The steps that a function becomes. */
async function stepsOf(f: F, ...args: A[]): Promise<string[]> {
  const { program } = await jit(f)
    .lower(...args)
    .compile();
  return program.segments
    .flatMap((s) => s.steps)
    .map((step) => (step.kind === "dispatch" ? program.kernels[step.kernel].name : step.kind));
}

const temporaryBytes = async (f: F, ...args: A[]): Promise<number> =>
  (
    await jit(f)
      .lower(...args)
      .compile()
  ).memoryAnalysis().temporarySizeBytes;

const rmsNorm = (x: A, gain: A): A =>
  x.mul(lax.rsqrt(jnp.mean(x.mul(x), { axis: -1, keepdims: true }).add(1e-6))).mul(gain);

const oneKernel: Readonly<Record<string, readonly [F, ...A[]]>> = {
  "an elementwise chain with broadcasts": [
    (x, b) => jnp.tanh(x.mul(2).add(b)).sub(jnp.exp(x)).div(3),
    struct([8, 100]),
    struct([100]),
  ],
  "movement before and after elementwise work": [(x) => jnp.flip(jnp.exp(x.T).reshape([4, 8, 5]), 1), struct([8, 20])],
  "two results of one elementwise chain": [(x) => [x.mul(2), jnp.sin(x.mul(2))], struct([64])],
  "softmax along rows": [(x) => nn.softmax(x), struct([64, 1000])],
  "softmax along columns": [(x) => nn.softmax(x, { axis: 0 }), struct([64, 1000])],
  "log-softmax of bfloat16": [(x) => nn.logSoftmax(x), struct([8, 300], "bfloat16")],
  RMSNorm: [rmsNorm, struct([8, 512]), struct([512])],
  "RMSNorm of bfloat16 in float32": [
    (x, g) => rmsNorm(x.astype("float32"), g).astype("bfloat16"),
    struct([8, 512], "bfloat16"),
    struct([512]),
  ],
  "layer normalization": [(x, g, b) => nn.standardize(x).mul(g).add(b), struct([8, 512]), struct([512]), struct([512])],
  "a residual and the norm after it": [
    (x, y, g) => {
      const sum = x.add(y);
      return [sum, rmsNorm(sum, g)];
    },
    struct([8, 512]),
    struct([8, 512]),
    struct([512]),
  ],
  "several reductions of the same rows": [
    (x) => [x.sum({ axis: 1 }), x.mul(x).sum({ axis: 1 }), x.max({ axis: 1 }), x.argmax({ axis: 1 })],
    struct([8, 512]),
  ],
  "cross entropy of rows": [
    (x, y) => nn.logsumexp(x, { axis: -1 }).sub(x.mul(nn.oneHot(y, 100)).sum({ axis: -1 })),
    struct([8, 100]),
    struct([8], "int32"),
  ],
  "a product with bias, activation and residual": [
    (x, w, b, r) => nn.silu(x.dot(w).add(b)).add(r),
    struct([64, 128]),
    struct([128, 256]),
    struct([256]),
    struct([64, 256]),
  ],
  "a product with gelu and a cast": [
    (x, w, b) => nn.gelu(x.dot(w).add(b)).astype("bfloat16"),
    struct([64, 128]),
    struct([128, 256]),
    struct([256]),
  ],
  "a product with bfloat16 weights read as float32": [
    (x, w) => x.dot(w.astype("float32")),
    struct([4, 512]),
    struct([512, 256], "bfloat16"),
  ],
  "a product with int8 weights and scales": [
    (x, w, s) => x.dot(w.astype("float32").mul(s)),
    struct([4, 512]),
    struct([512, 256], "int8"),
    struct([256]),
  ],
  "a product of transposed operands": [(x, w) => x.T.dot(w.T), struct([128, 16]), struct([256, 128])],
  "a product with gathered experts": [
    (x, w, ids) => jnp.einsum("td,tdh->th", x, w.slice(ids)),
    struct([4, 128]),
    struct([8, 128, 256]),
    struct([4], "int32"),
  ],
  "a product with two gathered experts a token": [
    (x, w, ids) => jnp.einsum("td,tedh->teh", x, w.slice(ids)),
    struct([4, 128]),
    struct([8, 128, 256], "bfloat16"),
    struct([4, 2], "int32"),
  ],
  "an update at a computed index": [
    (x, row, i) => lax.dynamicUpdateSlice(x, row, [i.mul(2).add(1), 0]),
    struct([32, 8]),
    struct([1, 8]),
    struct([], "int32"),
  ],
};

for (const [what, [f, ...args]] of Object.entries(oneKernel))
  test(`one kernel: ${what}`, async () => {
    const steps = await stepsOf(f, ...args);
    const kernels = steps.filter((step) => step !== "copy");
    assert.is(kernels.length, 1, steps.join(", "));
    assert.is(await temporaryBytes(f, ...args), 0);
  });

test("what is fused computes what the reference does", async () => {
  const random = randomNumbers(11);
  for (const [what, [f, ...args]] of Object.entries(oneKernel)) {
    const tensors = args.map(({ shape, dtype }) =>
      tensorOf(shape, dtype, () =>
        dtype === "int32"
          ? Math.floor(random() * 4)
          : dtype === "int8"
            ? Math.floor(random() * 20 - 10)
            : random() - 0.5,
      ),
    );
    const flat = (...arrays: A[]): A[] => jax.tree.leaves(f(...arrays)) as A[];
    const wanted = await reference(flat, tensors);
    const got = jit(flat)(...tensors.map(onDevice));
    const coarse = args.some((a) => a.dtype === "bfloat16") || wanted.some((w) => w.dtype === "bfloat16");
    for (const [i, want] of wanted.entries())
      assert.is(
        difference(await onHost(got[i]), want, coarse ? { rel: 2 ** -7, abs: 1e-3 } : { rel: 2e-5, abs: 2e-5 }),
        undefined,
        `${what}, result ${i}`,
      );
  }
});

test("the row a reduction folds is that of its own axis, not of one that happens to be as long", async () => {
  const square = tensorOf([4, 4], "float32", (i) => i);
  const f: (...args: A[]) => A[] = (x) => {
    const y = x.mul(2);
    const rows = y.sum({ axis: 1 });
    return [y, rows, y.sum({ axis: 0 }), y.mul(rows).sum({ axis: 0 }), y.mul(rows).sum({ axis: 1 })];
  };
  const wanted = await reference(f, [square]);
  const got = jit(f)(onDevice(square));
  for (const [i, want] of wanted.entries()) assert.is(difference(await onHost(got[i]), want), undefined, `result ${i}`);
});

test("a reduction over no axes is not taken for elementwise work within the next one", async () => {
  const pair = tensorOf([2], "float32", (i) => [-10, -7][i]);
  const f = (x: A): A[] => {
    const same = lax.reduceMin(x, []);
    return [same, lax.argmax(same, { axis: 0 })];
  };
  const [same, at] = jit(f)(onDevice(pair)) as unknown as A[];
  assert.equal([await same.toList(), await at.item()], [[-10, -7], 1]);
});

// ---- a transformer block ------------------------------------------------------

interface BlockWeights {
  readonly norm1: A;
  readonly q: A;
  readonly k: A;
  readonly v: A;
  readonly o: A;
  readonly norm2: A;
  readonly gate: A;
  readonly up: A;
  readonly down: A;
}

const [tokens, hidden, heads, inner] = [128, 512, 8, 1536];
const blockShapes = {
  norm1: [hidden],
  q: [hidden, hidden],
  k: [hidden, hidden],
  v: [hidden, hidden],
  o: [hidden, hidden],
  norm2: [hidden],
  gate: [hidden, inner],
  up: [hidden, inner],
  down: [inner, hidden],
};

function block(x: A, w: BlockWeights): A {
  const split = (y: A): A => y.reshape([tokens, heads, hidden / heads]);
  const h = rmsNorm(x, w.norm1);
  const [q, k, v] = [w.q, w.k, w.v].map((m) => split(h.dot(m)));
  const scores = jnp.einsum("thd,shd->hts", q, k).mul(1 / Math.sqrt(hidden / heads));
  const causal = jnp.tril(jnp.ones([tokens, tokens], { dtype: "bool" }));
  const probabilities = nn.softmax(jnp.where(causal, scores, -1e30));
  const attended = jnp.einsum("hts,shd->thd", probabilities, v).reshape([tokens, hidden]);
  const y = x.add(attended.dot(w.o));
  const g = rmsNorm(y, w.norm2);
  return y.add(nn.silu(g.dot(w.gate)).mul(g.dot(w.up)).dot(w.down));
}

test("one call of a transformer block is one submit of about ten kernels", async () => {
  const w = Object.fromEntries(
    Object.entries(blockShapes).map(([name, shape]) => [
      name,
      jnp.full(shape, shape.length === 1 ? 1 : 0.01, { dtype: "float32" }),
    ]),
  ) as unknown as BlockWeights;
  const x = jnp.sin(jnp.arange(tokens * hidden).astype("float32")).reshape([tokens, hidden]);
  const f = jit(block);
  await f(x, w).blockUntilReady();
  const before = { ...jax.statistics() };
  const y = f(x, w);
  await y.blockUntilReady();
  const after = jax.statistics();
  assert.is(after.submits - before.submits, 1);
  assert.is(after.launches - before.launches, 1);
  const dispatches = after.dispatches - before.dispatches;
  assert.ok(dispatches <= 13, `${dispatches} dispatches`);
  const values = await y.data();
  assert.ok(values.every(Number.isFinite));
});

test("calls of one turn may share a submit, and never take more than one each", async () => {
  const f = jit((x: A) => jnp.tanh(x).dot(x));
  let x = jnp.ones([16, 16]);
  x = f(x);
  await x.blockUntilReady();
  const before = { ...jax.statistics() };
  for (let i = 0; i < 5; i++) x = f(x);
  await x.blockUntilReady();
  assert.ok(jax.statistics().submits - before.submits <= 5);
});

// ---- depth ---------------------------------------------------------------------

const width = 64;
type Mlp = { readonly norm: A; readonly up: A; readonly down: A };
const mlpType = (): Mlp => ({
  norm: struct([width]),
  up: struct([width, 4 * width]),
  down: struct([4 * width, width]),
});
const network = jit(
  (x: A, blocks: readonly Mlp[], head: A) => {
    let h = x;
    for (const { norm, up, down } of blocks) h = h.add(nn.gelu(rmsNorm(h, norm).dot(up)).dot(down));
    return h.dot(head);
  },
  { name: "network" },
);
const compiledWith = (depth: number) =>
  network.lower(struct([32, width]), Array.from({ length: depth }, mlpType), struct([width, 10])).compile();

test("40 blocks have the kernels of one block and the ends", async () => {
  const [one, forty] = [await compiledWith(1), await compiledWith(40)];
  assert.is(forty.program.kernels.length, one.program.kernels.length);
  assert.is(one.program.kernels.length, 4);
  const steps = forty.program.segments.flatMap((s) => s.steps);
  assert.is(steps.length, 40 * 3 + 1);
});

test("the memory of 40 blocks is that of 4, weights aside", async () => {
  const withoutWeights = async (depth: number): Promise<number> => {
    const { peakSizeBytes, argumentSizeBytes } = (await compiledWith(depth)).memoryAnalysis();
    return peakSizeBytes - argumentSizeBytes;
  };
  const [four, forty] = [await withoutWeights(4), await withoutWeights(40)];
  assert.ok(forty <= 1.05 * four, `${forty} bytes for 40, ${four} for 4`);
});

test("tracing, lowering and printing 40 blocks stays within a second or so", async () => {
  // Not a benchmark: what would be quadratic shows as ten times this.
  const started = performance.now();
  const lowered = network.lower(struct([16, width]), Array.from({ length: 40 }, mlpType), struct([width, 10]));
  lowered.asText("wgsl");
  assert.ok(performance.now() - started < 10_000);
});

test.run();
