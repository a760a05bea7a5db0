/** GLM on a mesh: the same answers from two, four and eight devices, what moves between them, and attention split by hand. */

// Eight logical devices of one GPU; without it there is one. Set before the first mesh is made.
process.env.JAXSCALE_DEVICES ??= "8";

import { join } from "node:path";
import {
  LanguageModel,
  LatentCache,
  ModelMesh,
  MultiHeadLatentAttention,
  type Parallelism,
  stepAt,
} from "@jaxscale/models";
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";

const folder = (name: string): string => join(import.meta.dirname, "checkpoints", name);
const question = [{ role: "user", content: "What is the capital of France?" }];

async function answer(name: string, parallelism: Parallelism): Promise<string> {
  const model = await LanguageModel.load(folder(name), { dtype: "float32", parallelism });
  console.log(`\n${name} on ${model.model.mesh?.mesh ?? "one device"}`);
  let text = "";
  const generated = model.generateText([question], { doSample: false, maxNewTokens: 16 });
  for await (const { texts } of generated) text += texts[0];
  if (model.model.mesh) describe(model);
  model.dispose();
  return text;
}

/** Where some weights lie. */
function describe({ model }: LanguageModel): void {
  for (const [path, leaf] of nnx.state(model, nnx.Param)) {
    const key = path.join(".");
    if (!/^model\.layers\.1\..*(q_proj|q_b_proj|k_proj|o_proj|gate_up_proj|down_proj)/.test(key)) continue;
    const weight = (leaf as nnx.Param).get() as jax.DeviceArray;
    const { spec } = weight.sharding as jax.NamedSharding;
    console.log(
      `  ${key.slice("model.layers.1.".length).padEnd(40)} [${weight.shape}] by ${spec}: [${weight.sharding.shardShape(weight.shape)}] a device`,
    );
  }
}

for (const [name, ...meshes] of [
  ["glm-4-tiny", { tp: 2 }, { tp: 4, dp: 2 }],
  ["glm-4.7-flash-tiny", { tp: 2, ep: 4 }],
] as const) {
  const alone = await answer(name, {});
  for (const parallelism of meshes)
    console.log((await answer(name, parallelism)) === alone ? `the same answer: ${alone}` : "another answer");
}

// Latent attention, split over its heads: once by the compiler, from how the weights lie, and once by hand.
const sizes = {
  hiddenSize: 512,
  numAttentionHeads: 20,
  qLoraRank: 192,
  kvLoraRank: 128,
  qkNopeHeadDim: 48,
  qkRopeHeadDim: 16,
  vHeadDim: 64,
  attentionBias: false,
  rmsNormEps: 1e-5,
};
const [devices, capacity, present] = [4, 512, 400];
const rope = { theta: 1e6, headDim: 16, rotaryDim: 16, pairing: "interleaved" } as const;
const mesh = new ModelMesh(jax.makeMesh([devices], ["tensor"]), { heads: ["tensor"] });

const whole = new MultiHeadLatentAttention(sizes, "float32");
const parameters = jax.tree.leaves<nnx.Param>(whole, { isLeaf: (x: unknown) => x instanceof nnx.Param });
const weights = parameters.map((parameter, i) => {
  const value = jax.random.normal(jax.random.key(i), parameter.shape).mul(0.05);
  return parameter.replace(jax.devicePut(value, mesh.shardingOf(parameter)));
});
const specs = parameters.map((parameter) => mesh.shardingOf(parameter).spec);
const local = jax.tree.structure(
  new MultiHeadLatentAttention({ ...sizes, numAttentionHeads: sizes.numAttentionHeads / devices }, "float32"),
);

type Decode = (weights: readonly jax.Array[], latents: jax.Array, x: jax.Array) => [jax.Array, jax.Array];
/** One token behind those in the cache, by a module of all heads or of some. */
const decodeBy =
  (tree: typeof local): Decode =>
  (values, latents, x) => {
    const module = jax.tree.unflatten<MultiHeadLatentAttention>(tree, values);
    const cache = new LatentCache(latents);
    const start = jax.numpy.full([1], present, { dtype: "int32" });
    const attended = module.call(x, stepAt(start, 1, rope, { isFirst: false }), cache);
    return [attended, cache.values.get()];
  };
const byCompiler = decodeBy(jax.tree.structure(whole));
const onDevice = decodeBy(local);
const byHand = jax.shardMap(
  ((values, latents, x) => {
    const [part, cache] = onDevice(values, latents, x);
    return [jax.lax.psum(part, "tensor"), cache];
  }) as Decode,
  { mesh: mesh.mesh, inSpecs: [specs, jax.P(), jax.P()], outSpecs: jax.P() },
);

const x = jax.random.normal(jax.random.key(99), [1, 1, sizes.hiddenSize]);
const results: jax.Array[] = [];
console.log();
for (const [name, decode] of [
  ["by the compiler", byCompiler],
  ["by shardMap", byHand],
] as const) {
  const jitted = jax.jit(decode, { name: "decode", donateArgnums: 1 });
  let cache = jax.random.normal(jax.random.key(100), [1, capacity, sizes.kvLoraRank + sizes.qkRopeHeadDim]);
  const values = weights.map((weight) => weight.get() as jax.Array);
  const moved =
    jitted
      .lower(values, cache, x)
      .asText("partitioned")
      .match(/ (psum|all_\w+)\[/g) ?? [];
  const times: number[] = [];
  await jax.blockUntilReady([values, cache]);
  const before = jax.statistics().dispatches;
  for (let round = 0; round < 30; round++) {
    const startedAt = performance.now();
    const [attended, written] = jitted(values, cache, x);
    await attended.blockUntilReady();
    times.push(performance.now() - startedAt);
    cache = written;
    results[name === "by shardMap" ? 1 : 0] = attended;
  }
  const dispatches = (jax.statistics().dispatches - before) / times.length;
  const best = Math.min(...times).toFixed(2);
  console.log(
    `latent attention split ${name}: ${moved.length} collective, ${dispatches} dispatches, at best ${best} ms a token`,
  );
}
const difference = jax.numpy.max(jax.numpy.abs(results[0].sub(results[1])));
console.log(`largest difference between both: ${await difference.item()}`);
