/** Every function of the public API with something wrong at every place: what it throws says what is wrong. */
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import "../setup.ts";

const { lax, nn, numpy: jnp, random } = jax;
type AnyFunction = (...args: readonly unknown[]) => unknown;

const x = jnp.ones([4, 8]);
const square = jnp.ones([4, 4]);
const ids = jnp.arange(4);
const row = jnp.ones([8]);
const mask = jnp.ones([4, 8], { dtype: "bool" });
const image = jnp.ones([1, 2, 8, 8]);
const heads = jnp.ones([1, 4, 2, 8]);
const key = random.key(0);
const product = [
  [[1], [0]],
  [[], []],
] as const;
const f = (a: jax.Array): jax.Array => jnp.add(a, 1);

/** Arguments that are right; those not named take arrays only. */
const calls: Readonly<Record<string, readonly unknown[]>> = {
  "numpy.all": [x, { axis: 1 }],
  "numpy.allclose": [x, x, { rtol: 0.1 }],
  "numpy.amax": [x, { axis: 1 }],
  "numpy.amin": [x, { axis: 1 }],
  "numpy.any": [x, { axis: 1 }],
  "numpy.append": [x, x, 0],
  "numpy.arange": [0, 4, 2, { dtype: "int32" }],
  "numpy.argmax": [x, { axis: 1 }],
  "numpy.argmin": [x, { axis: 1 }],
  "numpy.argpartition": [x, 2, 1],
  "numpy.argsort": [x, { axis: 1 }],
  "numpy.argwhere": [x, { size: 4 }],
  "numpy.array": [[1, 2], { dtype: "float32" }],
  "numpy.arrayEqual": [x, x],
  "numpy.arraySplit": [x, 2, 1],
  "numpy.asarray": [[1, 2], { dtype: "float32" }],
  "numpy.at": [x, 0, 1],
  "numpy.average": [x, { axis: 1 }],
  "numpy.bincount": [ids, { length: 4 }],
  "numpy.broadcastTo": [row, [4, 8]],
  "numpy.clip": [x, 0, 1],
  "numpy.columnStack": [[x, x]],
  "numpy.concat": [[x, x], 1],
  "numpy.concatenate": [[x, x], 1],
  "numpy.countNonzero": [x, { axis: 1 }],
  "numpy.cumprod": [x, { axis: 1 }],
  "numpy.cumsum": [x, { axis: 1 }],
  "numpy.diag": [x, 1],
  "numpy.diagIndices": [4, 2],
  "numpy.diagonal": [x, { offset: 1 }],
  "numpy.digitize": [x, row, { right: true }],
  "numpy.dot": [x, row, { preferredElementType: "float32" }],
  "numpy.dsplit": [image, 2],
  "numpy.dstack": [[x, x]],
  "numpy.einsum": ["ij,jk", square, square],
  "numpy.empty": [[4], { dtype: "float32" }],
  "numpy.emptyLike": [x, { dtype: "float32" }],
  "numpy.expandDims": [x, 1],
  "numpy.extract": [mask, x, { size: 2 }],
  "numpy.eye": [4, 4, { k: 1 }],
  "numpy.flatnonzero": [x, { size: 2 }],
  "numpy.flip": [x, 1],
  "numpy.float": [1],
  "numpy.full": [[4], 1, { dtype: "float32" }],
  "numpy.fullLike": [x, 1, { dtype: "float32" }],
  "numpy.hsplit": [x, 2],
  "numpy.hstack": [[x, x]],
  "numpy.identity": [4, { dtype: "float32" }],
  "numpy.inner": [x, x, { preferredElementType: "float32" }],
  "numpy.int": [1],
  "numpy.isclose": [x, x, { rtol: 0.1 }],
  "numpy.lexsort": [[row, row], 0],
  "numpy.linspace": [0, 1, 4, { endpoint: false }],
  "numpy.logspace": [0, 1, 4, { base: 2 }],
  "numpy.matmul": [square, square, { preferredElementType: "float32" }],
  "numpy.matvec": [x, row, { preferredElementType: "float32" }],
  "numpy.max": [x, { axis: 1 }],
  "numpy.mean": [x, { axis: 1 }],
  "numpy.median": [x, { axis: 1 }],
  "numpy.meshgrid": [[row, row], { indexing: "ij" }],
  "numpy.min": [x, { axis: 1 }],
  "numpy.moveaxis": [x, 0, 1],
  "numpy.nanToNum": [x, { nan: 0 }],
  "numpy.nanmedian": [x, { axis: 1 }],
  "numpy.nanpercentile": [x, 50, { axis: 1, method: "lower" }],
  "numpy.nanquantile": [x, 0.5, { axis: 1 }],
  "numpy.nonzero": [x, { size: 2 }],
  "numpy.ones": [[4], { dtype: "float32" }],
  "numpy.onesLike": [x, { dtype: "float32" }],
  "numpy.pad": [x, 1, { mode: "reflect", reflectType: "odd" }],
  "numpy.partition": [x, 2, 1],
  "numpy.percentile": [x, 50, { axis: 1, method: "lower" }],
  "numpy.permuteDims": [x, [1, 0]],
  "numpy.prod": [x, { axis: 1 }],
  "numpy.ptp": [x, { axis: 1 }],
  "numpy.quantile": [x, 0.5, { axis: 1 }],
  "numpy.repeat": [x, 2, { axis: 1 }],
  "numpy.reshape": [x, [8, 4]],
  "numpy.roll": [x, 1, { axis: 1 }],
  "numpy.rot90": [x, 1, [0, 1]],
  "numpy.round": [x, 2],
  "numpy.searchsorted": [row, x, { side: "right", method: "sort" }],
  "numpy.slice": [0, 4, 2],
  "numpy.sort": [x, { axis: 1 }],
  "numpy.split": [x, 2, 1],
  "numpy.squeeze": [jnp.ones([1, 4]), 0],
  "numpy.stack": [[x, x], 1],
  "numpy.std": [x, { axis: 1 }],
  "numpy.sum": [x, { axis: 1 }],
  "numpy.swapaxes": [x, 0, 1],
  "numpy.take": [x, ids, { axis: 1, mode: "clip" }],
  "numpy.takeAlongAxis": [x, jnp.ones([4, 1], { dtype: "int32" }), { axis: 1, mode: "clip" }],
  "numpy.tensordot": [x, square, { axes: [[0], [0]] }],
  "numpy.tile": [x, [2, 1]],
  "numpy.trace": [x, { offset: 1 }],
  "numpy.transpose": [x, [1, 0]],
  "numpy.tri": [4, 4, { k: 1 }],
  "numpy.tril": [x, 1],
  "numpy.triu": [x, 1],
  "numpy.unique": [ids, { size: 2 }],
  "numpy.uniqueCounts": [ids, { size: 2 }],
  "numpy.uniqueInverse": [ids, { size: 2 }],
  "numpy.uniqueValues": [ids, { size: 2 }],
  "numpy.unstack": [x, 1],
  "numpy.var": [x, { axis: 1 }],
  "numpy.vdot": [x, x, { preferredElementType: "float32" }],
  "numpy.vecdot": [x, x, { axis: 0 }],
  "numpy.vsplit": [x, 2],
  "numpy.vstack": [[x, x]],
  "numpy.where": [mask, x, x],
  "numpy.zeros": [[4], { dtype: "float32" }],
  "numpy.zerosLike": [x, { dtype: "float32" }],
  "lax.allGather": [x, "i", { axis: 1, tiled: true }],
  "lax.allToAll": [x, "i", 0, 1, { tiled: true }],
  "lax.argmax": [x, { axis: 1 }],
  "lax.argmin": [x, { axis: 1 }],
  "lax.associativeScan": [lax.add, x, { axis: 1 }],
  "lax.axisIndex": ["i"],
  "lax.axisSize": ["i"],
  "lax.batchMatmul": [image, image, { preferredElementType: "float32" }],
  "lax.bitcastConvertType": [x, "int32"],
  "lax.broadcast": [x, [2]],
  "lax.broadcastInDim": [row, { shape: [4, 8], broadcastDimensions: [1] }],
  "lax.broadcastedIota": ["int32", [4, 8], 1],
  "lax.clamp": [jnp.float(0), x, jnp.float(1)],
  "lax.collapse": [x, 0, 2],
  "lax.concatenate": [[x, x], 1],
  "lax.cond": [true, f, f, x],
  "lax.conv": [image, image, [1, 1], "SAME"],
  "lax.convGeneralDilated": [image, image, [1, 1], "SAME", { lhsDilation: [1, 1] }],
  "lax.convertElementType": [x, "int32"],
  "lax.cumlogsumexp": [x, { axis: 1 }],
  "lax.cummax": [x, { axis: 1 }],
  "lax.cummin": [x, { axis: 1 }],
  "lax.cumprod": [x, { axis: 1 }],
  "lax.cumsum": [x, { axis: 1 }],
  "lax.dot": [x, row, { preferredElementType: "float32" }],
  "lax.dotGeneral": [x, jnp.ones([8, 2]), product, { preferredElementType: "float32" }],
  "lax.dynamicIndexInDim": [x, 1, { axis: 1 }],
  "lax.dynamicSlice": [x, [0, 0], [2, 2]],
  "lax.dynamicSliceInDim": [x, 0, 2, { axis: 1 }],
  "lax.dynamicUpdateIndexInDim": [x, row, 1, { axis: 0 }],
  "lax.dynamicUpdateSlice": [x, jnp.ones([2, 2]), [0, 0]],
  "lax.dynamicUpdateSliceInDim": [x, x, 0, { axis: 0 }],
  "lax.expandDims": [x, [1]],
  "lax.foriLoop": [0, 4, (_: unknown, a: jax.Array) => jnp.add(a, 1), x],
  "lax.full": [[4], 1, "float32"],
  "lax.fullLike": [x, 1, "float32", [2]],
  "lax.indexInDim": [x, 1, { axis: 0 }],
  "lax.integerPow": [x, 2],
  "lax.iota": ["int32", 4],
  "lax.map": [f, x],
  "lax.pad": [
    x,
    jnp.float(0),
    [
      [0, 1, 0],
      [0, 1, 0],
    ],
  ],
  "lax.pbroadcast": [x, "i", 1],
  "lax.pcast": [x, "i", { to: "varying" }],
  "lax.pmax": [x, "i"],
  "lax.pmean": [x, "i"],
  "lax.pmin": [x, "i"],
  "lax.ppermute": [x, "i", [[0, 1]]],
  "lax.psum": [x, "i"],
  "lax.psumScatter": [x, "i", { scatterDimension: 1, tiled: true }],
  "lax.raggedDot": [x, jnp.ones([2, 8, 3]), jnp.array([1, 3]), { preferredElementType: "float32" }],
  "lax.reducePrecision": [x, { exponentBits: 5, mantissaBits: 10 }],
  "lax.reshape": [x, [8, 4]],
  "lax.rev": [x, [1]],
  "lax.round": [x, { roundingMethod: 1 }],
  "lax.scan": [(c: jax.Array, y: jax.Array) => [c, y], row, x, { reverse: true }],
  "lax.select": [mask, x, x],
  "lax.selectN": [mask, x, x],
  "lax.slice": [x, { startIndices: [0, 0], limitIndices: [2, 2] }],
  "lax.sliceInDim": [x, 0, 2, { axis: 1 }],
  "lax.sort": [x, { dimension: 1 }],
  "lax.sortKeyVal": [x, x, { dimension: 1 }],
  "lax.split": [x, [4, 4], 1],
  "lax.squeeze": [jnp.ones([1, 4]), [0]],
  "lax.switch": [0, [f, f], x],
  "lax.switchBranch": [0, [f, f], x],
  "lax.topK": [x, 2, { axis: 1 }],
  "lax.transpose": [x, [1, 0]],
  "lax.whileLoop": [(a: jax.Array) => jnp.less(jnp.sum(a), 9), f, x, { maxTrips: 3 }],
  "nn.celu": [x, { alpha: 1 }],
  "nn.dotProductAttention": [heads, heads, heads, { isCausal: true }],
  "nn.elu": [x, { alpha: 1 }],
  "nn.gelu": [x, { approximate: true }],
  "nn.glu": [x, { axis: 1 }],
  "nn.leakyRelu": [x, { negativeSlope: 1 }],
  "nn.logSoftmax": [x, { axis: 1 }],
  "nn.logsumexp": [x, { axis: 1 }],
  "nn.oneHot": [ids, 4, { axis: 0 }],
  "nn.signedLogsumexp": [x, { axis: 1 }],
  "nn.softmax": [x, { axis: 1 }],
  "nn.squareplus": [x, { b: 1 }],
  "nn.standardize": [x, { axis: 1 }],
  "random.bernoulli": [key, 0.5, [4]],
  "random.bits": [key, [4], { dtype: "uint32" }],
  "random.categorical": [key, x, { axis: 1 }],
  "random.choice": [key, 4, { shape: [2] }],
  "random.exponential": [key, [4], { dtype: "float32" }],
  "random.foldIn": [key, 1],
  "random.gumbel": [key, [4], { dtype: "float32", mode: "high" }],
  "random.key": [0],
  "random.keyData": [key],
  "random.normal": [key, [4], { dtype: "float32" }],
  "random.permutation": [key, x, { axis: 1 }],
  "random.prngKey": [0],
  "random.randint": [key, [4], 0, 9, { dtype: "int32" }],
  "random.split": [key, 2],
  "random.truncatedNormal": [key, 0, 1, { shape: [4] }],
  "random.uniform": [key, [4], { minval: 0 }],
  "random.wrapKeyData": [random.keyData(key)],
};
for (const op of "reduceAnd reduceOr reduceXor".split(" ")) Object.assign(calls, { [`lax.${op}`]: [mask, [1]] });
for (const op of "reduceMax reduceMin reduceProd reduceSum".split(" "))
  Object.assign(calls, { [`lax.${op}`]: [x, [1]] });
