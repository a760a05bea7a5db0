import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import "../setup.ts";

const { jit, numpy: jnp } = jax;
type A = jax.Array;

const list = (x: A): Promise<unknown> => x.toList();

// ---- trees ------------------------------------------------------------------

class Layer {
  readonly kernel: A;
  readonly bias: A;
  readonly activation: string;
  constructor(kernel: A, bias: A, activation: string) {
    this.kernel = kernel;
    this.bias = bias;
    this.activation = activation;
  }
  call(x: A): A {
    const y = x.dot(this.kernel).add(this.bias);
    return this.activation === "relu" ? jax.nn.relu(y) : y;
  }
}
jax.registerPytreeNode(Layer, {
  flatten: (layer: Layer) => [[layer.kernel, layer.bias], layer.activation] as const,
  unflatten: (activation: string, children) => new Layer(children[0] as A, children[1] as A, activation),
});

test("a tree of dicts, lists, Maps and nulls goes in and comes out with its structure", async () => {
  let seen: unknown;
  const f = jit((tree: { b: A; a: readonly [A, null, { z: A }]; m: Map<string, A> }) => {
    seen = tree;
    return { sum: tree.b.add(tree.a[0]), rest: [tree.a[2].z.mul(2), null], m: new Map([["k", tree.m.get("k") as A]]) };
  });
  const out = f({
    b: jnp.array([1, 2]),
    a: [jnp.array([10, 20]), null, { z: jnp.array(3) }],
    m: new Map([["k", jnp.array([7])]]),
  });
  assert.equal(Object.keys(seen as object), ["a", "b", "m"]);
  assert.equal(await list(out.sum), [11, 22]);
  assert.is(await (out.rest[0] as A).item(), 6);
  assert.is(out.rest[1], null);
  assert.equal(await list(out.m.get("k") as A), [7]);
});

test("a registered class is an argument and a result, and its static data decide what is traced", async () => {
  let traces = 0;
  const f = jit((layer: Layer, x: A) => {
    traces++;
    return { y: layer.call(x), grown: new Layer(layer.kernel.mul(2), layer.bias, layer.activation) };
  });
  const layer = (activation: string) => new Layer(jnp.array([[1, -1]]), jnp.array([0, 0]), activation);
  const x = jnp.array([[2], [-3]]);
  const { y, grown } = f(layer("relu"), x);
  assert.equal(await list(y), [
    [2, 0],
    [0, 3],
  ]);
  assert.instance(grown, Layer);
  assert.equal(await list(grown.kernel), [[2, -2]]);
  f(layer("relu"), x);
  assert.is(traces, 1);
  assert.equal(await list(f(layer("none"), x).y), [
    [2, -2],
    [-3, 3],
  ]);
  assert.is(traces, 2);
});

test("what is neither array, number nor tree of them is refused as argument and as result", () => {
  const f = jit((x: unknown) => x);
  assert.throws(
    () => f("text"),
    /jit: arguments must be arrays, numbers, booleans or trees of them; got "text" for argument 0 of/,
  );
  assert.throws(() => f([new Date()]), /got a Date for argument 0\[0\] of .*staticArgnums/);
  assert.throws(() => f(() => 1), /got a function for argument 0 of/);
  assert.throws(() => jit(() => "text")(), /jit: results must be arrays.*got "text" from <lambda>, called at/);
  function* steps(): Generator<number> {
    yield 1;
  }
  assert.throws(() => jit(steps)(), /jit: results must be arrays.*got a Generator from steps, called at/);
  assert.throws(
    () =>
      jit(function named(a: A) {
        return { logits: a, more: [a, { text: "yes" }] };
      })(jnp.ones(2)),
    /^jit: results must be .* trees of them; got "yes" at \['more'\]\[1\]\['text'\] from named, called at .*arguments\.test\.ts:\d+/,
  );
  assert.throws(
    () => jax.grad((a: A) => [a, "no"] as unknown as A)(jnp.ones(2)),
    /^grad: arguments and results must be arrays.*; got "no" at \[1\]/,
  );
});

