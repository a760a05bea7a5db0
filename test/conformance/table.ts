/** The conformance table: one row for each op of the fixtures. */
import * as jax from "jaxscale";
import { apiFunction, listed, numberOf, optionsOf, type Params, plain, positional, type Row } from "./rows.ts";
import { productRows } from "./rows-products.ts";
import { randomRows } from "./rows-random.ts";
import { shardingRows } from "./rows-sharding.ts";
import { sortRows } from "./rows-sort.ts";
import { transformRows } from "./rows-transforms.ts";

/** `op(*inputs, **params)`, all params in the options object. */
const plainOps = {
  lax: `abs acos acosh add argmax asin asinh atan atan2 atanh bitwise_and bitwise_not bitwise_or bitwise_xor
    broadcast_in_dim cbrt ceil clamp clz cos cosh cumlogsumexp cummax cummin cumprod cumsum digamma div
    dynamic_index_in_dim dynamic_update_index_in_dim eq erf erf_inv erfc exp exp2 expm1 floor ge gt is_finite le
    lgamma log log1p logistic lt max min mul ne neg nextafter population_count pow reciprocal reduce_precision
    rem round rsqrt select select_n shift_left shift_right_arithmetic shift_right_logical sign sin sinh slice
    sqrt square sub tan tanh`,
  jnp: `abs add all any argmax argmin bincount clip copysign count_nonzero cumsum diagonal dot exp float_power floor
    floor_divide fmax hypot inner isinf isnan kron less log10 log2 logaddexp logical_and logical_not logical_or
    logical_xor matmul max maximum mean min multiply nan_to_num outer power prod ptp ravel reciprocal remainder
    rint signbit sinc sqrt std subtract sum tensordot take take_along_axis trace true_divide trunc var vdot where`,
  nn: `celu elu gelu glu hard_sigmoid hard_silu hard_tanh identity leaky_relu log_sigmoid log_softmax logsumexp
    mish relu relu6 selu sigmoid silu soft_sign softmax softplus squareplus standardize swish`,
};

/** Params that are positional, in this order; the rest are options. */
const positionalOps: Readonly<Record<string, readonly string[]>> = {
  "lax.bitcast_convert_type": ["new_dtype"],
  "lax.broadcasted_iota": ["dtype", "shape", "dimension"],
  "lax.convert_element_type": ["new_dtype"],
  "lax.dot_general": ["dimension_numbers"],
  "lax.dynamic_slice_in_dim": ["slice_size"],
  "lax.integer_pow": ["y"],
  "lax.iota": ["dtype", "size"],
  "lax.pad": ["padding_config"],
  "lax.reduce_sum": ["axes"],
  "lax.rev": ["dimensions"],
  "lax.slice_in_dim": ["start_index", "limit_index"],
  "lax.transpose": ["permutation"],
  "jnp.arange": ["start", "stop", "step"],
  "jnp.broadcast_to": ["shape"],
  "jnp.diag": ["k"],
  "jnp.expand_dims": ["axis"],
  "jnp.eye": ["N", "M"],
  "jnp.flip": ["axis"],
  "jnp.full": ["shape", "fill_value"],
  "jnp.linspace": ["start", "stop", "num"],
  "jnp.moveaxis": ["source", "destination"],
  "jnp.pad": ["pad_width"],
  "jnp.repeat": ["repeats"],
  "jnp.reshape": ["shape"],
  "jnp.roll": ["shift"],
  "jnp.round": ["decimals"],
  "jnp.split": ["indices_or_sections", "axis"],
  "jnp.squeeze": ["axis"],
  "jnp.swapaxes": ["axis1", "axis2"],
  "jnp.tile": ["reps"],
  "jnp.tri": ["N", "M"],
  "jnp.tril": ["k"],
  "jnp.triu": ["k"],
  "jnp.zeros": ["shape"],
  "nn.one_hot": ["num_classes"],
};

