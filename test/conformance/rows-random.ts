/** How golden cases of random numbers are written: keys come and go as their words. */
import * as jax from "jaxscale";
import type { DType } from "../../packages/jaxscale/src/base/dtypes.ts";
import type { Params, Row } from "./rows.ts";

const { random } = jax;

interface RandomParams {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly axis: number;
  readonly n: number;
}
/** The row of a function whose first input is a key's words. */
const drawn =
  (draw: (key: jax.random.KeyArray, params: RandomParams & Params, inputs: readonly jax.Array[]) => jax.Array): Row =>
  ([words, ...inputs], params) =>
    draw(random.wrapKeyData(words as jax.Array), params as RandomParams & Params, inputs as readonly jax.Array[]);
const numberOf = (x: unknown): number => x as number;

export const randomRows: Readonly<Record<string, Row>> = {
  "random.key": (_, { seed }) => random.keyData(random.key(numberOf(seed))),
  "random.split": drawn((key, { shape }) => random.keyData(random.split(key, shape))),
  "random.fold_in": drawn((key, { data }) => random.keyData(random.foldIn(key, numberOf(data)))),
  "random.bits": drawn((key, { shape, dtype }) => random.bits(key, shape, { dtype })),
  "random.uniform": drawn((key, { shape, dtype, minval, maxval }) =>
    random.uniform(key, shape, {
      dtype,
      ...(minval === undefined ? {} : { minval: numberOf(minval) }),
      ...(maxval === undefined ? {} : { maxval: numberOf(maxval) }),
    }),
  ),
  "random.normal": drawn((key, { shape, dtype }) => random.normal(key, shape, { dtype })),
  "random.gumbel": drawn((key, { shape, dtype }) => random.gumbel(key, shape, { dtype })),
  "random.exponential": drawn((key, { shape, dtype }) => random.exponential(key, shape, { dtype })),
  "random.truncated_normal": drawn((key, { lower, upper, shape, dtype }) =>
    random.truncatedNormal(key, numberOf(lower), numberOf(upper), { shape, dtype }),
  ),
  "random.randint": drawn((key, { shape, minval, maxval, dtype }) =>
    random.randint(key, shape, numberOf(minval), numberOf(maxval), { dtype }),
  ),
  "random.bernoulli": drawn((key, { p, shape }) => random.bernoulli(key, numberOf(p), shape)),
  "random.categorical": drawn((key, { axis, shape }, [logits]) =>
    random.categorical(key, logits, { axis, ...(shape ? { shape } : {}) }),
  ),
  "random.permutation": drawn((key, { n, axis }, [x]) => random.permutation(key, x ?? n, { axis: axis ?? 0 })),
  "random.choice": drawn((key, { n, shape, replace }, [p]) =>
    random.choice(key, n, { shape, replace: replace as boolean, ...(p ? { p } : {}) }),
  ),
};