test("an async function is refused, and what it throws behind its first await ends no process", async () => {
  const unhandled: unknown[] = [];
  const onUnhandled = (error: unknown): void => {
    unhandled.push(error);
  };
  process.on("unhandledRejection", onUnhandled);
  const late = async (x: A) => {
    await Promise.resolve();
    return x.add(1).sum();
  };
  const untyped = late as unknown as (x: A) => A;
  const x = jnp.ones(2);
  assert.throws(() => jit(late)(x), /jit: the function must not be async; got a promise from late/);
  assert.throws(() => jax.grad(untyped)(x), /must not be async; got a promise/);
  assert.throws(() => jax.vmap(untyped)(x), /vmap: .*must not be async; got a promise/);
  assert.throws(() => jax.lax.cond(true, untyped, untyped, x), /must not be async; got a promise/);
  assert.throws(() => jit((y: A) => ({ a: late(y), b: [late(y)] }))(x), /jit: results must be .*; got a Promise at/);
  assert.throws(() => jax.vmap((y: A) => [untyped(y), untyped(y)])(x), /vmap: the function must not be async/);
  const ofRule = (rule: string): RegExp => new RegExp(`must not be async; got a promise from the ${rule}`);
  const double = jax.customJvp((y: A) => y.mul(2)).defJvp(late as never);
  assert.throws(() => jax.grad((y: A) => double(y).sum())(x), ofRule("rule of"));
  const forwardLate = jax.customVjp((y: A) => y.mul(2)).defVjp(late as never, ((_: unknown, ct: A) => [ct]) as never);
  assert.throws(() => jax.grad((y: A) => forwardLate(y).sum())(x), ofRule("forward rule of"));
  const backwardLate = jax
    .customVjp((y: A) => y.mul(2))
    .defVjp(((y: A) => [y.mul(2), []]) as never, (async (_: unknown, ct: A) => late(ct)) as never);
  assert.throws(() => jax.grad((y: A) => backwardLate(y).sum())(x), ofRule("backward rule of"));
  // Node looks for rejections without a handler at the end of a turn.
  await new Promise((resolve) => setTimeout(resolve, 20));
  process.off("unhandledRejection", onUnhandled);
  assert.equal(unhandled, []);
});

test("an array is no static argument, as in JAX: neither alone nor in a list", () => {
  const x = jnp.ones([3]);
  const power = jit(
    function power(a: A, _: unknown) {
      return a;
    },
    { staticArgnums: -1 },
  );
  const rule = /^TypeError: jit: static arguments must be values that the host can compare; got /;
  const refused = (use: () => unknown, got: RegExp): void =>
    assert.throws(use, (error: unknown) => rule.test(String(error)) && got.test(String(error)));
  refused(() => power(x, x), /got float32\[3\] for argument 1 of power\. Pass arrays as ordinary arguments$/);
  refused(() => power(x, { sizes: [1, x] }), /got float32\[3\] for argument 1 of power\['sizes'\]\[1\]\./);
  refused(() => power(x, new Float32Array(2)), /got a Float32Array for argument 1 of power\./);
  refused(() => jit((a: A) => power(a, a))(x), /got float32\[3\] for argument 1 of power\./);
  const named = jit((a: A, { by }: { by: unknown }) => (by ? a : a.add(1)), { staticArgnames: "by", name: "named" });
  refused(() => named(x, { by: x }), /got float32\[3\] for by of named\./);
  power(x, { sizes: [1, 2] });
  power(x, (): A => x);
});

test("a function without arguments, one that returns its argument twice, and one that returns numbers", async () => {
  assert.equal(await list(jit(() => jnp.arange(3))()), [0, 1, 2]);
  const [a, b, c] = jit((x: A) => [x, x, 4] as const)(jnp.array([5, 6]));
  assert.equal([await list(a), await list(b), await (c as unknown as A).item()], [[5, 6], [5, 6], 4]);
  assert.equal(jit(() => ({}))(), {});
});

// ---- the cache --------------------------------------------------------------

const counted = (): { f: (...args: unknown[]) => A; traces: () => number } => {
  let traces = 0;
  const f = jit((x: A) => {
    traces++;
    return x.add(1);
  });
  return { f: f as unknown as (...args: unknown[]) => A, traces: () => traces };
};

test("calls share a trace by shape, dtype and weak type, as JAX's do", () => {
  const { f, traces } = counted();
  const after = (...args: unknown[]): number => {
    f(...args);
    return traces();
  };
  assert.is(after(1), 1);
  assert.is(after(2), 1);
  assert.is(after(1.5), 2);
  assert.is(after(2.5), 2);
  assert.is(after(true), 3);
  assert.is(after(jnp.array(1, { dtype: "int32" })), 4);
  // jnp.array of a number is weakly typed: the same as the number.
  assert.is(after(jnp.array(7)), 4);
  assert.is(after(jnp.array([1, 2])), 5);
  assert.is(after(jnp.array([3, 4])), 5);
  assert.is(after(jnp.array([3, 4], { dtype: "float32" })), 6);
  assert.is(after(jnp.array([3, 4, 5])), 7);
  assert.is(after(jnp.array([[3, 4]])), 8);
});

