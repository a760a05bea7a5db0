/** Random training steps: a few layers with parameters, a loss, its gradients, an update of the parameters. */
import * as jax from "jaxscale";
import type { HostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import { randomNumbers, tensorOf } from "../tensors.ts";

const { lax, nn, numpy: jnp } = jax;
type A = jax.Array;

const [rows, width] = [6, 8];

/** What a layer draws: whole numbers, and parameters of its own. */
interface Draws {
  readonly below: (n: number) => number;
  readonly parameter: (...shape: number[]) => (given: readonly A[]) => A;
}
/** `[rows, width]` to the same, out of all values made so far. */
type Layer = (values: readonly A[], given: readonly A[]) => A;
type Kind = (draws: Draws) => Layer;

const last = (values: readonly A[]): A => values[values.length - 1];

const kinds: Readonly<Record<string, Kind>> = {
  layerNorm: ({ parameter }) => {
    const [scale, bias] = [parameter(width), parameter(width)];
    return (values, given) => nn.standardize(last(values), { epsilon: 1 }).mul(scale(given)).add(bias(given));
  },
  linear: ({ parameter }) => {
    const [w, b] = [parameter(width, width), parameter(width)];
    return (values, given) => last(values).dot(w(given)).add(b(given));
  },
  tied: ({ parameter }) => {
    const w = parameter(width, width);
    return (values, given) => nn.gelu(last(values).dot(w(given))).dot(w(given).T);
  },
  gated: ({ parameter }) => {
    const [gate, up] = [parameter(width, width), parameter(width, width)];
    return (values, given) => nn.silu(last(values).dot(gate(given))).mul(last(values).dot(up(given)));
  },
  softmax: () => (values) => nn.softmax(last(values)),
  logSoftmax: () => (values) => nn.logSoftmax(last(values)).mul(0.25),
  residual: ({ below }) => {
    const back = below(8);
    return (values) =>
      last(values)
        .add(values[Math.max(0, values.length - 1 - back)])
        .mul(0.5);
  },
  manyTerms: ({ parameter, below }) => {
    const terms = Array.from({ length: 2 + below(9) }, () => parameter(below(2) === 0 ? 1 : rows, width));
    return (values, given) => terms.reduce((sum, term) => sum.add(jnp.tanh(term(given))), last(values)).mul(0.3);
  },
  manyProducts: ({ parameter, below }) => {
    const factors = Array.from({ length: 2 + below(7) }, () => parameter(width));
    return (values, given) => factors.reduce((x, factor) => x.mul(factor(given).add(1)), last(values));
  },
  joined: ({ parameter, below }) => {
    const parts = Array.from({ length: 2 + below(9) }, () => parameter(1 + below(2), width));
    return (values, given) => {
      const tall = jnp.concatenate([...parts.map((part) => part(given)), last(values)], 0);
      return tall.slice(`${tall.shape[0] - rows}:`).add(tall.slice(`:${rows}`));
    };
  },
  choice: ({ parameter }) => {
    const [p, q] = [parameter(width), parameter(rows, 1)];
    return (values, given) => jnp.where(last(values).greater(0.1), last(values).mul(p(given)), q(given));
  },
  rowsPicked: ({ parameter, below }) => {
    const table = parameter(5, width);
    const ids = Array.from({ length: rows }, () => below(5));
    return (values, given) => last(values).add(jnp.take(table(given), jnp.array(ids), { axis: 0 }));
  },
  rowSet: ({ parameter, below }) => {
    const row = parameter(width);
    const at = below(rows);
    return (values, given) => last(values).at(at).set(row(given));
  },
  repeated: ({ parameter, below }) => {
    const [w, scale] = [parameter(width, width), parameter(width)];
    const turns = 1 + below(3);
    return (values, given) =>
      lax.scan(
        (x: A, _: A) => [jnp.tanh(x.dot(w(given))).mul(scale(given)), x.sum()] as [A, A],
        last(values),
        jnp.arange(turns),
      )[0];
  },
  branched: ({ parameter }) => {
    const [p, q, r] = [parameter(width), parameter(width), parameter(rows, width)];
    return (values, given) =>
      lax.cond(
        last(values).sum().greater(0),
        (x: A) => nn.standardize(x, { epsilon: 1 }).mul(p(given)).add(r(given)),
        (x: A) => x.mul(q(given)).sub(r(given)),
        last(values),
      );
  },
  attention: ({ parameter }) => {
    const [q, k, v] = [parameter(width, width), parameter(width, width), parameter(width, width)];
    const heads = (x: A): A => x.reshape([1, rows, 2, width / 2]);
    return (values, given) => {
      const x = last(values);
      const [a, b, c] = [q, k, v].map((w) => heads(x.dot(w(given))));
      return nn.dotProductAttention(a, b, c, { isCausal: true }).reshape([rows, width]);
    };
  },
  running: () => (values) => jnp.cumsum(last(values), { axis: 0 }).mul(0.2),
  sorted: ({ parameter }) => {
    const scale = parameter(width);
    return (values, given) => jnp.sort(last(values), { axis: -1 }).mul(scale(given));
  },
};
export const layerNames = Object.keys(kinds);

export interface TrainingStep {
  readonly f: (...args: A[]) => A[];
  readonly args: readonly HostTensor[];
}

/** Loss, gradients and new parameters of the named layers, one after the other. @param seed of what the layers draw */
export function trainingStep(names: readonly string[], seed: number): TrainingStep {
  const random = randomNumbers(seed);
  const below = (n: number): number => Math.floor(random() * n);
  const shapes: number[][] = [];
  const parameter = (...shape: number[]): ((given: readonly A[]) => A) => {
    const place = shapes.push(shape) - 1;
    return (given) => given[place];
  };
  const layers = names.map((name) => kinds[name]({ below, parameter }));
  const dot = below(2) === 0;
  const loss = (given: readonly A[], x: A): A => {
    const values = [x];
    for (const layer of layers) values.push(layer(values, given));
    const y = last(values);
    return dot ? nn.logSoftmax(y.dot(x.T)).mean().neg() : jnp.square(y.sub(x)).mean();
  };
  const f = (x: A, ...given: A[]): A[] => {
    if (given.length === 0) return [loss([], x)];
    const [value, gradients] = jax.valueAndGrad(loss)(given, x);
    const moments = gradients.map((g) => jnp.square(g).mul(0.1));
    const stepped = given.map((p, i) => p.sub(gradients[i].div(jnp.sqrt(moments[i]).add(1)).mul(0.1)));
    return [value, ...gradients, ...stepped, ...moments];
  };
  const tensor = (shape: readonly number[]): HostTensor => tensorOf(shape, "float32", () => 2 * random() - 1);
  return { f, args: [[rows, width], ...shapes].map(tensor) };
}