for (const op of "scatter scatterAdd scatterMax scatterMin scatterMul scatterSub".split(" "))
  Object.assign(calls, {
    [`lax.${op}`]: [
      row,
      jnp.ones([2, 1], { dtype: "int32" }),
      jnp.ones([2]),
      {
        dimensionNumbers: { updateWindowDims: [], insertedWindowDims: [0], scatterDimsToOperandDims: [0] },
        mode: "clip",
      },
    ],
  });
Object.assign(calls, {
  "lax.gather": [
    row,
    jnp.ones([2, 1], { dtype: "int32" }),
    {
      dimensionNumbers: { offsetDims: [], collapsedSliceDims: [0], startIndexMap: [0] },
      sliceSizes: [1],
      mode: "clip",
    },
  ],
  "lax.raggedDotGeneral": [
    x,
    jnp.ones([2, 8, 3]),
    jnp.array([1, 3]),
    {
      dotDimensionNumbers: [
        [[1], [1]],
        [[], []],
      ],
      lhsRaggedDimensions: [0],
      rhsGroupDimensions: [0],
    },
    { preferredElementType: "float32" },
  ],
});

const integers = /bitwise|shift|invert|clz|populationCount/i;
const functions: Readonly<Record<string, AnyFunction>> = Object.fromEntries(
  Object.entries({ numpy: jnp, lax, nn, random }).flatMap(([space, names]) =>
    Object.entries(names).flatMap(([name, value]) =>
      typeof value === "function" && !/^[A-Z]/.test(name) ? [[`${space}.${name}`, value as AnyFunction] as const] : [],
    ),
  ),
);
const unary = new Set(Object.keys(functions).filter((name) => !(name in calls) && functions[name].length <= 1));
const argumentsOf = (name: string): readonly unknown[] => {
  const operand = integers.test(name) ? ids : x;
  return calls[name] ?? (unary.has(name) ? [operand] : [operand, operand]);
};

