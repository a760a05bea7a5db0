/** Weights of codes and scales: their values, their products without a matrix of floats in memory, and derivatives by their scales. */
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import "../setup.ts";

const { numpy: jnp } = jax;

interface Described {
  readonly shape: readonly number[];
  readonly codes: "int4" | "uint4" | "int8" | "uint8";
  readonly groupSize: number;
  readonly extra: "none" | "zeros" | "biases";
  readonly isShuffled?: boolean;
}

/** A weight of small whole numbers, so that every order of summing gives the same floats; and its matrix on the host. */
function weightOf({ shape, codes, groupSize, extra, isShuffled }: Described) {
  const columns = shape.at(-1) as number;
  const rows = shape.reduce((a, b) => a * b, 1) / columns;
  const groups = Math.ceil(columns / groupSize);
  const first = codes.startsWith("u") ? 0 : -8;
  const q = Array.from({ length: rows * columns }, (_, i) => first + ((i * 7 + (i >> 3)) % 16));
  const s = Array.from({ length: rows * groups }, (_, i) => 1 + (i % 3));
  const z = Array.from({ length: rows * groups }, (_, i) => i % 5);
  const index = Array.from({ length: columns }, (_, c) => (isShuffled ? (c * 3) % groups : Math.floor(c / groupSize)));
  const matrix = q.map((code, i) => {
    const g = Math.floor(i / columns) * groups + index[i % columns];
    return extra === "biases" ? code * s[g] + z[g] : (code - (extra === "zeros" ? z[g] : 0)) * s[g];
  });
  const param = (values: readonly number[], shape: readonly number[], dtype: jax.DType): nnx.Param =>
    new nnx.Param(
      jnp
        .array(values, { dtype: dtype.includes("int") ? "int32" : "float32" })
        .astype(dtype)
        .reshape(...shape),
    );
  const ofGroups = [...shape.slice(0, -1), groups];
  const weight = new nnx.QuantizedWeight(
    {
      codes: param(q, shape, codes),
      scales: param(s, ofGroups, "bfloat16"),
      ...(extra === "zeros" && { zeros: param(z, ofGroups, codes) }),
      ...(extra === "biases" && { biases: param(z, ofGroups, "bfloat16") }),
      ...(isShuffled && { groupIndex: param(index, [...shape.slice(0, -2).map(() => 1), 1, columns], "int32") }),
    },
    { groupSize, dtype: "float32" },
  );
  return { weight, matrix };
}

const kinds: readonly Described[] = [
  { shape: [6, 64], codes: "uint4", groupSize: 32, extra: "zeros" },
  { shape: [6, 64], codes: "int4", groupSize: 16, extra: "none" },
  { shape: [5, 37], codes: "int4", groupSize: 8, extra: "none" },
  { shape: [5, 37], codes: "uint4", groupSize: 37, extra: "biases" },
  { shape: [6, 64], codes: "int8", groupSize: 64, extra: "none" },
  { shape: [3, 4, 40], codes: "uint8", groupSize: 8, extra: "zeros", isShuffled: true },
];

for (const kind of kinds)
  test(`the value of ${kind.codes}[${kind.shape}] in groups of ${kind.groupSize}, with ${kind.extra}`, async () => {
    const { weight, matrix } = weightOf(kind);
    assert.equal([...weight.shape], [...kind.shape]);
    assert.equal([...(await weight.get().data())], matrix);
    const doubled = jax.jit((w: nnx.QuantizedWeight) => jnp.add(w, w))(weight);
    assert.equal(
      [...(await doubled.data())],
      matrix.map((x) => 2 * x),
    );
  });

const { weight, matrix } = weightOf({ shape: [192, 256], codes: "uint4", groupSize: 32, extra: "zeros" });
const matrixBytes = 192 * 256 * 4;
const range = (shape: readonly number[]): jax.Array => {
  const size = shape.reduce((a, b) => a * b, 1);
  return jnp.array(Array.from({ length: size }, (_, i) => i % 5)).reshape(...shape);
};