test("structure is part of the key: a list of one is not the array", () => {
  let traces = 0;
  const f = jit((x: unknown) => {
    traces++;
    return jax.tree.leaves(x);
  });
  const x = jnp.ones(2);
  for (const tree of [x, [x], { a: x }, { b: x }, [x, null], [[x]]]) f(tree);
  assert.is(traces, 6);
  f({ a: x });
  f([x, null]);
  assert.is(traces, 6);
});

test("clearCache makes the next call trace anew", () => {
  let traces = 0;
  const f = jit((x: A) => {
    traces++;
    return x;
  });
  f(jnp.ones(1));
  f.clearCache();
  f(jnp.ones(1));
  assert.is(traces, 2);
});

// ---- static arguments -------------------------------------------------------

test("two static functions never collide, not even with one text", async () => {
  const scaled = (by: number) => (x: A) => x.mul(by);
  const apply = jit((f: (x: A) => A, x: A) => f(x), { staticArgnums: 0 });
  const [twice, thrice] = [scaled(2), scaled(3)];
  const x = jnp.array([1, 2]);
  assert.equal(await list(apply(twice, x)), [2, 4]);
  assert.equal(await list(apply(thrice, x)), [3, 6]);
  assert.equal(await list(apply(twice, x)), [2, 4]);
});

test("class instances are compared by identity, plain objects and lists by value", async () => {
  let traces = 0;
  class Config {
    readonly by: number;
    constructor(by: number) {
      this.by = by;
    }
  }
  const apply = jit(
    (config: { readonly by: number }, x: A) => {
      traces++;
      return x.mul(config.by);
    },
    { staticArgnums: [0] },
  );
  const x = jnp.array([1, 2]);
  const [a, b] = [new Config(2), new Config(3)];
  assert.equal(await list(apply(a, x)), [2, 4]);
  assert.equal(await list(apply(b, x)), [3, 6]);
  apply(a, x);
  assert.is(traces, 2);
  apply(new Config(2), x);
  assert.is(traces, 3);
  assert.equal(await list(apply({ by: 2 }, x)), [2, 4]);
  apply({ by: 2 }, x);
  assert.is(traces, 4);
  assert.equal(await list(apply({ by: 5 }, x)), [5, 10]);
});

test("a static object that is changed afterwards is another one", async () => {
  const apply = jit((config: { by: number[] }, x: A) => x.mul(config.by[0]), { staticArgnums: 0 });
  const config = { by: [2] };
  const x = jnp.array([1, 2]);
  assert.equal(await list(apply(config, x)), [2, 4]);
  config.by[0] = 3;
  assert.equal(await list(apply(config, x)), [3, 6]);
});

test("NaN equals itself as a static value, 0 and -0 differ, 1 and true and '1' differ", () => {
  let traces = 0;
  const apply = jit(
    (_: unknown, x: A) => {
      traces++;
      return x;
    },
    { staticArgnums: 0 },
  );
  const x = jnp.ones(1);
  for (const value of [Number.NaN, Number.NaN, 0, -0, 1, true, "1", 1, undefined, null]) apply(value, x);
  assert.is(traces, 8);
});

test("negative positions count from the end", async () => {
  const f = jit((x: A, n: number) => jnp.tile(x, n), { staticArgnums: -1 });
  assert.equal(await list(f(jnp.array([1, 2]), 2)), [1, 2, 1, 2]);
});

test("static names are keys of the last argument; the others stay traced", async () => {
  let traces = 0;
  const f = jit(
    (x: A, { axis, scale }: { axis: number; scale: A | number }) => {
      traces++;
      return jnp.sum(x, { axis }).mul(scale);
    },
    { staticArgnames: "axis" },
  );
  const x = jnp.array([
    [1, 2],
    [3, 4],
  ]);
  assert.equal(await list(f(x, { axis: 0, scale: 10 })), [40, 60]);
  assert.equal(await list(f(x, { axis: 1, scale: 10 })), [30, 70]);
  assert.equal(await list(f(x, { axis: 1, scale: 100 })), [300, 700]);
  assert.is(traces, 2);
});

// ---- what a function closes over -------------------------------------------

