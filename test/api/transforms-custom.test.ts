import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkpoint } from "../../packages/jaxscale/src/api/checkpoint.ts";
import { customJvp, customVjp } from "../../packages/jaxscale/src/api/custom-derivatives.ts";
import { grad } from "../../packages/jaxscale/src/api/grad.ts";
import { jacrev } from "../../packages/jaxscale/src/api/jacobian.ts";
import { jvp, vjp } from "../../packages/jaxscale/src/api/linearize.ts";
import { makeJaxpr } from "../../packages/jaxscale/src/api/make-jaxpr.ts";
import * as jnp from "../../packages/jaxscale/src/api/numpy/index.ts";
import { vmap } from "../../packages/jaxscale/src/api/vmap.ts";
import { inlineCalls } from "../../packages/jaxscale/src/passes/inline-calls.ts";
import { simplify } from "../../packages/jaxscale/src/passes/simplify.ts";
import { type A, array, near, scalar, values } from "./transforms-arrays.ts";

const sum = (x: A): A => jnp.sum(x);

/** A rule that is recognisably not the derivative. */
const tenfold = customJvp((x: A): A => jnp.sin(x)).defJvp(([x]: A[], [dx]: A[]) => [jnp.sin(x), dx.mul(10)]);

test("a customJvp rule is the derivative in both modes, under vmap and within itself", () => {
  const x = scalar(0.5);
  assert.ok(near(tenfold(x), [Math.sin(0.5)]));
  assert.equal(values(jvp(tenfold, [x], [scalar(2)])[1]), [20]);
  assert.equal(values(grad(tenfold)(x)), [10]);
  assert.equal(values(vmap(grad(tenfold))(array([1, 2]))), [10, 10]);
  assert.equal(values(grad((xs: A) => sum(vmap(tenfold)(xs)))(array([1, 2]))), [10, 10]);
  assert.equal(
    values(vmap((a: A) => jvp(tenfold, [a], [a])[1], { inAxes: 1, outAxes: 1 })(array([1, 2], [1, 2]))),
    [10, 20],
  );
  assert.equal(values(grad(grad(tenfold))(x)), [0]);
});

test("defJvps has a rule for each argument, whose terms add up; null has none", () => {
  const f = customJvp((x: A, y: A, z: A): A => x.mul(y).mul(z)).defJvps(
    (dx: A, value: A) => dx.mul(value),
    null,
    (dz: A, _: A, x: A, y: A) => dz.mul(x).mul(y).mul(2),
  );
  const [x, y, z] = [scalar(2), scalar(3), scalar(5)];
  assert.equal(grad(f, { argnums: [0, 1, 2] })(x, y, z).map(values), [[30], [0], [12]]);
});

test("trees go in and out, and arguments that are no arrays pass by", () => {
  const f = customJvp((mode: string, { a, b }: { a: A; b: A }): A[] => (mode === "swap" ? [b, a] : [a, b]), {
    nondiffArgnums: [0],
  }).defJvp((mode: string, [{ a, b }]: { a: A; b: A }[], [{ a: da, b: db }]: { a: A; b: A }[]) => {
    assert.is(mode, "swap");
    return [
      [b, a],
      [db.mul(2), da.mul(3)],
    ];
  });
  const [value, tangent] = jvp(
    (t: { a: A; b: A }) => f("swap", t),
    [{ a: scalar(1), b: scalar(2) }],
    [{ a: scalar(1), b: scalar(1) }],
  );
  assert.equal([...value, ...tangent].map(values), [[2], [1], [2], [3]]);
});

