/**
 * The first training step of a small GPT, with an empty driver cache and then with a full one: `npx tsx bench/cold-training.ts [--repeats=1]`.
 * Each run is a process of its own, whose driver keeps its cache in a fresh folder.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import * as jax from "jaxscale";
import { counted } from "./figures.ts";
import type { Figure } from "./record.ts";
import { type Reporter, runSuite } from "./suite.ts";

const { jit, nn, numpy: jnp, random, tree, valueAndGrad } = jax;

const layers = 2;
const [batch, tokens, heads, hidden, vocabulary] = [4, 32, 4, 64, 65];

type Norm = { readonly scale: jax.Array; readonly bias: jax.Array };
type Linear = { readonly kernel: jax.Array; readonly bias: jax.Array };
type Block = {
  readonly norm1: Norm;
  readonly qkv: Linear;
  readonly out: Linear;
  readonly norm2: Norm;
  readonly up: Linear;
  readonly down: Linear;
};
type Params = {
  readonly embed: jax.Array;
  readonly place: jax.Array;
  readonly blocks: readonly Block[];
  readonly norm: Norm;
};
type State = { readonly params: Params; readonly mean: Params; readonly square: Params; readonly count: jax.Array };
type Batch = { readonly inputs: jax.Array; readonly targets: jax.Array };

function initialize(key: jax.random.KeyArray): Params {
  const keys = random.split(key, 2 + 4 * layers);
  let used = 0;
  const normal = (...shape: number[]): jax.Array => random.normal([...keys][used++], shape).mul(0.02);
  const norm = (): Norm => ({ scale: jnp.ones([hidden]), bias: jnp.zeros([hidden]) });
  const linear = (from: number, to: number): Linear => ({ kernel: normal(from, to), bias: jnp.zeros([to]) });
  return {
    embed: normal(vocabulary, hidden),
    place: normal(tokens, hidden),
    blocks: Array.from({ length: layers }, () => ({
      norm1: norm(),
      qkv: linear(hidden, 3 * hidden),
      out: linear(hidden, hidden),
      norm2: norm(),
      up: linear(hidden, 4 * hidden),
      down: linear(4 * hidden, hidden),
    })),
    norm: norm(),
  };
}

function layerNorm({ scale, bias }: Norm, x: jax.Array): jax.Array {
  const centered = x.sub(x.mean({ axis: -1, keepdims: true }));
  const variance = jnp.square(centered).mean({ axis: -1, keepdims: true });
  return centered
    .mul(jax.lax.rsqrt(variance.add(1e-5)))
    .mul(scale)
    .add(bias);
}

const linear = ({ kernel, bias }: Linear, x: jax.Array): jax.Array => x.dot(kernel).add(bias);

function attend({ qkv, out }: Block, x: jax.Array): jax.Array {
  const [q, k, v] = jnp
    .split(linear(qkv, x), 3, -1)
    .map((part) => part.reshape([batch, tokens, heads, hidden / heads]));
  const scores = jnp.einsum("bqhd,bkhd->bhqk", q, k).div(Math.sqrt(hidden / heads));
  const causal = jnp.tril(jnp.ones([tokens, tokens], { dtype: "bool" }));
  const weights = nn.softmax(jnp.where(causal, scores, -1e30), { axis: -1 });
  return linear(out, jnp.einsum("bhqk,bkhd->bqhd", weights, v).reshape([batch, tokens, hidden]));
}

function loss(params: Params, { inputs, targets }: Batch): jax.Array {
  let x = jnp.take(params.embed, inputs, { axis: 0 }).add(params.place);
  for (const block of params.blocks) {
    x = x.add(attend(block, layerNorm(block.norm1, x)));
    x = x.add(linear(block.down, nn.gelu(linear(block.up, layerNorm(block.norm2, x)))));
  }
  const logits = layerNorm(params.norm, x).dot(params.embed.T);
  const own = jnp.takeAlongAxis(nn.logSoftmax(logits), jnp.expandDims(targets, -1), { axis: -1 });
  return own.mean().neg();
}

/** One step of Adam. @see https://arxiv.org/abs/1412.6980 */
function step({ params, mean, square, count }: State, data: Batch): [State, jax.Array] {
  const [value, gradient] = valueAndGrad(loss)(params, data);
  const t = count.add(1);
  const map = tree.map<Params, jax.Array>;
  const m = map((old, g) => old.mul(0.9).add(g.mul(0.1)), mean, gradient);
  const v = map((old, g) => old.mul(0.999).add(g.mul(g).mul(0.001)), square, gradient);
  const [unbiasM, unbiasV] = [0.9, 0.999].map((decay) => jnp.power(decay, t).neg().add(1));
  const moved = map(
    (p, a, b) =>
      p.sub(
        a
          .div(unbiasM)
          .mul(1e-3)
          .div(jnp.sqrt(b.div(unbiasV)).add(1e-8)),
      ),
    params,
    m,
    v,
  );
  return [{ params: moved, mean: m, square: v, count: t }, value];
}

