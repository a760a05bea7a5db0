/** Training: two spirals told apart by a small network; gradients, Adam and the loop over batches on the device. */
import * as jax from "jaxscale";

const { jit, lax, nn, numpy: jnp, random, tree, valueAndGrad } = jax;

type Layer = { readonly w: jax.Array; readonly b: jax.Array };
type Params = readonly Layer[];
type Batch = { readonly points: jax.Array; readonly labels: jax.Array };
type State = { readonly params: Params; readonly mean: Params; readonly square: Params; readonly turn: jax.Array };

/** `count` points on two spirals that wind around each other: points `[count, 2]`, labels `[count]`, 0 or 1. */
function spirals(key: jax.random.KeyArray, count: number): Batch {
  const [radiusKey, noiseKey] = random.split(key);
  const radius = jnp.sqrt(random.uniform(radiusKey, [count]));
  const labels = jnp.arange(count).mod(2);
  const angle = radius.mul(2 * Math.PI).add(labels.mul(Math.PI));
  const points = jnp.stack([radius.mul(jnp.cos(angle)), radius.mul(jnp.sin(angle))], 1);
  return { points: points.add(random.normal(noiseKey, [count, 2]).mul(0.02)), labels };
}

function initialize(key: jax.random.KeyArray, sizes: readonly number[]): Params {
  return [...random.split(key, sizes.length - 1)].map((layerKey, i) => ({
    w: random.normal(layerKey, [sizes[i], sizes[i + 1]]).mul(Math.sqrt(2 / sizes[i])),
    b: jnp.zeros([sizes[i + 1]]),
  }));
}

/** Logits `[count, 2]`. */
function classify(params: Params, points: jax.Array): jax.Array {
  let x = points;
  for (const { w, b } of params.slice(0, -1)) x = jnp.tanh(x.dot(w).add(b));
  const { w, b } = params[params.length - 1];
  return x.dot(w).add(b);
}

function loss(params: Params, { points, labels }: Batch): [jax.Array, jax.Array] {
  const logits = classify(params, points);
  const own = jnp.takeAlongAxis(nn.logSoftmax(logits), jnp.expandDims(labels, 1), { axis: 1 });
  const accuracy = jnp.mean(jnp.argmax(logits, { axis: 1 }).equal(labels));
  return [jnp.mean(own).neg(), accuracy];
}

/** One step of Adam. @see https://arxiv.org/abs/1412.6980 */
function step({ params, mean, square, turn }: State, batch: Batch): [State, { loss: jax.Array; accuracy: jax.Array }] {
  const [[value, accuracy], gradient] = valueAndGrad(loss, { hasAux: true })(params, batch);
  const t = turn.add(1);
  const map = tree.map<Params, jax.Array>;
  const m = map((old, g) => old.mul(0.9).add(g.mul(0.1)), mean, gradient);
  const v = map((old, g) => old.mul(0.999).add(g.mul(g).mul(0.001)), square, gradient);
  const [unbiasM, unbiasV] = [0.9, 0.999].map((decay) => jnp.power(decay, t).neg().add(1));
  const moved = map(
    (p, a, b) =>
      p.sub(
        a
          .div(unbiasM)
          .mul(0.01)
          .div(jnp.sqrt(b.div(unbiasV)).add(1e-8)),
      ),
    params,
    m,
    v,
  );
  return [
    { params: moved, mean: m, square: v, turn: t },
    { loss: value, accuracy },
  ];
}

/** All batches, one after the other, in one call; the old state's memory becomes the new one's. */
const epoch = jit((state: State, batches: Batch) => lax.scan(step, state, batches), {
  donateArgnums: 0,
  name: "epoch",
});

const [dataKey, testKey, initKey] = random.split(random.key(0), 3);
const [count, batch] = [512, 64];
const { points, labels } = spirals(dataKey, count);
const batches = { points: points.reshape([-1, batch, 2]), labels: labels.reshape([-1, batch]) };

const params = initialize(initKey, [2, 32, 32, 2]);
const zeros = (): Params => tree.map<Params, jax.Array>((p) => jnp.zeros(p.shape), params);
let state: State = { params, mean: zeros(), square: zeros(), turn: jnp.zeros([], { dtype: "int32" }) };
let metrics: { loss: jax.Array; accuracy: jax.Array };

const epochs = 20;
const percent = (share: unknown): string => `${(100 * Number(share)).toFixed(1)} %`;
for (let i = 1; i <= epochs; i++) {
  [state, metrics] = epoch(state, batches);
  const [mean, share] = await Promise.all([metrics.loss.mean().item(), metrics.accuracy.mean().item()]);
  const bar = "█".repeat(Math.round((20 * i) / epochs)).padEnd(20, "░");
  console.log(`${bar} epoch ${i} of ${epochs}: loss ${mean.toFixed(4)}, accuracy ${percent(share)}`);
}

const [, accuracy] = jit(loss)(state.params, spirals(testKey, count));
console.log(`on new points: accuracy ${percent(await accuracy.item())}`);
