import { test } from "uvu";
import * as assert from "uvu/assert";
import { grad } from "../../packages/jaxscale/src/api/grad.ts";
import * as lax from "../../packages/jaxscale/src/api/lax/index.ts";
import * as jnp from "../../packages/jaxscale/src/api/numpy/index.ts";
import { vmap } from "../../packages/jaxscale/src/api/vmap.ts";
import { type A, array, counting, scalar, values } from "./transforms-arrays.ts";

const over = (f: (x: A) => A, inAxes = 0) => vmap(f, { axisName: "i", inAxes });

test("psum, pmean, pmax and pmin reduce over the named axis, and every element has the result", () => {
  const x = array([1, 5, 3]);
  assert.equal(values(over((y) => lax.psum(y, "i"))(x)), [9, 9, 9]);
  assert.equal(values(over((y) => lax.pmean(y, "i"))(x)), [3, 3, 3]);
  assert.equal(values(over((y) => lax.pmax(y, "i"))(x)), [5, 5, 5]);
  assert.equal(values(over((y) => lax.pmin(y, "i"))(x)), [1, 1, 1]);
});

test("of a value that all have in common the sum is a multiple", () => {
  assert.equal(values(over((y) => y.mul(lax.psum(1, "i")))(array([1, 2]))), [2, 4]);
  assert.equal(values(over((y) => y.mul(lax.psum(scalar(2.5), "i")))(array([1, 2]))), [5, 10]);
  assert.equal(values(over((y) => y.mul(lax.pmax(scalar(3), "i")))(array([1, 2]))), [3, 6]);
});

test("trees are reduced leaf by leaf", () => {
  const out = vmap((x: A) => lax.psum({ a: x, b: [x.mul(2)] }, "i"), { axisName: "i" })(array([1, 2]));
  assert.equal(
    [values(out.a), values(out.b[0])],
    [
      [3, 3],
      [6, 6],
    ],
  );
});

test("axisIndex counts along the axis, axisSize is a number", () => {
  assert.equal(values(over((x) => x.add(lax.axisIndex("i")))(array([10, 10, 10]))), [10, 11, 12]);
  assert.equal(values(over((x) => x.mul(lax.axisSize("i")))(array([1, 1]))), [2, 2]);
});

test("axes nest: each is named, or several as one, the first the slowest", () => {
  const nested = (f: (x: A) => A) => vmap(vmap(f, { axisName: "j" }), { axisName: "i" });
  const x = counting([2, 3]);
  assert.equal(values(nested((y) => lax.psum(y, "j"))(x)), [3, 3, 3, 12, 12, 12]);
  assert.equal(values(nested((y) => lax.psum(y, "i"))(x)), [3, 5, 7, 3, 5, 7]);
  assert.equal(values(nested((y) => lax.psum(y, ["i", "j"]))(x)), [15, 15, 15, 15, 15, 15]);
  assert.equal(values(nested((y) => y.mul(0).add(lax.axisIndex(["i", "j"])))(x)), [0, 1, 2, 3, 4, 5]);
  assert.equal(values(nested((y) => y.mul(0).add(lax.axisSize(["i", "j"])))(x)), [6, 6, 6, 6, 6, 6]);
});

test("the gradient of a normalization over the axis is that of the array function", () => {
  const normalize = (x: A): A => x.div(lax.psum(x, "i"));
  const weights = array([1, 2, 4]);
  const mapped = grad((x: A) => jnp.sum(over(normalize)(x).mul(weights)));
  const whole = grad((x: A) => jnp.sum(x.div(jnp.sum(x)).mul(weights)));
  const x = array([1, 2, 5]);
  values(mapped(x)).forEach((got, i) => assert.ok(Math.abs(got - values(whole(x))[i]) < 1e-6));
});

test("a name that nothing maps over is refused", () => {
  const message = /psum: unbound axis name; got "k", bound are i/;
  assert.throws(
    () => over((x) => lax.psum(x, "k"))(array([1])),
    (e: Error) => e.name === "ShardingError" && message.test(e.message),
  );
  assert.throws(() => lax.axisIndex("i"), /axis_index: unbound axis name; got "i", bound are none/);
  assert.throws(() => lax.axisSize("i"), /unbound axis name/);
  assert.throws(() => vmap((x: A) => lax.psum(x, "i"))(array([1])), /unbound axis name/);
});

test("mapped first, pmax has the derivative of a maximum; differentiated first it has none, and says so", () => {
  const x = array([1, 2]);
  assert.equal(values(grad((xs: A) => jnp.sum(over((y) => lax.pmax(y, "i"))(xs)))(x)), [0, 2]);
  assert.throws(() => over((y) => grad((z: A) => lax.pmax(z, "i"))(y))(x), /^pmax: no differentiation rule$/);
});

test.run();
