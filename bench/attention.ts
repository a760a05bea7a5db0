/** Attention and experts: `npx tsx bench/attention.ts`. Ratios in one run, entries in turn, medians. */
import * as jax from "jaxscale";
import { median } from "./statistics.ts";

const { jit, lax, nn, numpy: jnp } = jax;
type A = jax.Array;
const rounds = Number(process.argv[2] ?? 7);

/** Medians in ms of calls made in turn, after one call of each that is not counted. */
async function inTurn(calls: Readonly<Record<string, () => A>>): Promise<Record<string, number>> {
  const times = new Map(Object.keys(calls).map((name): [string, number[]] => [name, []]));
  for (let round = -1; round < rounds; round++)
    for (const [name, call] of Object.entries(calls)) {
      const begun = performance.now();
      const result = call();
      await result.blockUntilReady();
      if (round >= 0) times.get(name)?.push(performance.now() - begun);
      result.dispose();
    }
  return Object.fromEntries([...times].map(([name, list]) => [name, median(list)]));
}

await jax.ready();
const ones = (shape: number[], dtype: jax.DType = "float32"): A => jnp.full(shape, 0.01, { dtype });

// Decode: one query of 8 heads over a cache of 8192 places.
const [capacity, heads, size] = [8192, 8, 64];
const decode = jit((q: A, k: A, v: A, lengths: A) => nn.dotProductAttention(q, k, v, { keyValueSeqLengths: lengths }));
const query = ones([1, 1, heads, size]);
const cache = ones([1, capacity, heads, size], "bfloat16").astype("float32");
const lengths = (n: number): A => jnp.array([n], { dtype: "int32" });
const [few, all] = [lengths(128), lengths(capacity)];
const d = await inTurn({ few: () => decode(query, cache, cache, few), all: () => decode(query, cache, cache, all) });
console.log(`decode, capacity ${capacity}: 128 present ${d.few.toFixed(2)} ms, all present ${d.all.toFixed(2)} ms`);
console.log(`  ratio ${((100 * d.few) / d.all).toFixed(1)} % (to reach: ≤ 10 %)`);

// Prefill: 1024 tokens, against the same formula unfused.
const tokens = 1024;
const x = ones([1, tokens, heads, size]);
const fused = jit((q: A, k: A, v: A) => nn.dotProductAttention(q, k, v, { isCausal: true }));
const unfused = jit((q: A, k: A, v: A) => {
  const scores = jnp.einsum("btnh,bsnh->bnts", q, k).mul(size ** -0.5);
  const mask = jnp.tril(jnp.ones([tokens, tokens], { dtype: "bool" }));
  return jnp.einsum("bnts,bsnh->btnh", nn.softmax(jnp.where(mask, scores, -1e30)), v);
});
const temporary = async (f: typeof fused): Promise<number> =>
  (await f.lower(x, x, x).compile()).memoryAnalysis().temporarySizeBytes;
const [ours, plain] = [await temporary(fused), await temporary(unfused)];
const p = await inTurn({ fused: () => fused(x, x, x), unfused: () => unfused(x, x, x) });
console.log(
  `prefill ${tokens}: fused ${p.fused.toFixed(1)} ms, ${ours} B; unfused ${p.unfused.toFixed(1)} ms, ${plain} B`,
);
console.log(
  `  memory ${(ours / plain).toFixed(3)} (to reach: ≤ 0.125), time ${(p.fused / p.unfused).toFixed(2)} (≤ 1)`,
);

// Decode of experts: 4 of 64, against a dense product that reads as many bytes.
const [experts, chosen, hidden, inner] = [64, 4, 2048, 1536];
const weights = ones([experts, inner, hidden], "bfloat16");
const dense = ones([chosen * inner, hidden], "bfloat16");
const token = ones([1, hidden]);
const ids = jnp.array([3, 60, 17, 41], { dtype: "int32" });
const gathered = jit((t: A, w: A, i: A) => jnp.einsum("nh,kih->nki", t, jnp.take(w, i, { axis: 0, mode: "clip" })));
const matrix = jit((t: A, w: A) => jnp.einsum("nh,ih->ni", t, w));
const e = await inTurn({ gathered: () => gathered(token, weights, ids), dense: () => matrix(token, dense) });
console.log(`experts, ${chosen} of ${experts}: gathered ${e.gathered.toFixed(2)} ms, dense ${e.dense.toFixed(2)} ms`);
console.log(`  ratio ${(e.gathered / e.dense).toFixed(2)} (to reach: ≤ 1.3)`);

const groups = jnp.array([8, 0, 24, ...new Array<number>(experts - 3).fill(0)], { dtype: "int32" });
const ragged = jit((t: A, w: A, g: A) => lax.raggedDot(t, w, g));
const r = await inTurn({ ragged: () => ragged(ones([32, hidden]), weights.reshape([experts, hidden, inner]), groups) });
console.log(`raggedDot, 32 rows in 2 groups of ${experts}: ${r.ragged.toFixed(1)} ms`);
process.exit(0);
