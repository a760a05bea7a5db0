import fc from "fast-check";
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type DType, rangeOf } from "../../packages/jaxscale/src/base/dtypes.ts";
import { sizeOf } from "../../packages/jaxscale/src/base/shapes.ts";
import { difference, onDevice, onHost, reference, tensorOf } from "../tensors.ts";
import { type Chain, chains, families, functionOf, seeds, shapes, tensorFor } from "./chains.ts";
import { runs } from "./runs.ts";
import "../setup.ts";

const { jit, lax, numpy: jnp } = jax;
type A = jax.Array;

const packed: readonly DType[] = ["bfloat16", "float16", "int16", "uint16", "int8", "uint8", "bool"];

async function check(chain: Chain): Promise<void> {
  const f = functionOf(chain);
  const inputs = chain.inputs.map(tensorFor);
  const wanted = await reference(f, inputs);
  const got = jit(f)(...inputs.map(onDevice)) as unknown as A[];
  for (const [i, want] of wanted.entries()) {
    // Movement alone keeps every bit, the sign of zero too.
    const wrong = difference(await onHost(got[i]), want);
    if (wrong) throw new Error(`result ${i}: ${wrong}`);
  }
}

test("random views of packed dtypes at any offset are bit for bit what the reference gives", async () => {
  await fc.assert(fc.asyncProperty(chains(families.movement, { dtypes: packed }), check), runs(60));
});

test("random permutations, reshapes, broadcasts, joins and pads of float32 too", async () => {
  await fc.assert(fc.asyncProperty(chains(families.movement, { dtypes: ["float32"], maxSteps: 12 }), check), runs(30));
});

// Three calls with other values of one program: compiled once, then only data changes.
const lengths = { cache: 29, row: 5 };
for (const dtype of packed)
  test(`random writes to a ${dtype} array at traced offsets change what they cover, and nothing else`, async () => {
    const put = jit((cache: A, row: A, at: A) => lax.dynamicUpdateSlice(cache, row, [at]), { donateArgnums: 0 });
    const { max } = rangeOf(dtype);
    const whole = (n: number): number => (dtype === "bool" ? n % 2 : n % Math.min(max + 1, 120));
    await fc.assert(
      fc.asyncProperty(
        seeds,
        fc.array(fc.integer({ min: -3, max: 32 }), { minLength: 1, maxLength: 6 }),
        async (seed, offsets) => {
          const mirror = Array.from({ length: lengths.cache }, (_, i) => whole(i * 7 + (seed % 5)));
          let cache = onDevice(tensorOf([lengths.cache], dtype, (i) => mirror[i]));
          for (const [turn, at] of offsets.entries()) {
            const row = Array.from({ length: lengths.row }, (_, i) => whole(i + 3 * turn + 1));
            cache = put(
              cache,
              onDevice(tensorOf([lengths.row], dtype, (i) => row[i])),
              jnp.array(at, { dtype: "int32" }),
            );
            const start = Math.max(0, Math.min(at < 0 ? at + lengths.cache : at, lengths.cache - lengths.row));
            mirror.splice(start, lengths.row, ...row);
          }
          assert.equal([...(await cache.data())], mirror);
        },
      ),
      runs(10),
    );
  });

test("a window of a packed array read at a traced offset is the window", async () => {
  const read = jit((x: A, at: A) => lax.dynamicSlice(x, [at, 0], [3, 5]).reshape([15]));
  const values = tensorOf([11, 7], "bfloat16", (i) => i);
  const x = onDevice(values);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: -14, max: 14 }), async (at) => {
      const start = Math.max(0, Math.min(at < 0 ? at + 11 : at, 8));
      const want = Array.from({ length: 15 }, (_, i) => (start + Math.floor(i / 5)) * 7 + (i % 5));
      assert.equal([...(await read(x, jnp.array(at, { dtype: "int32" })).data())], want);
    }),
    runs(15),
  );
});

// ---- trees ----------------------------------------------------------------------

type Tree = number | null | readonly Tree[] | { readonly [key: string]: Tree };
const trees = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3, depthIdentifier: "tree" },
    fc.nat(100),
    fc.constant(null),
    fc.array(tie("tree"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom("a", "b", "A", "10", "9", "_", "é"), tie("tree"), { maxKeys: 3 }),
  ),
})).tree;

test("random pytrees come out of jit with the structure that went in", async () => {
  await fc.assert(
    fc.asyncProperty(trees, async (tree) => {
      const arrays = jax.tree.map((n) => jnp.array([n as number]), tree);
      const f = jit((t: unknown) => jax.tree.map((x) => (x as A).add(1), t));
      const out = f(arrays);
      assert.is(String(jax.tree.structure(out)), String(jax.tree.structure(arrays)));
      const leaves = await Promise.all((jax.tree.leaves(out) as A[]).map((x) => x.slice(0).item()));
      assert.equal(
        leaves,
        (jax.tree.leaves(tree) as number[]).map((n) => n + 1),
      );
    }),
    runs(15),
  );
});

test("every dtype survives a round trip through the device", async () => {
  await fc.assert(
    fc.asyncProperty(
      shapes,
      fc.constantFrom(...packed, "float32", "int32", "uint32"),
      seeds,
      async (shape, dtype, seed) => {
        const tensor = tensorFor({ shape, dtype: dtype as DType, seed });
        assert.is(tensor.values.length, sizeOf(shape));
        assert.is(difference(await onHost(onDevice(tensor)), tensor), undefined);
      },
    ),
    runs(100),
  );
});

test.run();