/** Σ over the last axis of x[m, i] · w[o, i]. */
const expected = (m: number): number[] =>
  Array.from({ length: m * 192 }, (_, at) => {
    const [r, o] = [Math.floor(at / 192), at % 192];
    let sum = 0;
    for (let i = 0; i < 256; i++) sum += ((r * 256 + i) % 5) * matrix[o * 256 + i];
    return sum;
  });

for (const m of [1, 3, 16, 96])
  test(`a product with ${m} rows keeps no matrix of floats`, async () => {
    const product = jax.jit((w: nnx.QuantizedWeight, x: jax.Array) => jnp.einsum("mi,oi->mo", x, w));
    const x = range([m, 256]);
    assert.is((await product.lower(weight, x).compile()).memoryAnalysis().temporarySizeBytes, 0);
    assert.equal([...(await product(weight, x).data())], expected(m));
  });

test("codes that are places in a table of values keep no matrix of floats, and are rounded as the layout says", async () => {
  // Thirds, which bfloat16 rounds.
  const book = Array.from({ length: 16 }, (_, i) => Math.fround((i * i - 40) / 3));
  const coded = weightOf({ shape: [192, 256], codes: "uint4", groupSize: 64, extra: "none" });
  const inBook = (roundedTo?: jax.DType): nnx.QuantizedWeight =>
    new nnx.QuantizedWeight(
      { codes: coded.weight.codes, scales: coded.weight.scales, codebook: new nnx.Param(jnp.array(book)) },
      { groupSize: 64, roundedTo },
    );
  const codes = await coded.weight.codes.get().astype("int32").data();
  const scales = await coded.weight.scales.get().astype("float32").data();
  const products = [...codes].map((code, i) => Math.fround(book[code] * scales[Math.floor(i / 64)]));
  assert.equal([...(await inBook().get().data())], products);
  const brains = [...(await jnp.array(products).astype("bfloat16").astype("float32").data())];
  assert.not.equal(brains, products);
  assert.equal(
    [
      ...(await jax
        .jit((w: nnx.QuantizedWeight) => jnp.add(w, 0))(inBook("bfloat16"))
        .data()),
    ],
    brains,
  );
  for (const m of [1, 3, 96]) {
    const product = jax.jit((w: nnx.QuantizedWeight, x: jax.Array) => jnp.einsum("mi,oi->mo", x, w));
    const lowered = product.lower(inBook("bfloat16"), range([m, 256]));
    assert.is((await lowered.compile()).memoryAnalysis().temporarySizeBytes, 0, `${m} rows`);
  }
});

test("rows of a table are looked up in codes", async () => {
  const look = jax.jit((w: nnx.QuantizedWeight, ids: jax.Array) => jnp.take(w, ids, { axis: 0, mode: "clip" }));
  const ids = jnp.array([190, 0, 7], { dtype: "int32" });
  assert.is((await look.lower(weight, ids).compile()).memoryAnalysis().temporarySizeBytes, 0);
  assert.equal(
    [...(await look(weight, ids).data())],
    [190, 0, 7].flatMap((row) => matrix.slice(256 * row, 256 * (row + 1))),
  );
});

test("chosen experts, and experts of sorted rows, are multiplied with in codes", async () => {
  const experts = weightOf({ shape: [4, 64, 128], codes: "int4", groupSize: 32, extra: "none" });
  const bytes = 4 * 64 * 128 * 4;
  const x = range([2, 128]);
  const at = (row: number, e: number, o: number): number => {
    let sum = 0;
    for (let i = 0; i < 128; i++) sum += ((row * 128 + i) % 5) * experts.matrix[(e * 64 + o) * 128 + i];
    return sum;
  };
  const chosen = jax.jit((w: nnx.QuantizedWeight, ids: jax.Array, x: jax.Array) =>
    jnp.einsum("ni,nkoi->nko", x, jnp.take(w, ids, { axis: 0, mode: "clip" })),
  );
  const choice = [
    [3, 1],
    [0, 3],
  ];
  const ids = jnp.array(choice, { dtype: "int32" });
  assert.ok((await chosen.lower(experts.weight, ids, x).compile()).memoryAnalysis().temporarySizeBytes < bytes / 4);
  assert.equal(
    [...(await chosen(experts.weight, ids, x).data())],
    choice.flatMap((row, r) => row.flatMap((e) => Array.from({ length: 64 }, (_, o) => at(r, e, o)))),
  );
  const sorted = jax.jit((w: nnx.QuantizedWeight, sizes: jax.Array, x: jax.Array) =>
    jax.lax.raggedDotGeneral(x, w, sizes, {
      dotDimensionNumbers: [
        [[1], [2]],
        [[], []],
      ],
      lhsRaggedDimensions: [0],
      rhsGroupDimensions: [0],
    }),
  );
  const sizes = jnp.array([0, 1, 0, 1], { dtype: "int32" });
  assert.ok((await sorted.lower(experts.weight, sizes, x).compile()).memoryAnalysis().temporarySizeBytes < bytes / 4);
  assert.equal(
    [...(await sorted(experts.weight, sizes, x).data())],
    [1, 3].flatMap((e, r) => Array.from({ length: 64 }, (_, o) => at(r, e, o))),
  );
});

