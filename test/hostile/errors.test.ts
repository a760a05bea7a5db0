import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import "../setup.ts";

const { jit, lax, nn, numpy: jnp } = jax;

const x = jnp.ones([4, 8]);
const i = jnp.arange(4);
const mask = jnp.ones([4, 8], { dtype: "bool" });
const half = jnp.ones([4, 8], { dtype: "bfloat16" });
const untyped = (value: unknown): never => value as never;

type Wrong = readonly [
  call: () => unknown,
  type: typeof jax.ShapeError | typeof jax.DTypeError | typeof TypeError,
  message: RegExp,
];
const { ShapeError, DTypeError } = jax;

/** Each says `op: rule; got …` with the shapes and dtypes that do not fit. */
const wrongs: Readonly<Record<string, Wrong>> = {
  "a product whose depths differ": [
    () => x.dot(jnp.ones([9, 3])),
    ShapeError,
    /^dot: contracting sizes differ; got float32\[4,8\] axis 1 = 8, float32\[9,3\] axis 0 = 9$/,
  ],
  "a batched product whose depths differ": [
    () => jnp.matmul(x, jnp.ones([2, 9, 3])),
    ShapeError,
    /^matmul: contracting sizes differ; got float32\[4,8\] axis 1 = 8, float32\[2,9,3\] axis 1 = 9$/,
  ],
  "a product with a scalar": [() => jnp.matmul(x, 1), ShapeError, /^matmul: .*; got float32\[4,8\] and int32\[\]$/],
  "dot_general as a primitive": [
    () =>
      lax.dotGeneral(x, jnp.ones([9, 3]), [
        [[1], [0]],
        [[], []],
      ]),
    ShapeError,
    /^dot_general: contracting sizes differ; lhs float32\[4,8\] axis 1 = 8, rhs float32\[9,3\] axis 0 = 9$/,
  ],
  "shapes that do not broadcast": [
    () => x.add(jnp.ones([3])),
    ShapeError,
    /^add: shapes must be broadcastable; got \[4,8\] and \[3\]$/,
  ],
  "lax does not promote": [
    () => lax.add(x, i),
    DTypeError,
    /^add: operands must have equal dtypes; got float32\[4,8\] and int32\[4\]$/,
  ],
  "lax takes a number as float32": [
    () => lax.mul(half, 2.5),
    DTypeError,
    /^mul: operands must have equal dtypes; got bfloat16\[4,8\] and float32\[\]$/,
  ],
  "lax does not broadcast ranks": [() => lax.add(x, jnp.ones([8])), ShapeError, /^add: .*equal ranks.*; got/],
  "a reshape to another size": [
    () => x.reshape([5, 7]),
    ShapeError,
    /^reshape: sizes must multiply to 32; got \[5,7\] for float32\[4,8\]$/,
  ],
  "a permutation with a repeat": [() => jnp.transpose(x, [0, 0]), ShapeError, /permutation.*; got \(0, 0\)/],
  "an axis out of range": [() => x.sum({ axis: 2 }), ShapeError, /^sum: axis must be in \[-2, 2\); got 2$/],
  "an axis twice": [() => x.sum({ axis: [0, -2] }), ShapeError, /^sum: axes must be distinct/],
  "a join of unequal rows": [
    () => jnp.concatenate([x, jnp.ones([4, 9])]),
    ShapeError,
    /^concatenate: sizes must agree but along axis 0; got float32\[4,8\], float32\[4,9\]$/,
  ],
  "a join of nothing": [() => jnp.concatenate([]), ShapeError, /at least one array; got none/],
  "a squeeze of an axis that is not 1": [() => jnp.squeeze(x, 0), ShapeError, /^squeeze: .*axis 0 = 4/],
  "a slice beyond the end": [
    () => lax.slice(x, { startIndices: [0, 0], limitIndices: [5, 8] }),
    ShapeError,
    /^slice: .*; got 0:5:1 for float32\[4,8\] axis 0 = 4$/,
  ],
  "a window larger than the array": [
    () => lax.dynamicSlice(x, [0, 0], [5, 8]),
    ShapeError,
    /^dynamic_slice: .*\(5, 8\)/,
  ],
  "an update larger than the array": [
    () => lax.dynamicUpdateSlice(x, jnp.ones([5, 1]), [0, 0]),
    ShapeError,
    /^dynamic_update_slice: .*; got float32\[4,8\] and float32\[5,1\]$/,
  ],
  "an update of another dtype": [
    () => lax.dynamicUpdateSlice(x, i.reshape([4, 1]), [0, 0]),
    DTypeError,
    /^dynamic_update_slice: .*; got float32\[4,8\] and int32\[4,1\]$/,
  ],
  "a float for an index": [() => x.slice(0.5), DTypeError, /^index: .*whole number; got 0\.5$/],
  "a float array for an index": [() => x.slice(jnp.array([0.5])), DTypeError, /^index: .*; got float32\[1\]$/],
  "a mask that only the device knows": [() => x.slice(mask), DTypeError, /Use where\(mask, x, y\)/],
  "too many indices": [() => x.slice(0, 0, 0), ShapeError, /at most one entry an axis; got 3 for \[4,8\]/],
  "values that do not fit where they are put": [
    () => x.at(0).set(jnp.ones([3])),
    ShapeError,
    /; got float32\[3\] and \[8\]/,
  ],
  "the negative of bools": [() => jnp.negative(mask), DTypeError, /^neg: dtype must be one of .*; got bool\[4,8\]$/],
  "a float's bits inverted": [() => lax.bitwiseNot(x), DTypeError, /^not: dtype must be one of int32.*; got float32/],
  "lax's sine of integers": [() => lax.sin(i), DTypeError, /^sin: .*; got int32\[4\]$/],
  "silu of integers": [() => nn.silu(i), DTypeError, /; got int32\[4\]$/],
  "an extreme of nothing": [
    () => jnp.max(jnp.zeros([0, 3]), { axis: 0 }),
    ShapeError,
    /must not be empty.*float32\[0,3\]/,
  ],
  "an einsum whose sizes differ": [
    () => jnp.einsum("ij,jk->ik", x, x),
    ShapeError,
    /^einsum: sizes of label "j" must agree/,
  ],
  "an einsum with an operand missing": [() => jnp.einsum("ij,jk", x), ShapeError, /takes 2 operands; got 1/],
  "a split that leaves a rest": [
    () => jnp.split(x, 3, 1),
    ShapeError,
    /must divide the axis; got 3 for float32\[4,8\]/,
  ],
  "a negative size": [
    () => jnp.zeros([-1]),
    ShapeError,
    /^zeros: sizes must be whole numbers of at least 0; got \[-1\]$/,
  ],
  "a broken size": [() => jnp.zeros([1.5]), ShapeError, /got \[1\.5\]$/],
  "a dtype that is not there": [
    () => jnp.zeros([1], { dtype: untyped("float64") }),
    DTypeError,
    /^zeros: dtype must be one that this library has.*; got float64/,
  ],
  "a conversion to a dtype that is not there": [() => x.astype(untyped("int64")), DTypeError, /; got int64/],
  "a ragged list": [() => jnp.array([[1], [1, 2]]), ShapeError, /^array: rows must be of one shape; got \[1\], \[2\]$/],
  "text as data": [() => jnp.array(untyped(["a"])), DTypeError, /^array: data must be numbers/],
  "a number that the dtype cannot hold": [
    () => jnp.array(300, { dtype: "uint8" }),
    DTypeError,
    /\[0, 255\] for uint8; got 300/,
  ],
  "a number for options": [
    () => x.sum(untyped(1)),
    TypeError,
    /^sum: options must be an object such as \{ axis: 1 \}; got 1$/,
  ],
  "a list for options": [() => jnp.mean(x, untyped([1])), TypeError, /^mean: options .*; got \[1\]$/],
  "a dtype for options": [
    () => jnp.zeros([2], untyped("int32")),
    TypeError,
    /^zeros: options must be an object such as \{ dtype: "float32" \}; got "int32"$/,
  ],
  "an option of another name": [
    () => x.max(untyped({ axes: 1 })),
    TypeError,
    /^max: options must be among axis, keepdims, where, initial; got axes$/,
  ],
  "an option of JAX's spelling": [
    () => jit((a: jax.Array) => a, untyped({ static_argnums: 0 })),
    TypeError,
    /^jit: options must be among staticArgnums, .*; got static_argnums$/,
  ],
  "an option that must be there": [
    () => lax.argmax(x, untyped({})),
    TypeError,
    /^argmax: the option axis must be given; got \{\}$/,
  ],
  "an array for an axis": [() => x.sum({ axis: untyped(i) }), ShapeError, /^sum: axis must be .*; got int32\[4\]$/],
  "an array for repetitions": [() => jnp.tile(x, untyped(i)), ShapeError, /^tile: .*; got int32\[4\]$/],
  "an array for a shape": [() => jnp.reshape(x, untyped(i)), ShapeError, /^reshape: .*; got int32\[4\]$/],
  "an array for a bound": [() => jnp.arange(untyped(i)), DTypeError, /^arange: .*must be numbers; got int32\[4\]$/],
  "an array for a list of arrays": [
    () => jnp.concatenate(untyped(x)),
    TypeError,
    /^concatenate: arrays must be a list; got float32\[4,8\]$/,
  ],
  "an object for dimension numbers": [
    () => lax.dotGeneral(x, x, untyped({ contracting: [1] })),
    TypeError,
    /^dot_general: dimension numbers must be \[\[lhs contracting, rhs contracting\], .*; got \{ contracting \}$/,
  ],
  "options where an axis stands by itself": [
    () => jnp.split(x, 2, untyped({ axis: 1 })),
    ShapeError,
    /^split: axis must be in \[-2, 2\); got \{ axis \}$/,
  ],
  "an axis to map over that is none": [
    () => jax.vmap((a: jax.Array) => a, { inAxes: untyped("rows") })(x),
    ShapeError,
    /^vmap: an axis must be a whole number; got "rows"$/,
  ],
  "axes to map over for other arguments": [
    () => jax.vmap((a: jax.Array) => a, { inAxes: [0, 0] })(x),
    TypeError,
    /^vmap: inAxes .*must be an array of length 1.*; got an array of length 2$/,
  ],
  "no function": [() => jit(untyped(x)), TypeError, /^jit: the first argument must be a function; got float32\[4,8\]$/],
  "text as an operand": [() => x.add(untyped("1")), DTypeError, /^add: operands must be arrays.*; got string$/],
  "null as an operand": [() => jnp.add(x, untyped(null)), DTypeError, /; got null$/],
  "a list as an operand": [
    () => jnp.add(x, untyped([1])),
    DTypeError,
    /; got a list\. Make an array of it with jnp\.array$/,
  ],
  "no operand": [() => jnp.sin(untyped(undefined)), DTypeError, /^sin: .*; got undefined$/],
};

for (const [what, [call, type, message]] of Object.entries(wrongs))
  test(`refused in a sentence: ${what}`, () => {
    let error: unknown;
    try {
      call();
    } catch (e) {
      error = e;
    }
    assert.instance(error, type);
    assert.match((error as Error).message, message);
    assert.match((error as Error).message, /; (got|lhs) /);
    // The same while tracing.
    assert.throws(() => jit(call as () => jax.Array)(), message);
  });

test("after all these errors the library still works", async () => {
  assert.is(await x.sum().item(), 32);
});

// ---- indices far outside -------------------------------------------------------

const far = [2 ** 31 - 1, -(2 ** 31), 1_000_000, -1_000_000, 5, -6];
const row = jnp.array([10, 11, 12, 13, 14]);
const at = jnp.array(far, { dtype: "int32" });

test("reading far outside clamps, fills or wraps, as the mode says, and never reads foreign memory", async () => {
  const read = jit((a: jax.Array, ids: jax.Array) => ({
    index: a.slice(ids),
    fill: jnp.take(a, ids),
    clip: jnp.take(a, ids, { mode: "clip" }),
    wrap: jnp.take(a, ids, { mode: "wrap" }),
  }));
  const got = read(row, at);
  assert.equal(await got.index.toList(), [14, 10, 14, 10, 14, 10]);
  assert.equal(await got.fill.toList(), new Array(6).fill(-(2 ** 31)));
  assert.equal(await got.clip.toList(), [14, 10, 14, 10, 14, 10]);
  const wrapped = far.map((n) => 10 + (((n % 5) + 5) % 5));
  assert.equal(await got.wrap.toList(), wrapped);
});

test("writing far outside is dropped or clamped, and changes nothing else", async () => {
  const ones = jnp.ones([6], { dtype: "int32" });
  assert.equal(await row.at(at).set(ones).toList(), [10, 11, 12, 13, 14]);
  assert.equal(await row.at(at).add(ones).toList(), [10, 11, 12, 13, 14]);
  assert.equal(await row.at(at).add(ones, { mode: "clip" }).toList(), [13, 11, 12, 13, 17]);
});

test("dynamic slices far outside keep their size, at the nearest end", async () => {
  const window = jit((a: jax.Array, start: jax.Array) => lax.dynamicSlice(a, [start], [2]));
  const put = jit((a: jax.Array, start: jax.Array) => lax.dynamicUpdateSlice(a, jnp.array([7, 8]), [start]));
  const upper = [2 ** 31 - 1, 1_000_000, 5];
  for (const n of far) {
    const start = jnp.array(n, { dtype: "int32" });
    // -6 wraps once, to -1, and is clamped.
    assert.equal(await window(row, start).toList(), upper.includes(n) ? [13, 14] : [10, 11], `at ${n}`);
    assert.equal(
      await put(row, start).toList(),
      upper.includes(n) ? [10, 11, 12, 7, 8] : [7, 8, 12, 13, 14],
      `at ${n}`,
    );
  }
});

test.run();
