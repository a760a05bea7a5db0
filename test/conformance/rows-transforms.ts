/** The functions that the transforms family names, in this library's words, and what it does with them. */
import * as jax from "jaxscale";
import { readFamily } from "./fixtures.ts";
import type { Params, Row } from "./rows.ts";

type A = jax.Array;
type Formula = (...args: A[]) => unknown;
const { lax, nn, numpy: jnp } = jax;

const sum = (x: A): A => jnp.sum(x);
const meanOf = (x: A): A => jnp.mean(x, { axis: -1, keepdims: true });

const log1pexp = jax
  .customJvp((x: A): A => jnp.log(jnp.exp(x).add(1)))
  .defJvp(([x]: A[], [dx]: A[]) => [log1pexp(x), dx.mul(jnp.trueDivide(1, jnp.exp(x).add(1)).neg().add(1))]);
const clipGradient = jax
  .customVjp((x: A): A => x)
  .defVjp(
    (x: A) => [x, null],
    (_: null, g: A) => [jnp.clip(g, -1, 1)],
  );

const decay = (c: A, x: A): [A, A] => [c.mul(0.5).add(x), c.mul(0.5).add(x).pow(2)];

/** Each is described in the README of the fixtures. */
export const formulas: Readonly<Record<string, Formula>> = {
  poly: (x, y) => sum(x.mul(x).mul(y)),
  wave: (x) => sum(jnp.sin(x).mul(jnp.exp(x.neg().mul(x)))),
  mlp: (x, w1, w2) => sum(jnp.matmul(nn.silu(jnp.matmul(x, w1)), w2).pow(2)),
  cross_entropy: (w, x, labels) => {
    const logits = jnp.matmul(x, w);
    const picked = jnp.takeAlongAxis(logits, jnp.expandDims(labels, 1), { axis: -1 });
    return jnp.mean(nn.logsumexp(logits, { axis: -1 }).sub(jnp.squeeze(picked, [1])));
  },
  softmax_dot: (x, t) => sum(nn.softmax(x, { axis: -1 }).mul(t)),
  log_softmax_dot: (x, t) => sum(nn.logSoftmax(x, { axis: -1 }).mul(t)),
  layer_norm: (x, g, b, t) => {
    const centred = x.sub(meanOf(x));
    const scale = lax.rsqrt(meanOf(centred.mul(centred)).add(1e-5));
    return sum(t.mul(centred.mul(scale).mul(g).add(b)));
  },
  rms_norm: (x, g, t) => sum(t.mul(x.mul(lax.rsqrt(meanOf(x.mul(x)).add(1e-6))).mul(g))),
  attention: (q, k, v, t) => {
    const s = jnp.matmul(q, jnp.transpose(k)).div(Math.sqrt(q.shape[1]));
    const masked = jnp.where(jnp.tril(jnp.ones(s.shape, { dtype: "bool" })), s, -1e30);
    return sum(t.mul(jnp.matmul(nn.softmax(masked), v)));
  },
  relu_sum: (x, t) => sum(nn.relu(x).mul(t)),
  max_ties: (x, y, t) => sum(jnp.maximum(x, y).mul(t)),
  reduce_max_ties: (x) => sum(jnp.max(x, { axis: -1 })),
  abs_sum: (x) => sum(jnp.abs(x)).add(sum(jnp.sign(x))),
  safe_sqrt: (x) => {
    const positive = x.greater(0);
    return sum(jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1)), 0));
  },
  power: (x, y) => sum(jnp.power(x, y)),
  prod: (x) => sum(jnp.prod(x, { axis: -1 })),
  cumulative: (x, t) => sum(jnp.cumsum(x, { axis: 0 }).mul(t)).add(sum(jnp.cumprod(x, { axis: 1 }))),
  embedding: (table, ids, t) => sum(jnp.take(table, ids, { axis: 0 }).mul(t)),
  scatter_square: (x, ids, u) => sum(x.at(ids).add(u).pow(2)),
  update_slice: (x, u, i, t) => sum(lax.dynamicUpdateSlice(x, u, [i, 0]).pow(2).mul(t)),
  slice_square: (x, i) => sum(lax.dynamicSlice(x, [i, 0], [2, x.shape[1]]).pow(2)),
  sort_and_top: (x, t) => sum(jnp.sort(x, { axis: -1 }).mul(t)).add(sum(lax.topK(x, 2)[0].pow(2))),
  pieces: (x, y, t) => {
    const padded = jnp.pad(y, [
      [0, 0],
      [1, 1],
    ]);
    return sum(jnp.concatenate([x.mul(x), padded]).mul(t));
  },
  rnn: (w, x, c0) => {
    const step = (c: A, row: A): [A, A] => {
      const next = jnp.tanh(jnp.matmul(c, w).add(row));
      return [next, sum(next.mul(next))];
    };
    const [last, ys] = lax.scan(step, c0, x);
    return sum(ys).add(sum(last));
  },
  branch: (x) =>
    lax.cond(
      sum(x).greater(0),
      (v: A) => sum(jnp.sin(v)),
      (v: A) => sum(v.pow(3)),
      x,
    ),
  switched: (x, i) => lax.switch(i, [(v: A) => sum(v), (v: A) => sum(v.mul(v)), (v: A) => sum(jnp.exp(v))], x),
  fori: (x) => sum(lax.foriLoop(0, 5, (_, v: A) => v.mul(jnp.cos(v)), x)),
  scores: (q, k) => sum(jnp.einsum("btnh,bsnh->bnts", q, k).pow(2)),
  stopped: (x) => sum(x.mul(lax.stopGradient(x))).add(sum(x)),
  activations: (x) => sum(nn.softplus(x).mul(nn.gelu(x)).add(nn.sigmoid(x))),
  custom_log1pexp: (x) => sum(log1pexp(x)),
  custom_clip: (x) => sum(clipGradient(x).pow(2).mul(3)),
  pointwise: (x, y) => jnp.tanh(x).mul(y),
  dot: (x, w) => jnp.matmul(x, w),
  two_outputs: (x) => [sum(x.mul(x)), jnp.flip(x, [0])],
  window: (x, i) => lax.dynamicSlice(x, [i], [3]),
  put: (x, u, i) => lax.dynamicUpdateSlice(x, u, [i]),
  row: (x, i) => x.at(i).get(),
  pick: (p, x) => lax.cond(p, jnp.sin, jnp.cos, x),
  doubling: (x) =>
    lax.whileLoop(
      ([y]: [A, A]) => y.less(100),
      ([y, n]: [A, A]): [A, A] => [y.mul(2).add(1), n.add(1)],
      [x, jnp.zeros([], { dtype: "int32" })],
    ),
  ordering: (x) => [jnp.argsort(x), jnp.sort(x), ...lax.topK(x, 2)],
  scan_decay: (c, x) => lax.scan(decay, c, x),
  scan_reverse: (c, x) => lax.scan(decay, c, x, { reverse: true }),
  scan_length: (c) => lax.scan((y: A): [A, A] => [y.mul(1.5), y], c, null, { length: 6 }),
  scan_unroll: (c, x) => lax.scan(decay, c, x, { unroll: 2 }),
  fori_dynamic: (lo, hi, x) => lax.foriLoop(lo, hi, (i, v: A) => v.add(i), x),
  mapped: (x) => lax.map((v: A) => v.mul(sum(v)), x),
  prefix_add: (x) => lax.associativeScan(jnp.add, x),
  prefix_affine: (a, b) =>
    lax.associativeScan(([a1, b1]: A[], [a2, b2]: A[]) => [a1.mul(a2), a2.mul(b1).add(b2)], [a, b]),
  suffix_max: (x) => lax.associativeScan(jnp.maximum, x, { reverse: true, axis: 1 }),
};