test("a customJvp rule must be given, return a pair, and match the value", () => {
  assert.throws(() => customJvp((x: A) => x)(scalar(1)), /a rule must be given before the function is called/);
  const bad = customJvp(function bad(x: A): A {
    return x;
  }).defJvp((([x]: A[]) => x) as never);
  assert.throws(
    () => grad(bad)(scalar(1)),
    /a rule must return a pair \[value, tangent\]; got object from the rule of bad/,
  );
  const shaped = customJvp((x: A): A => x).defJvp(([x]: A[]) => [x, array([1, 2])]);
  assert.throws(
    () => grad(shaped)(scalar(1)),
    /the tangent of a rule has the type of its value, float32\[\]; got float32\[2\]/,
  );
  const other = customJvp((x: A): A => x).defJvp((([x]: A[], [dx]: A[]) => [[x], [dx]]) as never);
  assert.throws(() => grad(other)(scalar(1)), /must have the tree of the function's/);
});

test("a derivative in what a custom function closes over is refused", () => {
  const f = (y: A): A => {
    const inner = customJvp((x: A): A => x.mul(y)).defJvp(([x]: A[], [dx]: A[]) => [x.mul(y), dx.mul(y)]);
    return inner(scalar(2));
  };
  assert.throws(() => grad(f)(scalar(1)), /differentiation in a value that .* closes over is not possible/);
});

const clipped = customVjp((x: A): A => x.mul(1)).defVjp(
  (x: A) => [x.mul(1), { seen: x }],
  ({ seen }: { seen: A }, g: A) => [jnp.clip(g, -1, 1).mul(jnp.sign(seen))],
);

test("a customVjp rule is the reverse derivative, also under vmap and for whole Jacobians", () => {
  const x = array([-2, 3]);
  const f = (y: A): A => sum(clipped(y).mul(5));
  assert.equal(values(grad(f)(x)), [-1, 1]);
  assert.equal(values(vmap(grad(f))(array([-2, 3], [2, 1]))), [-1, 1]);
  assert.equal(values(grad((ys: A) => sum(vmap(clipped)(ys)))(x)), [-1, 1]);
  assert.equal(
    values(jacrev(clipped)(x)),
    [-1, 0, 0, 1].map((y) => y + 0),
  );
  assert.equal(
    values(vmap((y: A, s: A) => grad((z: A) => sum(clipped(z).mul(s)))(y), { inAxes: [null, 0] })(x, array([0.25, 7]))),
    [-0.25, 0.25, -1, 1],
  );
});

test("an argument that is not mapped gets the sum of what its elements get", () => {
  const scale = customVjp((x: A, w: A): A => x.mul(w)).defVjp(
    (x: A, w: A) => [x.mul(w), [x, w]],
    ([x, w]: A[], g: A) => [g.mul(w), g.mul(x)],
  );
  const f = (w: A): A => sum(vmap(scale, { inAxes: [0, null] })(array([1, 2, 4]), w));
  assert.equal(values(grad(f)(scalar(3))), [7]);
});

test("a customVjp function has no forward mode, and says so", () => {
  assert.throws(
    () => jvp(clipped, [array([1])], [array([1])]),
    /a function with a customVjp rule has no forward-mode derivative/,
  );
});

test("a customVjp rule must be given and match the arguments", () => {
  assert.throws(() => customVjp((x: A) => x)(scalar(1)), /customVjp: a rule must be given/);
  const one = customVjp((x: A): A => x).defVjp(
    (x: A) => x as never,
    () => [] as never,
  );
  assert.throws(() => grad(one)(scalar(1)), /a forward rule must return a pair/);
  const none = customVjp((x: A): A => x).defVjp(
    (x: A) => [x, null],
    () => [] as never,
  );
  assert.throws(() => grad(none)(scalar(1)), TypeError);
  const wide = customVjp((x: A): A => x).defVjp(
    (x: A) => [x, null],
    () => [array([1, 2])],
  );
  assert.throws(
    () => grad(wide)(scalar(1)),
    /the cotangent of an argument has its type, float32\[\]; got float32\[2\]/,
  );
  const zero = customVjp((x: A): A => x).defVjp(
    (x: A) => [x, null],
    () => [null],
  );
  assert.equal(values(grad(zero)(scalar(1))), [0]);
});

const wave = (x: A, w: A): A => sum(jnp.sin(jnp.sin(x.mul(w))));

test("checkpoint changes no value and no derivative, in any mode", () => {
  const kept = checkpoint(wave);
  const [x, w] = [array([0.3, -1]), array([2, 0.5])];
  const want = values(grad(wave)(x, w));
  assert.ok(near(kept(x, w), values(wave(x, w))));
  assert.ok(near(grad(kept)(x, w), want));
  assert.ok(near(jvp(kept, [x, w], [x, w])[1], values(jvp(wave, [x, w], [x, w])[1])));
  const [, pull] = vjp(kept, x, w);
  assert.ok(near(pull(scalar(1))[0], want));
  const rows = array([0.3, -1, 1, 2], [2, 2]);
  assert.ok(
    near(vmap(grad(kept), { inAxes: [0, null] })(rows, w), values(vmap(grad(wave), { inAxes: [0, null] })(rows, w))),
  );
  const twice = (f: typeof wave) => grad((y: A) => sum(grad(f)(y, w)))(x);
  assert.ok(near(twice(kept), values(twice(wave))));
});

test("what checkpoint computes again is not merged with what computed it before", () => {
  const sines = (f: (x: A) => A): number => {
    const { jaxpr } = simplify(inlineCalls(makeJaxpr(grad(f))(array([1, 2]))));
    return jaxpr.eqns.filter(({ primitive }) => primitive.name === "sin").length;
  };
  const f = (x: A): A => sum(jnp.sin(jnp.sin(x)));
  assert.is(
    sines((x) => f(x).add(0)),
    1,
  );
  assert.is(
    sines((x) => jnp.sin(f(x))),
    2,
  );
  assert.is(
    sines((x) => jnp.sin(checkpoint(f)(x))),
    3,
  );
});

test.run();