/** `tracer` stands in for one of the trace that the call is in. */
const tracer = Symbol("tracer");
const wrongs = {
  null: null,
  undefined: undefined,
  text: "what",
  tracer,
  NaN: Number.NaN,
  "{}": {},
  "[]": [],
  "1.5": 1.5,
  "-99": -99,
  function: () => 1,
  true: true,
};

const isOptions = (x: unknown): x is Readonly<Record<string, unknown>> =>
  typeof x === "object" && x !== null && Object.getPrototypeOf(x) === Object.prototype;

/** With the tracer in its place. */
function replaced(value: unknown, by: jax.Array): unknown {
  if (value === tracer) return by;
  if (Array.isArray(value)) return value.map((each) => replaced(each, by));
  if (!isOptions(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, replaced(each, by)]));
}

/** The arguments with something else in one place, which may be in a list or in options. */
function* withWrong(given: readonly unknown[], wrong: unknown): Generator<readonly unknown[]> {
  for (const [i, value] of given.entries()) {
    yield given.with(i, wrong);
    if (Array.isArray(value)) for (const inner of withWrong(value, wrong)) yield given.with(i, inner);
    else if (isOptions(value)) for (const name of Object.keys(value)) yield given.with(i, { ...value, [name]: wrong });
  }
}

const own = [jax.ShapeError, jax.DTypeError, jax.ShardingError, jax.TracerError, jax.DeviceError, TypeError];
const engine = /Cannot |is not (a function|iterable|an object|defined|a constructor)|\(reading|Invalid|internal error/;
/** Begins with the name of an operation, states a rule and says what was got, in none of the engine's words. */
function isOwn(error: unknown): boolean {
  if (!own.some((type) => error instanceof type)) return false;
  const { message } = error as Error;
  return !engine.test(message) && /^[\w.-]+(: | body function ).*[;:] (got|lhs)/.test(message);
}

/** What a call throws while it is traced, within an axis that collectives may name. */
function thrownBy(f: AnyFunction, args: readonly unknown[]): unknown {
  const called = (t: jax.Array): jax.Array => {
    f(...(replaced(args, t) as unknown[]));
    return t;
  };
  try {
    jax.makeJaxpr(jax.vmap(called, { inAxes: null, outAxes: null, axisName: "i", axisSize: 4 }))(x);
  } catch (error) {
    return error;
  }
  return undefined;
}

for (const name of Object.keys(functions)) {
  const given = argumentsOf(name);
  test(`${name} takes what it should`, () => {
    assert.is(thrownBy(functions[name], given), undefined);
  });
  test(`${name} says in its own words what is wrong with an argument`, () => {
    const raw: string[] = [];
    for (const [what, wrong] of Object.entries(wrongs))
      for (const args of withWrong(given, wrong)) {
        const error = thrownBy(functions[name], args);
        const place = args.findIndex((arg, i) => arg !== given[i]);
        if (error !== undefined && !isOwn(error)) raw.push(`${what} in argument ${place}: ${error}`);
      }
    assert.equal(raw, []);
  });
}

test.run();