type Arrays = readonly A[];
type Apply = (f: Formula, xs: Arrays, params: Params) => unknown;

const argnumsOf = ({ argnums }: Params): number | readonly number[] => (argnums ?? 0) as number | readonly number[];
const axesOf = ({ in_axes, out_axes }: Params): jax.VmapOptions => ({
  inAxes: (in_axes === undefined ? 0 : in_axes) as jax.AxisTree,
  outAxes: (out_axes === undefined ? 0 : out_axes) as jax.AxisTree,
});

const grad: Apply = (f, xs, params) => jax.grad(f, { argnums: argnumsOf(params) })(...xs);

const kinds: Readonly<Record<string, Apply>> = {
  eval: (f, xs) => f(...xs),
  grad,
  jit_grad: (f, xs, params) => jax.jit(jax.grad(f, { argnums: argnumsOf(params) }))(...xs),
  value_and_grad: (f, xs, params) => jax.valueAndGrad(f, { argnums: argnumsOf(params) })(...xs),
  checkpoint: (f, xs, params) => grad(jax.checkpoint(f), xs, params),
  jvp: (f, xs, { n }) => jax.jvp(f, xs.slice(0, n as number), xs.slice(n as number)),
  linearize: (f, xs, { n }) => {
    const [value, push] = jax.linearize(f, ...xs.slice(0, n as number));
    return [value, push(...xs.slice(n as number))];
  },
  vjp: (f, xs, { n }) => {
    const [value, pull] = jax.vjp(f, ...xs.slice(0, n as number));
    const cotangents = xs.slice(n as number);
    return [value, pull(cotangents.length === 1 ? cotangents[0] : cotangents)];
  },
  vmap: (f, xs, params) => jax.vmap(f, axesOf(params))(...xs),
  vmap_grad: (f, xs, params) => jax.vmap(jax.grad(f), axesOf(params))(...xs),
  grad_vmap: (f, xs, params) => jax.grad((...a: A[]) => sum(jax.vmap(f, axesOf(params))(...a) as A))(...xs),
  grad_grad: (f, xs) => jax.grad((...a: A[]) => sum(jax.grad(f)(...a) as A))(...xs),
  hessian: (f, xs) => jax.hessian(f)(...xs),
  jacfwd: (f, xs) => jax.jacfwd(f)(...xs),
  jacrev: (f, xs) => jax.jacrev(f)(...xs),
};

/** A row for each `kind.formula` of the fixtures; a formula that is not known is a failure of its row. */
export const transformRows: Readonly<Record<string, Row>> = Object.fromEntries(
  (readFamily("transforms")?.cases ?? []).map(({ op }) => [op, transformRow(op)]),
);

function transformRow(op: string): Row {
  const [kind, name] = op.split(".");
  return (inputs, params) => {
    const [apply, formula] = [kinds[kind], formulas[name]];
    if (!apply || !formula) throw new Error(`no transform ${op}`);
    return apply(formula, inputs as Arrays, params);
  };
}