interface Report {
  readonly initializeSeconds: number;
  readonly stepSeconds: number;
  readonly secondStepSeconds: number;
  readonly pipelines: number;
  readonly ofTheStep: number;
  readonly wgslBytes: number;
  /** Of all threads of the process, from its beginning to the end of the second step. */
  readonly cpuSeconds: number;
  readonly loss: number;
}

async function train(): Promise<Report> {
  const target = await jax.ready();
  const seconds = async (work: () => Promise<unknown>): Promise<number> => {
    const started = performance.now();
    await work();
    return (performance.now() - started) / 1000;
  };
  let state!: State;
  const initializeSeconds = await seconds(async () => {
    const params = initialize(random.key(0));
    const zeros = (): Params => tree.map<Params, jax.Array>((p) => jnp.zeros(p.shape), params);
    state = { params, mean: zeros(), square: zeros(), count: jnp.zeros([], { dtype: "int32" }) };
    await jax.blockUntilReady(state);
  });
  const ids = jnp
    .array(Array.from({ length: batch * tokens }, (_, i) => (i * i + 3 * i) % vocabulary))
    .reshape([batch, tokens]);
  const data = { inputs: ids, targets: jnp.roll(ids, -1, { axis: 1 }) };
  await jax.blockUntilReady(data);
  const before = jax.statistics().pipelinesCreated;
  const adam = jit(step, { name: "step", donateArgnums: 0 });
  let value!: jax.Array;
  const run = async (): Promise<void> => {
    [state, value] = adam(state, data);
    await value.blockUntilReady();
  };
  const stepSeconds = await seconds(run);
  return {
    initializeSeconds,
    stepSeconds,
    secondStepSeconds: await seconds(run),
    pipelines: jax.statistics().pipelinesCreated,
    ofTheStep: jax.statistics().pipelinesCreated - before,
    wgslBytes: adam.lower(state, data).asText("wgsl", target).length,
    cpuSeconds: (process.cpuUsage().user + process.cpuUsage().system) / 1e6,
    loss: Number(await value.item()),
  };
}

function inChild(cache: string): Report {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [...process.execArgv, fileURLToPath(import.meta.url), "--child"],
    {
      encoding: "utf8",
      env: { ...process.env, MESA_SHADER_CACHE_DIR: cache, XDG_CACHE_HOME: cache },
    },
  );
  if (status !== 0) throw new Error(`cold-training: a run failed with ${status}\n${stderr}`);
  return JSON.parse(stdout.trim().split("\n").at(-1) as string);
}

const figures = ({ pipelines, ofTheStep, wgslBytes, loss }: Report): Figure[] => [
  counted("pipelines", pipelines),
  counted("of the step", ofTheStep),
  counted("WGSL of the step", wgslBytes, "bytes"),
  { name: "loss", value: loss, unit: "" },
];

async function measureColdAndWarm({ add }: Reporter): Promise<void> {
  const reports: Record<"empty" | "full", Report[]> = { empty: [], full: [] };
  for (let i = 0; i < repeats; i++) {
    const cache = mkdtempSync(join(tmpdir(), "cold-training-"));
    try {
      for (const kind of ["empty", "full"] as const) reports[kind].push(inChild(cache));
    } finally {
      rmSync(cache, { recursive: true });
    }
  }
  const works = {
    "arrays before the first training step": "initializeSeconds",
    "first training step": "stepSeconds",
    "second training step": "secondStepSeconds",
    "process, time of all processors": "cpuSeconds",
  } as const;
  for (const [kind, all] of Object.entries(reports))
    for (const [work, field] of Object.entries(works))
      add({
        name: `${work}, driver cache ${kind}`,
        unit: "s",
        samples: { jaxscale: all.map((report) => report[field]) },
        figures: field === "stepSeconds" ? figures(all[0]) : [],
      });
}

const { values } = parseArgs({
  options: { repeats: { type: "string", default: "1" }, child: { type: "boolean", default: false } },
});
const repeats = Number(values.repeats);
if (values.child) console.log(JSON.stringify(await train()));
else await runSuite(measureColdAndWarm);
