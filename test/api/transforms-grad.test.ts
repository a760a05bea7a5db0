import { test } from "uvu";
import * as assert from "uvu/assert";
import { grad, valueAndGrad } from "../../packages/jaxscale/src/api/grad.ts";
import { hessian, jacfwd, jacrev } from "../../packages/jaxscale/src/api/jacobian.ts";
import * as lax from "../../packages/jaxscale/src/api/lax/index.ts";
import { jvp, linearize, vjp } from "../../packages/jaxscale/src/api/linearize.ts";
import * as jnp from "../../packages/jaxscale/src/api/numpy/index.ts";
import { vmap } from "../../packages/jaxscale/src/api/vmap.ts";
import { type A, array, counting, near, scalar, values } from "./transforms-arrays.ts";

const cube = (x: A): A => x.mul(x).mul(x);
const sum = (x: A): A => jnp.sum(x);

test("derivatives of derivatives are those of the polynomial", () => {
  const x = scalar(3);
  assert.equal(values(grad(cube)(x)), [27]);
  assert.equal(values(grad(grad(cube))(x)), [18]);
  assert.equal(values(grad(grad(grad(cube)))(x)), [6]);
  assert.equal(values(grad(grad(grad(grad(cube))))(x)), [0]);
});

test("a number is a weakly typed argument", () => {
  const g = grad((x: A | number) => jnp.sin(x));
  assert.ok(near(g(1.5), [Math.cos(1.5)]));
});

test("argnums chooses arguments; one from the end counts backwards", () => {
  const f = (x: A, y: A): A => sum(x.mul(x).mul(y));
  const [x, y] = [array([1, 2]), array([3, 5])];
  assert.equal(values(grad(f)(x, y)), [6, 20]);
  assert.equal(values(grad(f, { argnums: 1 })(x, y)), [1, 4]);
  assert.equal(values(grad(f, { argnums: -1 })(x, y)), [1, 4]);
  const [dy, dx] = grad(f, { argnums: [1, 0] })(x, y);
  assert.equal(
    [values(dy), values(dx)],
    [
      [1, 4],
      [6, 20],
    ],
  );
});

test("gradients have the tree of the argument; other arguments may be anything", () => {
  const f = ({ a, b }: { a: A; b: [A, A] }, mode: string): A => {
    assert.is(mode, "fast");
    return sum(a.mul(b[0])).add(sum(b[1]));
  };
  const found = grad(f)({ a: array([1, 2]), b: [array([3, 4]), array([5])] }, "fast");
  assert.equal([values(found.a), values(found.b[0]), values(found.b[1])], [[3, 4], [1, 2], [1]]);
});

test("with hasAux, what is computed on the way comes along undifferentiated", () => {
  const f = (x: A): [A, { twice: A }] => [sum(x.mul(x)), { twice: x.mul(2) }];
  const [gradient, aux] = grad(f, { hasAux: true })(array([1, 2]));
  assert.equal(
    [values(gradient), values(aux.twice)],
    [
      [2, 4],
      [2, 4],
    ],
  );
  const [[value, more]] = valueAndGrad(f, { hasAux: true })(array([1, 2]));
  assert.equal([values(value), values(more.twice)], [[5], [2, 4]]);
  assert.throws(
    () => grad(cube as (x: A) => unknown, { hasAux: true })(scalar(1)),
    /must return a pair \[value, aux\]/,
  );
});

test("what is closed over is a constant, also when it is a tracer of an outer derivative", () => {
  const outer = (y: A): A => grad((x: A) => x.mul(x).mul(y))(scalar(3)).mul(y);
  // d/dy (2·3·y · y) = 12 y
  assert.equal(values(grad(outer)(scalar(2))), [24]);
});

test("an argument that plays no part has gradient 0", () => {
  assert.equal(values(grad((_: A, y: A) => sum(y), { argnums: 0 })(array([1, 2]), array([3]))), [0, 0]);
});

test("gradients of integers, of integer results and of non-scalars are refused", () => {
  assert.throws(
    () => grad(sum)(counting([3], "int32")),
    (e: Error) => e.name === "DTypeError" && /grad: requires real-valued inputs, .*got int32\[3\]/.test(e.message),
  );
  assert.throws(
    () => grad((x: A) => sum(x.astype("int32")))(array([1])),
    /grad: requires real-valued outputs, .*got int32/,
  );
  assert.throws(
    () => grad(cube)(array([1, 2])),
    (e: Error) =>
      e.name === "ShapeError" && /only defined for scalar-output functions; got output of shape \[2\]/.test(e.message),
  );
  assert.throws(() => grad((x: A): A[] => [x, x])(scalar(1)), /scalar-output functions; got 2 outputs/);
  assert.throws(
    () => grad(cube, { argnums: 1 })(scalar(1)),
    /argnums must name arguments of the call; got 1 for 1 arguments/,
  );
});

test("kinks have JAX's derivatives", () => {
  assert.equal(values(grad((x: A) => sum(jnp.abs(x)))(array([-2, 0, 2]))), [-1, 1, 1]);
  assert.equal(values(grad((x: A) => sum(jnp.maximum(x, 0)))(array([-1, 0, 1]))), [0, 0.5, 1]);
  assert.equal(values(grad((x: A) => jnp.max(x))(array([1, 3, 3]))), [0, 0.5, 0.5]);
  assert.equal(values(grad((x: A) => sum(jnp.sqrt(x)))(array([0]))), [Number.POSITIVE_INFINITY]);
});

