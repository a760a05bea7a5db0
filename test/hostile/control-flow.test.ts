import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import "../setup.ts";

const { grad, jit, lax, numpy: jnp } = jax;
type A = jax.Array;

const untyped = (value: unknown): never => value as never;
const x = jnp.ones([3]);
const n = jnp.arange(2).sum();
const length = { length: 3 };

/** The call, the class of its error, and what it says. */
type Wrong = readonly [call: () => unknown, type: new (...args: never[]) => Error, message: RegExp];

const wrongs: Readonly<Record<string, Wrong>> = {
  "a scan's carry that grows": [
    () => lax.scan((c: A): [A, null] => [jnp.stack([c, c]), null], x, null, length),
    TypeError,
    /^scan body function carry input and carry output must have equal types, but they differ: the input carry has type float32\[3\]; got float32\[2,3\] for it from the body, so the shapes do not match$/,
  ],
  "one component of a carry that changes its dtype": [
    () => lax.scan(({ a, b }: { a: A; b: A }) => [{ a, b: b.greater(0) }, null], { a: x, b: x }, null, length),
    TypeError,
    /^scan body .*: the input carry component carry\['b'\] has type float32\[3\]; got bool\[3\] .*so the dtypes do not match$/,
  ],
  "a carry that loses a component": [
    () =>
      lax.scan(
        untyped(({ a }: { a: A; b: A }) => [{ a }, null]),
        { a: x, b: x },
        null,
        length,
      ),
    TypeError,
    /^scan body .* must have the same pytree structure, .*\{'a': \*, 'b': \*\}.*; got PyTreeDef\(\{'a': \*\}\)$/,
  ],
  "a strong int32 carry to which a float is added": [
    () => lax.foriLoop(0, 3, (_, c: A) => c.add(0.5), jnp.arange(3)),
    TypeError,
    /carry component carry\[1\] has type int32\[3\]; got float32\[3\]/,
  ],
  "a body that returns no pair": [
    () =>
      lax.scan(
        untyped((c: A) => c),
        x,
        null,
        length,
      ),
    TypeError,
    /^scan: the body must return \[carry, y\]; got PyTreeDef\(\*\)$/,
  ],
  "a body that returns nothing": [
    () =>
      lax.scan(
        untyped(() => {}),
        x,
        null,
        length,
      ),
    TypeError,
    /^scan: the body must return \[carry, y\]; got PyTreeDef\(None\)$/,
  ],
  "inputs of different lengths": [
    () => lax.scan((c: A, v: A[]): [A, A[]] => [c, v], x, [jnp.zeros([3]), jnp.zeros([4, 2])]),
    jax.ShapeError,
    /^scan: inputs must have equal leading sizes; got 3 and 4$/,
  ],
  "a length that the inputs do not have": [
    () => lax.scan((c: A, v: A): [A, A] => [c, v], x, x, { length: 4 }),
    jax.ShapeError,
    /^scan: .*; got 4 and 3$/,
  ],
  "a length below zero": [
    () => lax.scan((c: A): [A, null] => [c, null], x, null, { length: -1 }),
    jax.ShapeError,
    /^scan: the length must be a whole number, 0 or more; got -1$/,
  ],
  "neither inputs nor a length": [
    () => lax.scan((c: A): [A, null] => [c, null], x, null),
    jax.ShapeError,
    /^scan: needs inputs or a length; got neither$/,
  ],
  "a scalar to scan over": [
    () => lax.map((v: A) => v, jnp.ones([])),
    jax.ShapeError,
    /^scan: inputs must have an axis to scan over; got float32\[\]$/,
  ],
  "a string in a carry": [
    () => lax.scan((c: unknown): [unknown, null] => [c, null], { a: "text" }, null, length),
    jax.DTypeError,
    /^scan: arguments and results must be arrays, .*; got "text" at \['a'\]$/,
  ],
  "a while's carry that changes its shape": [
    () =>
      lax.whileLoop(
        (c: A) => c.sum().less(9),
        (c: A) => c.sum(),
        x,
      ),
    TypeError,
    /^while_loop body function carry .*: the input carry has type float32\[3\]; got float32\[\]/,
  ],
  "a condition that is a number": [
    () =>
      lax.whileLoop(
        (c: A) => c.sum(),
        (c: A) => c,
        x,
      ),
    TypeError,
    /^while_loop: cond_fun must return a boolean scalar; got float32\[\]$/,
  ],
  "a condition for each element": [
    () =>
      lax.whileLoop(
        (c: A) => c.less(1),
        (c: A) => c,
        x,
      ),
    TypeError,
    /^while_loop: cond_fun must return a boolean scalar; got bool\[3\]$/,
  ],
  "a condition in a list": [
    () =>
      lax.whileLoop(
        untyped((c: A) => [c.sum().less(1)]),
        (c: A) => c,
        x,
      ),
    TypeError,
    /^while_loop: cond_fun must return a boolean scalar; got PyTreeDef\(\[\*\]\)$/,
  ],
  "half a turn at most": [
    () =>
      lax.whileLoop(
        (c: A) => c.sum().less(1),
        (c: A) => c,
        x,
        { maxTrips: 0.5 },
      ),
    jax.ShapeError,
    /^while_loop: maxTrips must be a whole number, 0 or more; got 0\.5$/,
  ],
  "bounds of two dtypes": [
    () => lax.foriLoop(0, 2.5, (_, c: A) => c, x),
    TypeError,
    /^fori_loop: lower and upper must be scalar numbers of one dtype; got int32\[\] and float32\[\]$/,
  ],
  "bounds that are no scalars": [
    () => lax.foriLoop(jnp.zeros([2]), jnp.ones([2]), (_, c: A) => c, x),
    TypeError,
    /^fori_loop: .*; got float32\[2\] and float32\[2\]$/,
  ],
  "branches of different dtypes": [
    () =>
      lax.cond(
        n,
        (v: A) => v,
        (v: A) => v.astype("int32"),
        x,
      ),
    TypeError,
    /^cond: branches must have equal output types; got int32\[3\] from onFalse and float32\[3\] from onTrue$/,
  ],
  "branches of different shapes, the third of a switch": [
    () => lax.switch(n, [(v: A) => v, (v: A) => v.mul(2), (v: A) => v.sum()], x),
    TypeError,
    /^switch: branches must have equal output types; got float32\[3\] from branch 0 and float32\[\] from branch 2$/,
  ],
  "branches of different structure": [
    () =>
      lax.cond(
        n,
        untyped(() => [1, 2]),
        untyped(() => ({ a: 1 })),
      ),
    TypeError,
    /^cond: branches must return trees of one structure; got PyTreeDef\(\{'a': \*\}\) from onFalse and PyTreeDef\(\[\*, \*\]\) from onTrue$/,
  ],
  "a predicate for each element": [
    () =>
      lax.cond(
        x,
        () => 1,
        () => 2,
      ),
    TypeError,
    /^cond: the predicate must be a scalar; got float32\[3\]$/,
  ],
  "a float to choose by": [
    () => lax.switch(jnp.ones([]), [() => 1, () => 2]),
    TypeError,
    /^switch: the index must be an integer scalar; got float32\[\]$/,
  ],
  "no branches": [() => lax.switch(n, []), TypeError, /^switch: needs at least one branch; got none$/],
  "reverse mode through a while": [
    () =>
      grad((v: A) =>
        lax.whileLoop(
          (c: A) => c.less(10),
          (c: A) => c.mul(2),
          v,
        ),
      )(jnp.full([], 1.5)),
    jax.TracerError,
    /^while: no transpose rule: reverse-mode differentiation does not work for lax\.whileLoop .*; got a gradient through one\. Use lax\.scan/,
  ],
  "reverse mode through a foriLoop with a bound on the device": [
    () => jit(grad((v: A, m: A) => lax.foriLoop(0, m, (_, c: A) => c.mul(2), v)))(jnp.full([], 1.5), n),
    jax.TracerError,
    /^while: no transpose rule: .*foriLoop with dynamic start\/stop values/,
  ],
  "a gradient of integers": [
    () => grad((v: A) => v.sum())(jnp.arange(3)),
    jax.DTypeError,
    /^grad: requires real-valued inputs, of a floating-point dtype; got int32\[3\]/,
  ],
  "a gradient of an integer result": [
    () => grad((v: A) => lax.scan((c: A): [A, null] => [c.add(1), null], 0, v)[0])(x),
    jax.DTypeError,
    /^grad: requires real-valued outputs, of a floating-point dtype; got int32$/,
  ],
  "a gradient of many results": [
    () => grad((v: A) => lax.scan((c: A, e: A): [A, A] => [c, e], v, v)[1])(x),
    jax.ShapeError,
    /^grad: gradient is only defined for scalar-output functions; got output of shape \[3\]$/,
  ],
  "more of the largest than there are": [
    () => lax.topK(jnp.ones([2, 3]), 4),
    jax.ShapeError,
    /^top_k: k must be in \[0, 3\], the size of the axis; got 4 for float32\[2,3\] axis 1$/,
  ],
};

for (const [what, [call, type, message]] of Object.entries(wrongs))
  test(`${what}: said while tracing`, () => {
    for (const run of [call, () => jax.makeJaxpr(call)()])
      assert.throws(run, (error: Error) => {
        assert.instance(error, type, `${error.name}: ${error.message}`);
        assert.match(error.message, message);
        return true;
      });
  });

test("an error in a body leaves no trace open: the next operations work", async () => {
  assert.throws(() => lax.scan((): [A, null] => [jnp.zeros([2]).dot(jnp.zeros([3])), null], x, null, length), /^dot: /);
  assert.throws(
    () =>
      lax.cond(
        n,
        () => {
          throw new RangeError("mine");
        },
        () => x,
      ),
    /^mine$/,
  );
  assert.equal(await x.add(1).toList(), [2, 2, 2]);
});

test("what a body leaks is refused where it is used", () => {
  let leaked: A | undefined;
  lax.scan(
    (c: A): [A, null] => {
      leaked = c.mul(2);
      return [c, null];
    },
    x,
    null,
    length,
  );
  assert.throws(
    () => (leaked as A).add(1),
    (error: Error) => error.name === "TracerError",
  );
});

test.run();
