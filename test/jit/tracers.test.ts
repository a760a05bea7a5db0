import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import "../setup.ts";

const { jit, numpy: jnp } = jax;
type A = jax.Array;

const x = jnp.array([1, 2, 3]);
const traced = (use: (x: A) => unknown) => (): A =>
  jit((a: A) => {
    use(a);
    return a;
  })(x);

/** Throws a TracerError that says what was done, and what to do instead. */
function refuses(use: (x: A) => unknown, message: RegExp): void {
  let error: unknown;
  try {
    traced(use)();
  } catch (e) {
    error = e;
  }
  assert.instance(error, jax.TracerError);
  assert.match((error as Error).message, message);
}
// As a JavaScript user would write them, past the type checker.
const untyped = (y: A): number => y as unknown as number;

test("operators on a tracer say which methods to use", () => {
  refuses((a) => untyped(a) + 1, /use methods such as x\.add\(1\), x\.mul\(y\), x\.less\(0\); got int32\[3\]/);
  refuses((a) => untyped(a) < 0, /x\.less\(0\)/);
  refuses((a) => untyped(a) * 2, /x\.mul\(y\)/);
  refuses((a) => -untyped(a), /operators do not work on arrays/);
  refuses((a) => untyped(a) + untyped(a), /operators do not work on arrays/);
  refuses((a) => Math.sin(untyped(a)), /operators do not work on arrays/);
  // biome-ignore lint/suspicious/noDoubleEquals: what a user might write
  refuses((a) => untyped(a) == 1, /operators do not work on arrays/);
});

test("operators on a device array throw too, instead of computing with its text", () => {
  assert.throws(() => untyped(x) + 1, /operators do not work on arrays/);
  assert.throws(() => untyped(x) < 0, /operators do not work on arrays/);
});

test("printing a tracer says to return it; printing a device array gives its type", () => {
  refuses((a) => `${a}`, /a traced array has no value to print; got int32\[3\]\. Return it/);
  refuses((a) => String(a), /Return it from the traced function/);
  assert.is(`${x}`, "Array(int32[3])");
});

test("iterating, spreading and destructuring a tracer say how to index", () => {
  refuses(
    (a) => [...(a as unknown as number[])],
    /iterating over a traced array.*x\.at\(i\)\.get\(\).*vmap or lax\.scan/,
  );
  refuses((a) => {
    const [first] = a as unknown as number[];
    return first;
  }, /iterating over a traced array/);
  refuses((a) => {
    for (const row of a as unknown as number[]) return row;
    return 0;
  }, /iterating/);
  assert.throws(() => [...(x as unknown as number[])], /iterating over an array is not possible.*toList/);
});

test("asking a tracer for its values says to return it", () => {
  for (const name of ["item", "data", "toList", "text", "blockUntilReady", "dispose"] as const)
    refuses(
      (a) => a[name](),
      new RegExp(`^${name}: the values of a traced array are not known while tracing; got int32\\[3\\]\\. Return it`),
    );
});

test("a tracer can be logged: its type is all there is to see", () => {
  let json = "";
  traced((a) => (json = JSON.stringify({ a })))();
  assert.is(json, '{"a":"Tracer<int32[3]>"}');
});

/** What a use of the tracer throws. */
function thrownBy(use: () => unknown): Error {
  try {
    use();
  } catch (error) {
    assert.instance(error, jax.TracerError);
    return error as Error;
  }
  throw new Error("nothing was thrown");
}

test("a tracer kept after its trace is refused by any later use, and named with its function, operation and line", () => {
  let kept: A | undefined;
  const f = jit(
    (a: A) => {
      kept = a.mul(2);
      return a;
    },
    { name: "keeps" },
  );
  f(x);
  const leaked = kept as A;
  const message =
    /^[\w<>]+: a traced array was used after the function "keeps" that made it had ended; got int32\[3\], the result of mul, called at .*tracers\.test\.ts:\d+:\d+.*\. Return it/;
  for (const use of [
    () => leaked.add(1),
    () => jit((a: A) => a)(leaked),
    () => jit((a: A) => a.add(leaked))(x),
    () => jax.makeJaxpr((a: A) => a.add(leaked))(x),
  ])
    assert.match(thrownBy(use).message, message);
  assert.match(thrownBy(() => jit((a: A) => a.add(leaked))(x)).message, /^add: /);
});