test("jvp gives values and tangents in the tree of the result; null is a zero", () => {
  const [value, tangent] = jvp((x: A, y: A): A[] => [x.mul(y), y], [scalar(3), scalar(4)], [scalar(1), null]);
  assert.equal([...value, ...tangent].map(values), [[12], [4], [4], [0]]);
  const [, , aux] = jvp((x: A): [A, A] => [x, x.add(1)], [scalar(1)], [scalar(1)], { hasAux: true });
  assert.equal(values(aux), [2]);
});

test("jvp refuses tangents that do not match", () => {
  assert.throws(() => jvp(cube, [scalar(1)], [array([1])]), /equal shapes; got float32\[\] and float32\[1\]/);
  assert.throws(() => jvp(cube, [scalar(1)], [scalar(1, "int32")]), /equal dtypes; got float32\[\] and int32\[\]/);
  assert.throws(() => jvp(cube, [scalar(1, "int32")], [scalar(1)]), /the tangent of an integer or bool is null/);
  assert.throws(() => jvp(cube, [scalar(1)], []), TypeError);
});

test("linearize computes the function once and its derivative as often as wanted", () => {
  let calls = 0;
  const [value, derivative] = linearize((x: A) => {
    calls++;
    return jnp.sin(x);
  }, scalar(0.5));
  assert.ok(near(value, [Math.sin(0.5)]));
  for (const t of [1, 2, -3]) assert.ok(near(derivative(scalar(t)), [t * Math.cos(0.5)]));
  assert.is(calls, 1);
});

test("vjp pulls cotangents back; integers have none", () => {
  const [value, pull] = vjp((x: A, i: A): A => jnp.take(x, i).mul(2), array([1, 2, 3]), array([2, 0], [2], "int32"));
  assert.equal(values(value), [6, 2]);
  const [dx, di] = pull(array([10, 1]));
  assert.equal(values(dx), [2, 0, 20]);
  assert.is(di, null);
  assert.throws(() => pull(array([1])), /has the type of the function's value, float32\[2\]; got float32\[1\]/);
  assert.throws(() => pull([array([1])] as never), TypeError);
  const [, , aux] = vjp((x: A): [A, A] => [x, x.mul(3)], scalar(1), { hasAux: true });
  assert.equal(values(aux), [3]);
});

test("Jacobians are one row for each result and one column for each argument, in trees", () => {
  const f = (x: A, { y }: { y: A }): A[] => [x.mul(sum(y)), sum(x)];
  const args: [A, { y: A }] = [array([1, 2]), { y: array([3, 4, 5]) }];
  for (const jacobian of [jacfwd, jacrev]) {
    const [first, second] = jacobian(f, { argnums: [0, 1] })(...args);
    assert.equal(values(first[0]), [12, 0, 0, 12]);
    assert.equal(values(first[1].y), [1, 1, 1, 2, 2, 2]);
    assert.equal([values(second[0]), second[0].shape], [[1, 1], [2]]);
    assert.equal([values(second[1].y), second[1].y.shape], [[0, 0, 0], [3]]);
  }
  assert.throws(() => jacfwd(f)(array([1], [1], "int32") as never, args[1]), /jacfwd: requires real-valued inputs/);
  assert.throws(() => jacrev((x: A) => x.astype("int32"))(array([1])), /jacrev: requires real-valued outputs/);
});

test("the Hessian of a quadratic form is its symmetric part, twice", () => {
  const m = array([1, 2, 5, 3], [2, 2]);
  const f = (x: A): A => jnp.dot(x, jnp.matmul(m, x));
  assert.equal(values(hessian(f)(array([0.5, -1]))), [2, 7, 7, 6]);
});

test("stopGradient cuts the derivative, at every order", () => {
  const f = (x: A): A => x.mul(lax.stopGradient(x));
  assert.equal(values(grad(f)(scalar(3))), [3]);
  assert.equal(values(grad(grad(f))(scalar(3))), [0]);
  const g = (x: A): A => {
    const { a, n } = lax.stopGradient({ a: x, n: counting([2], "int32") });
    return sum(a.mul(x).mul(n));
  };
  assert.equal(values(grad(g)(array([2, 3]))), [0, 3]);
});

test("forward over reverse, reverse over forward and both over vmap agree", () => {
  const f = (x: A): A => jnp.sin(x).mul(jnp.exp(x));
  const second = (x: number): number => 2 * Math.cos(x) * Math.exp(x);
  const x = scalar(0.7);
  const forward = (y: A): A => jvp(f, [y], [scalar(1)])[1];
  assert.ok(near(jvp(grad(f), [x], [scalar(1)])[1], [second(0.7)]));
  assert.ok(near(grad(forward)(x), [second(0.7)]));
  const xs = array([0.1, 0.7, 1.3]);
  const want = [0.1, 0.7, 1.3].map(second);
  assert.ok(near(vmap(grad(grad(f)))(xs), want));
  assert.ok(near(grad((ys: A) => sum(vmap(grad(f))(ys)))(xs), want));
});

test.run();