test("an array captured by a closure is a constant of the trace", async () => {
  let w = jnp.array([10, 20]);
  const f = jit((x: A) => x.add(w));
  assert.equal(await list(f(jnp.array([1, 2]))), [11, 22]);
  w = jnp.array([100, 200]);
  assert.equal(await list(f(jnp.array([1, 2]))), [11, 22]);
  assert.equal(await list(f(jnp.array([1, 2, 3]).slice(jax.slice(0, 2)))), [11, 22]);
  assert.match(String(jax.makeJaxpr((x: A) => x.add(w))(jnp.array([1, 2]))), /\{ lambda a:i32\[2\]; b:i32\[2\]\. let/);
});

test("a constant that was disposed of after the trace is a clear error, not wrong values", async () => {
  const w = jnp.array([10, 20]);
  const f = jit((x: A) => x.add(w));
  await f(jnp.array([1, 2])).data();
  w.dispose();
  try {
    assert.equal(await list(f(jnp.array([1, 2]))), [11, 22]);
  } catch (error) {
    assert.match((error as Error).message, /deleted/);
  }
});

test("a constant may be disposed of or donated right behind the first call, which is still being compiled", async () => {
  for (const end of [(w: A) => w.dispose(), (w: A) => void jit((a: A) => a.mul(0), { donateArgnums: 0 })(w)]) {
    const w = jnp.array([10, 20, 30]);
    const f = jit((x: A) => x.add(w));
    const first = f(jnp.array([1, 2, 3]));
    end(w);
    const second = f(jnp.array([4, 5, 6]));
    assert.equal(await list(first), [11, 22, 33]);
    assert.equal(await list(second), [14, 25, 36]);
  }
});

test("a scalar captured by a closure is a literal", () => {
  const s = jnp.array(2.5);
  assert.match(String(jax.makeJaxpr((x: A) => x.mul(s))(jnp.ones(2))), /mul a 2\.5:f32\[\]/);
});

// ---- jit in jit ----------------------------------------------------------------

test("a jitted function within another is one call in its jaxpr, traced once", async () => {
  let traces = 0;
  const inner = jit(
    (x: A) => {
      traces++;
      return x.mul(2);
    },
    { name: "inner" },
  );
  const outer = jit((x: A) => inner(inner(x).add(1)));
  const x = jnp.array([1, 2]);
  assert.equal(await list(outer(x)), [6, 10]);
  assert.is(traces, 1);
  assert.match(outer.lower(x).asText(), /jit\[name=inner/);
  inner(x);
  assert.is(traces, 1);
});

test("an inner function closes over the outer one's tracers", async () => {
  const outer = jit((x: A, y: A) => {
    const inner = jit((z: A) => z.mul(y));
    return inner(x).add(inner(y));
  });
  assert.equal(await list(outer(jnp.array([1, 2]), jnp.array([10, 20]))), [110, 440]);
});

test("inline leaves no call, also for numbers, and gives the same", async () => {
  const inner = jit((x: A, y: A) => ({ sum: x.add(y) }), { inline: true, name: "inner" });
  const outer = jit((x: A) => inner(x, 2 as unknown as A).sum);
  const x = jnp.array([1, 2]);
  assert.not.match(outer.lower(x).asText(), /inner/);
  assert.equal(await list(outer(x)), [3, 4]);
  assert.equal(await list(inner(x, x).sum), [2, 4]);
});

test("static arguments reach an inner function as they are", async () => {
  const inner = jit((x: A, n: number) => jnp.tile(x, n), { staticArgnums: 1 });
  assert.equal(await list(jit((x: A) => inner(x, 2).add(inner(x, 2)))(jnp.array([1]))), [2, 2]);
});

// ---- without running ----------------------------------------------------------

test("evalShape gives the tree of types and computes nothing", () => {
  const before = jax.statistics().launches;
  const out = jax.evalShape(
    (x: A, layer: Layer) => ({ y: layer.call(x), mean: jnp.mean(x) }),
    new jax.ShapeDtypeStruct([4, 3], "float32"),
    new Layer(
      new jax.ShapeDtypeStruct([3, 2], "float32") as unknown as A,
      new jax.ShapeDtypeStruct([2], "float32") as unknown as A,
      "relu",
    ),
  ) as { y: jax.ShapeDtypeStruct; mean: jax.ShapeDtypeStruct };
  assert.equal([out.y.shape, out.y.dtype, out.mean.shape], [[4, 2], "float32", []]);
  assert.is(jax.statistics().launches, before);
});

test("makeJaxpr prints what JAX prints", () => {
  // jax.make_jaxpr(lambda x, y: jnp.sin(x) * y + 2.0)(jnp.ones(3), 1.5)
  assert.is(
    String(jax.makeJaxpr((x: A, y: A) => jnp.sin(x).mul(y).add(2))(jnp.ones(3), 1.5)),
    `{ lambda ; a:f32[3] b:f32[]. let
    c:f32[3] = sin a
    d:f32[] = convert_element_type[new_dtype=float32 weak_type=False] b
    e:f32[3] = mul c d
    f:f32[3] = add e 2.0:f32[]
  in (f,) }`,
  );
});

test.run();