test("under vmap and scan", async () => {
  const x = range([3, 256]);
  const one = (w: nnx.QuantizedWeight, row: jax.Array): jax.Array => jnp.einsum("i,oi->o", row, w);
  const mapped = jax.jit((w: nnx.QuantizedWeight, x: jax.Array) => jax.vmap((row: jax.Array) => one(w, row))(x));
  assert.is((await mapped.lower(weight, x).compile()).memoryAnalysis().temporarySizeBytes, 0);
  assert.equal([...(await mapped(weight, x).data())], expected(3));
  const scanned = jax.jit((w: nnx.QuantizedWeight, x: jax.Array) =>
    jax.lax.scan((sum: jax.Array, row: jax.Array) => [sum.add(one(w, row)), one(w, row)], jnp.zeros([192]), x),
  );
  assert.ok((await scanned.lower(weight, x).compile()).memoryAnalysis().temporarySizeBytes < matrixBytes / 4);
  const [, ys] = scanned(weight, x);
  assert.equal([...(await ys.data())], expected(3));
});

test("codes have no derivative, scales have one", async () => {
  const x = range([1, 256]);
  const loss = (scales: jax.Array): jax.Array => {
    const of = new nnx.QuantizedWeight(
      { codes: weight.codes, scales: new nnx.Param(scales), zeros: weight.zeros },
      { groupSize: weight.groupSize },
    );
    return jnp.einsum("mi,oi->mo", x, of).sum();
  };
  const scales = weight.scales.get().astype("float32");
  const gradient = await jax.grad(loss)(scales).data();
  // d/ds[o,g] Σ x[i] (q[o,i] - z[o,g]) s[o,g], by the values: the sum of a group over its scale.
  const s = await scales.data();
  const wanted = Array.from({ length: 192 * 8 }, (_, at) => {
    const [o, g] = [Math.floor(at / 8), at % 8];
    let sum = 0;
    for (let i = 32 * g; i < 32 * g + 32; i++) sum += (i % 5) * matrix[o * 256 + i];
    return sum / s[at];
  });
  for (const [i, value] of gradient.entries())
    assert.ok(Math.abs(value - wanted[i]) < 1e-3, `${i}: ${value}, ${wanted[i]}`);
  assert.throws(() => jax.grad((codes: jax.Array) => codes.astype("float32").sum())(weight.codes.get()), /float/);
});

test("a linear layer takes one in the place of its kernel, through split, merge and jit", async () => {
  const linear = new nnx.Linear(192, 256, { useBias: false, rngs: new nnx.Rngs(0) });
  (linear as { kernel: unknown }).kernel = weight;
  const x = range([2, 192]);
  const run = nnx.jit((layer: nnx.Linear, x: jax.Array) => layer.call(x));
  const got = await run(linear, x).data();
  const [graph, state] = nnx.split(linear);
  assert.equal([...(await nnx.merge(graph, state).call(x).data())], [...got]);
  let sum = 0;
  for (let i = 0; i < 192; i++) sum += (i % 5) * matrix[i * 256];
  assert.is(got[0], sum);
});

test.run();
