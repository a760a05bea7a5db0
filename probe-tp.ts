process.env.JAXSCALE_DEVICES = "8";

import * as jax from "jaxscale";
import { LanguageModel } from "./packages/models/src/index.ts";
import { makeCaches } from "./packages/models/src/model.ts";
import { fixtures, readGolden } from "./test/models/golden.ts";
import "./test/setup.ts";

const [name, tp, dp, ep, dtype = "float32", caseName = "single", show = ""] = process.argv.slice(2);
const folder = `${fixtures}/${name}`;
const golden = readGolden(folder).cases[caseName as "single"];
const parallelism = { tp: +tp, dp: +dp, ep: +ep };
const model = await LanguageModel.load(folder, { dtype: dtype as jax.DType, parallelism });
console.log(`${model.model.mesh?.mesh}`);
if (show) {
  const { model: m, executables: ex } = model;
  const batch = 1 * +dp;
  const caches = jax.tree.leaves<jax.Array>(makeCaches(m.config, { batch, capacity: 64, dtype: m.dtype }, m.mesh));
  const l = ex.decode.lower(
    ex.weights,
    {
      caches,
      logits: jax.numpy.zeros([batch, m.config.vocabSize]),
      lengths: jax.numpy.zeros([batch], { dtype: "int32" }),
    },
    jax.numpy.zeros([batch], { dtype: "int32" }),
  );
  const text = l.asText("partitioned");
  if (show === "text") console.log(text);
  const found = [
    ...text.matchAll(
      /:([a-z0-9]+\[[^\]]*\]) = (psum|all_gather|pmax|pmin|all_to_all|own_part|ppermute|psum_scatter|axis_index)\[[^\n]*/g,
    ),
  ].map((m) => `${m[2]} ${m[1]} ${m[0].match(/axes=\S+/)?.[0] ?? ""}`);
  const count = new Map<string, number>();
  for (const f of found) count.set(f, (count.get(f) ?? 0) + 1);
  console.log(count);
  await jax.ready();
  const p = l.program(await jax.ready());
  console.log("steps", p.segments.flatMap((s) => s.steps).length, p.kernels.length, p.arenas.join());
}
const prompts = golden.input_ids.map((row, b) => row.slice(golden.attention_mask[b].indexOf(1)));
const rows: number[][] = prompts.map(() => []);
const t = performance.now();
for await (const { tokens } of model.generate(prompts, { doSample: false, maxNewTokens: 24, eosTokenIds: [] }))
  tokens.forEach((t, i) => rows[i].push(t));
console.log(
  performance.now() - t,
  JSON.stringify(rows) === JSON.stringify(golden.greedy.f32)
    ? "same"
    : `other\n${JSON.stringify(rows)}\n${JSON.stringify(golden.greedy.f32)}`,
);
process.exit(0);
