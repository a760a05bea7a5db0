/** Attention and experts, in times of what they replace: `npx tsx bench/attention.ts [--rounds=7]`. */
import { parseArgs } from "node:util";
import * as jax from "jaxscale";
import { atMost, counted } from "./figures.ts";
import type { Figure } from "./record.ts";
import { median, takeTurns } from "./statistics.ts";
import { runSuite } from "./suite.ts";

const { jit, lax, nn, numpy: jnp } = jax;
type A = jax.Array;
const { values } = parseArgs({ options: { rounds: { type: "string", default: "7" } } });
const rounds = Number(values.rounds);

const timed = (call: () => A) => async (): Promise<number> => {
  const started = performance.now();
  const result = call();
  await result.blockUntilReady();
  const elapsed = performance.now() - started;
  result.dispose();
  return elapsed;
};
const ones = (shape: number[], dtype: jax.DType = "float32"): A => jnp.full(shape, 0.01, { dtype });

/** A share that must not be above another. */
const shareAtMost = (name: string, share: number, most: number): Figure => atMost(name, 100 * share, "%", 100 * most);
const ratio = (a: readonly number[], b: readonly number[]): number => median(a.map((time, i) => time / b[i]));

await runSuite(async ({ add }) => {
  await jax.ready();

  // Decode: one query of 8 heads over a cache of 8192 places.
  const [capacity, heads, size] = [8192, 8, 64];
  const decode = jit((q: A, k: A, v: A, n: A) => nn.dotProductAttention(q, k, v, { keyValueSeqLengths: n }));
  const query = ones([1, 1, heads, size]);
  const cache = ones([1, capacity, heads, size], "bfloat16").astype("float32");
  const lengths = (n: number): A => jnp.array([n], { dtype: "int32" });
  const [few, all] = [lengths(128), lengths(capacity)];
  const d = await takeTurns(
    { few: timed(() => decode(query, cache, cache, few)), all: timed(() => decode(query, cache, cache, all)) },
    { rounds },
  );
  add({
    name: `decode attention, 128 of ${capacity} present`,
    unit: "ms",
    samples: { jaxscale: d.few, "own, all present": d.all },
    figures: [shareAtMost("of the time of all", ratio(d.few, d.all), 0.1)],
  });

  // Prefill: against the same formula unfused.
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
  const p = await takeTurns({ fused: timed(() => fused(x, x, x)), unfused: timed(() => unfused(x, x, x)) }, { rounds });
  add({
    name: `causal attention, ${tokens} tokens`,
    unit: "ms",
    samples: { jaxscale: p.fused, "own, unfused": p.unfused },
    figures: [
      counted("temporary memory", ours, "bytes"),
      shareAtMost("of the unfused memory", ours / plain, 0.125),
      shareAtMost("of the unfused time", ratio(p.fused, p.unfused), 1),
    ],
  });

  // Decode of experts, against a dense product that reads as many bytes.
  const [experts, chosen, hidden, inner] = [64, 4, 2048, 1536];
  const weights = ones([experts, inner, hidden], "bfloat16");
  const dense = ones([chosen * inner, hidden], "bfloat16");
  const token = ones([1, hidden]);
  const ids = jnp.array([3, 60, 17, 41], { dtype: "int32" });
  const gathered = jit((t: A, w: A, i: A) => jnp.einsum("nh,kih->nki", t, jnp.take(w, i, { axis: 0, mode: "clip" })));
  const matrix = jit((t: A, w: A) => jnp.einsum("nh,ih->ni", t, w));
  const e = await takeTurns(
    { gathered: timed(() => gathered(token, weights, ids)), dense: timed(() => matrix(token, dense)) },
    { rounds },
  );
  add({
    name: `${chosen} of ${experts} experts, one token`,
    unit: "ms",
    samples: { jaxscale: e.gathered, "own, dense of as many bytes": e.dense },
    figures: [shareAtMost("of the dense time", ratio(e.gathered, e.dense), 1.3)],
  });

  const groups = jnp.array([8, 0, 24, ...new Array<number>(experts - 3).fill(0)], { dtype: "int32" });
  const ragged = jit((t: A, w: A, g: A) => lax.raggedDot(t, w, g));
  const rows = ones([32, hidden]);
  const byExpert = weights.reshape([experts, hidden, inner]);
  const r = await takeTurns({ ragged: timed(() => ragged(rows, byExpert, groups)) }, { rounds });
  add({ name: `raggedDot, 32 rows in 2 groups of ${experts}`, unit: "ms", samples: { jaxscale: r.ragged } });
});