/** All inputs form one list, before the positional params. */
const listedOps: Readonly<Record<string, readonly string[]>> = {
  "jnp.concatenate": ["axis"],
  "jnp.hstack": [],
  "jnp.meshgrid": [],
  "jnp.stack": ["axis"],
  "jnp.vstack": [],
  "lax.concatenate": ["dimension"],
};

type IndexEntry =
  | "newaxis"
  | "ellipsis"
  | { readonly slice: readonly [number | null, number | null, number | null] }
  | { readonly int: number }
  | { readonly array: number };

/** The fixtures' spelling of an index as this library's. */
function indexOf(entries: unknown, arrays: readonly unknown[]): unknown[] {
  return (entries as readonly IndexEntry[]).map((entry) => {
    if (entry === "newaxis") return entry;
    if (entry === "ellipsis") return "...";
    if ("int" in entry) return entry.int;
    if ("array" in entry) return arrays[entry.array];
    return jax.slice(...entry.slice);
  });
}

const at = (x: unknown, index: readonly unknown[]): Record<string, (...args: readonly unknown[]) => unknown> =>
  (x as { at: (...index: readonly unknown[]) => never }).at(...index);
const modeOf = ({ mode, fill_value }: Params): Record<string, unknown> => ({
  ...(mode === undefined ? {} : { mode }),
  ...(fill_value === undefined ? {} : { fillValue: numberOf(fill_value) }),
});

const atUpdate =
  (method: string): Row =>
  ([x, updates, ...arrays], { index, ...mode }) =>
    at(x, indexOf(index, arrays))[method](updates, modeOf(mode));

/** gather and scatter take their dimension numbers as one option. */
const numbered =
  (op: string): Row =>
  (inputs, { slice_sizes, mode, fill_value, ...numbers }) =>
    apiFunction(op)(...inputs, {
      dimensionNumbers: optionsOf(numbers),
      ...(slice_sizes === undefined ? {} : { sliceSizes: slice_sizes }),
      ...modeOf({ mode, fill_value }),
    });

const specialRows: Readonly<Record<string, Row>> = {
  "jnp.einsum": (inputs, { subscripts, ...params }) => plain("jnp.einsum")([subscripts, ...inputs], params),
  "jnp.index": ([x, ...arrays], { index, ...mode }) => at(x, indexOf(index, arrays)).get(modeOf(mode)),
  "lax.dynamic_slice": ([x, ...starts], { slice_sizes }) => apiFunction("lax.dynamic_slice")(x, starts, slice_sizes),
  "lax.dynamic_update_slice": ([x, update, ...starts]) => apiFunction("lax.dynamic_update_slice")(x, update, starts),
  "lax.gather": numbered("lax.gather"),
};

const rows = new Map<string, Row>([
  ...Object.entries(plainOps).flatMap(([namespace, names]) =>
    names.split(/\s+/).map((name): [string, Row] => [`${namespace}.${name}`, plain(`${namespace}.${name}`)]),
  ),
  ...Object.entries(positionalOps).map(([op, names]): [string, Row] => [op, positional(op, ...names)]),
  ...Object.entries(listedOps).map(([op, names]): [string, Row] => [op, listed(op, ...names)]),
  ...["add", "divide", "max", "min", "multiply", "power", "set"].map((method): [string, Row] => [
    `jnp.at.${method}`,
    atUpdate(method),
  ]),
  ...["add", "max", "min", "mul"].map((kind): [string, Row] => [
    `lax.scatter_${kind}`,
    numbered(`lax.scatter_${kind}`),
  ]),
  ...Object.entries(specialRows),
  ...Object.entries(productRows),
  ...Object.entries(shardingRows),
  ...Object.entries(sortRows),
  ...Object.entries(transformRows),
  ...Object.entries(randomRows),
]);

export const rowOps = (): readonly string[] => [...rows.keys()];
export const hasRow = (op: string): boolean => rows.has(op);

/** @throws for an op that has none */
export function rowFor(op: string): Row {
  const row = rows.get(op);
  if (!row) throw new Error(`no row for ${op}`);
  return row;
}