test("a tracer kept by a derivative or a mapped function is refused the same way", () => {
  let kept: A = x;
  const floats = jnp.ones([3]);
  const keeps = (a: A): A => {
    kept = jnp.sin(a);
    return jnp.sum(kept);
  };
  const transformed: readonly (readonly [run: () => unknown, type: string])[] = [
    [() => jax.grad(keeps)(floats), "float32\\[3\\]"],
    [() => jax.jvp(keeps, [floats], [floats]), "float32\\[3\\]"],
    [() => jax.vmap(keeps)(floats), "float32\\[\\]"],
    [() => jax.jacfwd(keeps)(floats), "float32\\[3\\]"],
    [() => jit(jax.grad(keeps))(floats), "float32\\[3\\]"],
  ];
  for (const [run, type] of transformed) {
    run();
    const leaked = kept;
    const message = new RegExp(
      `^add: a traced array was used after the function "keeps" that made it had ended; got ${type}, the result of sin, called at keeps .*tracers\\.test\\.ts`,
    );
    assert.match(thrownBy(() => leaked.add(1)).message, message);
    assert.match(thrownBy(() => jit((a: A) => a.add(leaked))(x)).message, message);
  }
});

test("an argument kept after its function has ended is called one", () => {
  let kept: A = x;
  jit(function remembers(a: A) {
    kept = a;
    return a;
  })(x);
  assert.match(
    thrownBy(() => kept.mul(2)).message,
    /^mul: .*"remembers".*; got int32\[3\], an argument of it\. Return it/,
  );
});

test("the user's line is found below many frames of the library", () => {
  const limit = Error.stackTraceLimit;
  let kept: A = x;
  const nested = (depth: number, a: A): A => {
    if (depth > 0) return jit((b: A) => jax.vmap((c: A) => nested(depth - 1, c))(b))(a);
    kept = jnp.einsum("i,i->", a, a);
    return a;
  };
  Error.stackTraceLimit = 1;
  try {
    nested(3, jnp.ones([1, 1, 1, 2]));
  } finally {
    Error.stackTraceLimit = limit;
  }
  assert.match(thrownBy(() => kept.add(1)).message, /called at nested \(.*tracers\.test\.ts:\d+:\d+\)/);
  assert.is(Error.stackTraceLimit, limit);
});

test("a tracer of an outer function is fine within an inner one, but not after both", async () => {
  const outer = jit((a: A) => jit((b: A) => b.add(a))(a));
  assert.equal(await outer(x).toList(), [2, 4, 6]);
});

test("a function that throws while traced leaves the library as it was", async () => {
  assert.throws(
    () =>
      jit((a: A) => {
        jit((b: A) => {
          b.add(1);
          throw new RangeError("mine");
        })(a);
        return a;
      })(x),
    /mine/,
  );
  assert.equal(await x.add(1).toList(), [2, 3, 4]);
  let tries = 0;
  const f = jit((a: A) => {
    if (tries++ === 0) throw new RangeError("once");
    return a.add(1);
  });
  assert.throws(() => f(x), /once/);
  assert.equal(await f(x).toList(), [2, 3, 4]);
});

test("the shape, dtype and size of a tracer are known", () => {
  let seen: unknown;
  traced((a) => (seen = [a.shape, a.dtype, a.ndim, a.size, a.weakType]))();
  assert.equal(seen, [[3], "int32", 1, 3, false]);
});

test("tracing launches nothing", () => {
  const before = jax.statistics().launches;
  jit((a: A) => jnp.sum(jnp.sin(a).add(jnp.arange(3)))).lower(x);
  jax.makeJaxpr((a: A) => jnp.linspace(0, 1, 5).mul(jnp.sum(a)))(x);
  assert.is(jax.statistics().launches, before);
});

test.run();
