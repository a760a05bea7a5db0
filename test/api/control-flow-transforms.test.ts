import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { HostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import { onDevice } from "../tensors.ts";
import { type A, floats, numbers, valuesOf } from "./agrees.ts";
import "../setup.ts";

const { grad, jit, lax, numpy: jnp, vmap } = jax;
const sum = (x: A): A => jnp.sum(x);

/** The gradient of `f` under jit is its central difference in each element. */
async function hasGradient(f: (x: A) => A, x: HostTensor, tolerance = 2e-3): Promise<void> {
  const [got] = await valuesOf(jit(grad(f))(onDevice(x)));
  const value = jit(f);
  const h = 1 / 128;
  for (let i = 0; i < x.values.length; i++) {
    const at = async (by: number): Promise<number> => {
      const moved = Float32Array.from(x.values, (v, j) => (j === i ? v + by : v));
      return (await valuesOf(value(jnp.array(moved).reshape(x.shape))))[0][0];
    };
    const want = ((await at(h)) - (await at(-h))) / (2 * h);
    assert.ok(Math.abs(got[i] - want) <= tolerance * (1 + Math.abs(want)), `${got[i]} at ${i}, wanted ${want}`);
  }
}

/** Row by row, stacked: what vmap must give. */
const looped = async (f: (x: A) => unknown, xs: A): Promise<number[][]> => {
  const rows = await Promise.all([...Array(xs.shape[0]).keys()].map((i) => valuesOf(f(xs.at(i).get()))));
  return rows[0].map((_, leaf) => rows.flatMap((row) => row[leaf]));
};

const decay = (c: A, x: A): [A, A] => [c.mul(0.5).add(jnp.sin(x)), c.mul(x)];

// ---- derivatives -------------------------------------------------------------------

test("a scan has the gradient of its inputs, in both directions", async () => {
  for (const reverse of [false, true])
    await hasGradient(
      (x) => {
        const [last, ys] = lax.scan(decay, floats(0.3).sum(), x, { reverse });
        return sum(ys).add(last.mul(last));
      },
      numbers([5]),
    );
});

test("a scan has the gradient of its first carry and of what its body closes over", async () => {
  await hasGradient(
    (w) => {
      const step = (c: A, x: A): [A, A] => {
        const next = jnp.tanh(c.dot(w).add(x));
        return [next, next.mul(w.at(0).get())];
      };
      const [last, ys] = lax.scan(step, w.at(1).get(), onDevice(numbers([4, 3], "float32", 7)));
      return sum(ys).add(sum(last));
    },
    numbers([3, 3], "float32", 8),
  );
});

test("layers stacked along an axis have each their gradient, also under checkpoint", async () => {
  const x = onDevice(numbers([2, 3], "float32", 3));
  const net =
    (keep: boolean) =>
    (w: A): A => {
      const layer = (h: A, m: A): A => jnp.tanh(h.dot(m));
      const body = keep ? layer : jax.checkpoint(layer);
      return sum(lax.scan((h: A, m: A): [A, null] => [body(h, m), null], x, w)[0]);
    };
  const w = numbers([3, 3, 3], "float32", 4);
  await hasGradient(net(true), w);
  assert.equal(await valuesOf(jit(grad(net(false)))(onDevice(w))), await valuesOf(jit(grad(net(true)))(onDevice(w))));
});

test("a scan in a scan, and a scan in a cond", async () => {
  await hasGradient(
    (x) => {
      const inner = (c: A, v: A): [A, A] => [c.mul(v).add(0.5), c];
      const outer = (c: A, row: A): [A, A] => {
        const [last, ys] = lax.scan(inner, c, row);
        return [last.sub(sum(ys)), last];
      };
      const [last, ys] = lax.scan(outer, x.at(0, 0).get(), x, { reverse: true });
      return last.add(sum(ys));
    },
    numbers([2, 3]),
  );
  for (const sign of [1, -1])
    await hasGradient(
      (x) =>
        lax.cond(
          x.at(0).get().mul(sign).greater(0),
          (v: A) => lax.scan(decay, v.at(1).get(), v)[0],
          (v: A) => sum(jnp.exp(v)),
          x,
        ),
      numbers([4], "float32", 2),
    );
});

test("a foriLoop with bounds on the host, and a cond in a scan", async () => {
  await hasGradient((x) => sum(lax.foriLoop(1, 4, (i, v: A) => jnp.cos(v).mul(i), x)), numbers([3]));
  await hasGradient(
    (x) => {
      const step = (c: A, v: A): [A, A] => {
        const next = lax.cond(
          v.greater(0),
          (a: A, b: A) => a.mul(b),
          (a: A, b: A) => a.sub(jnp.sin(b)),
          c,
          v,
        );
        return [next, next];
      };
      return sum(lax.scan(step, jnp.ones([]), x)[1]);
    },
    numbers([6], "float32", 9),
  );
});

test("each branch of a switch has its gradient, and 0 for what it does not use", async () => {
  const f = (i: number) => (x: A) =>
    lax.switch(jnp.array([i]).sum(), [(v: A) => sum(v.pow(2)), (v: A) => v.at(0).get().mul(3), () => jnp.ones([])], x);
  const x = floats(1, -2, 3);
  const wants = [
    [2, -4, 6],
    [3, 0, 0],
    [0, 0, 0],
  ];
  for (const [i, want] of wants.entries()) assert.equal(await valuesOf(jit(grad(f(i)))(x)), [want]);
});

test("second derivatives go through a scan", async () => {
  // c ← c·x three times from x: x⁴.
  const f = (x: A): A => lax.scan((c: A): [A, null] => [c.mul(x), null], x, null, { length: 3 })[0];
  const at = jnp.full([], 1.5);
  assert.equal(await valuesOf([grad(f)(at), grad(grad(f))(at), jit(grad(grad(grad(f))))(at)]), [
    [4 * 1.5 ** 3],
    [12 * 1.5 ** 2],
    [24 * 1.5],
  ]);
});

test("forward mode goes through a while whose turns the device counts", async () => {
  const f = (x: A): A =>
    lax.whileLoop(
      ([y]: A[]) => y.less(100),
      ([y, n]: A[]) => [y.mul(y), n.add(1)],
      [x, jnp.array(0)],
    )[0];
  // 3 → 9 → 81 → 6561: x⁸.
  assert.equal(await valuesOf(jit((x: A) => jax.jvp(f, [x], [jnp.ones([])]))(floats(3).sum())), [
    [3 ** 8],
    [8 * 3 ** 7],
  ]);
});

test("integers in a carry have no gradient and hinder none", async () => {
  const f = (x: A): A => {
    const step = ([c, i]: A[], v: A): [A[], A] => [[c.add(v.mul(i)), i.add(1)], i];
    return lax.scan(step, [jnp.zeros([]), jnp.array(1)], x)[0][0];
  };
  assert.equal(await valuesOf(jit(grad(f))(floats(5, 6, 7))), [[1, 2, 3]]);
});

test("a cache written in a scan sends its gradient back to each row", async () => {
  await hasGradient(
    (x) => {
      const step = ([cache, i]: A[], v: A): [A[], A] => {
        const next = lax.dynamicUpdateSlice(cache, v.mul(2).reshape([1, 2]), [i, 0]);
        return [[next, i.add(1)], sum(next.mul(next))];
      };
      const [[cache], ys] = lax.scan(step, [jnp.zeros([3, 2]), jnp.array(0)], x);
      return sum(jnp.sin(cache)).add(sum(ys));
    },
    numbers([3, 2]),
  );
});

// ---- mapped ------------------------------------------------------------------------

const rows = (): A => onDevice(numbers([4, 3], "float32", 6));

test("vmap of a scan is a scan of each row", async () => {
  const f = (x: A): unknown => lax.scan(decay, x.at(0).get(), x);
  assert.equal(await valuesOf(jit(vmap(f))(rows())), await looped(f, rows()));
  const fixed = floats(1, 2);
  const carryOnly = (c: A): unknown => lax.scan(decay, c, fixed);
  assert.equal(await valuesOf(vmap(carryOnly)(floats(1, 2, 3))), await looped(carryOnly, floats(1, 2, 3)));
});

test("vmap of a while turns until the last row is done, and rows that are done keep their values", async () => {
  const f = (x: A): unknown =>
    lax.whileLoop(
      ([y]: A[]) => y.less(50),
      ([y, n]: A[]) => [y.mul(2).add(1), n.add(1)],
      [x, jnp.array(0)],
    );
  const xs = floats(0, 60, 7, 49);
  assert.equal(await valuesOf(jit(vmap(f))(xs)), [
    [63, 60, 63, 99],
    [6, 0, 3, 1],
  ]);
});

test("vmap of a while whose condition is the same for all rows, and one with dynamic bounds", async () => {
  const f = (n: A) => (x: A) => lax.foriLoop(0, n, (i, y: A) => y.mul(2).add(i), x);
  assert.equal(await valuesOf(jit((n: A, x: A) => vmap(f(n))(x))(jnp.array(3), floats(1, 2))), [
    [8 + 0 + 2 + 2, 16 + 4],
  ]);
  const bounded = (n: A): A => lax.foriLoop(0, n, (i, y: A) => y.add(i), jnp.array(0));
  assert.equal(await valuesOf(jit(vmap(bounded))(jnp.array([0, 1, 5]))), [[0, 0, 10]]);
});

test("vmap of a cond: one choice for all, or one for each row", async () => {
  const f = (p: A, x: A): A =>
    lax.cond(
      p,
      (y: A) => y.mul(10),
      (y: A) => y.sub(1),
      x,
    );
  const x = floats(1, 2, 3);
  const p = jnp.array([true, false, true]);
  assert.equal(await valuesOf(jit(vmap(f))(p, x)), [[10, 1, 30]]);
  assert.equal(await valuesOf(jit(vmap(f, { inAxes: [null, 0] }))(jnp.array(false), x)), [[0, 1, 2]]);
  assert.equal(await valuesOf(jit(vmap(f, { inAxes: [0, null] }))(p, floats(5, 6))), [[50, 60, 4, 5, 50, 60]]);
  const many = (i: A, v: A): A => lax.switch(i, [(y: A) => y, (y: A) => y.mul(2), (y: A) => y.mul(3)], v);
  assert.equal(await valuesOf(jit(vmap(many))(jnp.array([2, 0, 9]), x)), [[3, 2, 9]]);
});

test("a cond of a batched predicate does not let NaN of one side into the gradient of the other", async () => {
  const f = (x: A): A =>
    lax.cond(
      x.greater(0),
      (y: A) => y.mul(3),
      (y: A) => y.neg(),
      x,
    );
  assert.equal(await valuesOf(jit(vmap(grad(f)))(floats(2, -2))), [[3, -1]]);
});

test("jit, grad, vmap and scan in one", async () => {
  const f = (x: A): A => {
    const [last, ys] = lax.scan(decay, jnp.zeros([]), x);
    return last.add(sum(ys));
  };
  await hasGradient((x) => sum(vmap(f)(x).pow(2)), numbers([3, 4], "float32", 5));
  const both = await valuesOf([jit(vmap(grad(f)))(rows()), jit(grad((x: A) => sum(vmap(f)(x))))(rows())]);
  assert.equal(both[0], both[1]);
});

test("a scan of a vmapped, jitted function of its carry", async () => {
  const step = jit(vmap((c: A, x: A): A => c.mul(0.5).add(x)));
  const f = (c: A, x: A): A => lax.scan((s: A, v: A): [A, null] => [step(s, v), null], c, x)[0];
  const x = [
    [1, 2],
    [3, 4],
  ];
  assert.equal(await valuesOf(jit(f)(floats(8, 16), jnp.array(x))), [
    [(8 * 0.5 + 1) * 0.5 + 3, (16 * 0.5 + 2) * 0.5 + 4],
  ]);
});

test.run();
