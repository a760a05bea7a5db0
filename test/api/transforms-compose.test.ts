import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";

const { grad, jit, jvp, lax, nn, numpy: jnp, vmap } = jax;
type A = jax.Array;

const f = (x: A): A => jnp.sum(jnp.sin(x).mul(x));
const slope = (x: number): number => Math.cos(x) * x + Math.sin(x);
const bend = (x: number): number => 2 * Math.cos(x) - Math.sin(x) * x;
const points = [0.3, -1.2, 2];
const xs = (): A => jnp.array(new Float32Array(points));

async function holds(got: unknown, want: readonly number[]): Promise<void> {
  const found = await (got as jax.DeviceArray).data();
  assert.is(found.length, want.length);
  want.forEach((x, i) => assert.ok(Math.abs(found[i] - x) < 1e-4, `${found[i]} at ${i}, wanted ${x}`));
}

test("jit around, inside and between derivatives and maps gives the same numbers", async () => {
  const slopes = points.map(slope);
  const jitted = jit(f);
  await holds(grad(f)(xs()), slopes);
  await holds(grad(jitted)(xs()), slopes);
  await holds(jit(grad(f))(xs()), slopes);
  await holds(jit(grad(jitted))(xs()), slopes);
  await holds(jit(vmap(jit(grad(jitted))))(xs()), slopes);
  await holds(vmap(jit(grad(f)))(xs()), slopes);
  await holds(jit(grad((x: A) => jnp.sum(jit(vmap(jitted))(x))))(xs()), slopes);
});

test("second derivatives go through jit in any order", async () => {
  const bends = points.map(bend);
  const jitted = jit(f);
  await holds(vmap(grad(jit(grad(jitted))))(xs()), bends);
  await holds(jit(vmap(grad(grad(jitted))))(xs()), bends);
  await holds(jit(vmap((x: A) => jvp(jit(grad(jitted)), [x], [jnp.ones([])])[1]))(xs()), bends);
});

test("a jitted function with a static argument and one that closes over a tracer are differentiated", async () => {
  const power = jit((x: A, n: number) => x.pow(n), { staticArgnums: 1 });
  await holds(
    vmap(grad((x: A) => power(x, 3)))(xs()),
    points.map((x) => 3 * x * x),
  );
  const closing = grad((y: A) => jit((x: A) => x.mul(y))(y));
  await holds(
    vmap(closing)(xs()),
    points.map((x) => 2 * x),
  );
});

test("a function is traced once for many derivatives", async () => {
  let traces = 0;
  const counted = jit((x: A) => {
    traces++;
    return f(x);
  });
  const g = jit(grad(counted));
  await holds(g(xs()), points.map(slope));
  await holds(g(xs()), points.map(slope));
  await holds(grad(counted)(xs()), points.map(slope));
  assert.is(traces, 1);
});

test("a jitted function knows the axis that it is mapped over", async () => {
  const size = jit((x: A) => x.mul(lax.axisSize("i")).add(lax.axisIndex("i")));
  const mapped = vmap(size, { axisName: "i" });
  await holds(mapped(jnp.ones([2])), [2, 3]);
  await holds(mapped(jnp.ones([3])), [3, 4, 5]);
  await holds(
    vmap(
      jit((x: A) => x.div(lax.psum(x, "i"))),
      { axisName: "i" },
    )(jnp.ones([4])),
    [0.25, 0.25, 0.25, 0.25],
  );
});

test("gradient descent on the device finds the least squares", async () => {
  const x = jnp.array(new Float32Array([1, 2, 3, 4]));
  const y = x.mul(3).sub(1);
  const loss = ({ w, b }: { w: A; b: A }): A => jnp.mean(x.mul(w).add(b).sub(y).pow(2));
  const step = jit((params: { w: A; b: A }) => {
    const slopes = grad(loss)(params);
    return { w: params.w.sub(slopes.w.mul(0.05)), b: params.b.sub(slopes.b.mul(0.05)) };
  });
  let params = { w: jnp.zeros([]), b: jnp.zeros([]) };
  for (let i = 0; i < 1000; i++) params = step(params);
  await holds(params.w, [3]);
  await holds(params.b, [-1]);
});

test("eager derivatives of activations run on the device", async () => {
  await holds(grad((x: A) => jnp.sum(nn.relu(x)))(xs()), [1, 0, 1]);
  const sigmoid = points.map((x) => 1 / (1 + Math.exp(-x)));
  await holds(grad((x: A) => jnp.sum(nn.softplus(x)))(xs()), sigmoid);
});

test.run();
