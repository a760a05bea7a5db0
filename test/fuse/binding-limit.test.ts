/** Kernels of devices that bind few buffers at once. */
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { compile, optimize } from "../../packages/jaxscale/src/compile.ts";
import { shapedArray } from "../../packages/jaxscale/src/jaxpr/ir.ts";
import type { Program } from "../../packages/jaxscale/src/kernel/program.ts";
import { traceToJaxpr } from "../../packages/jaxscale/src/trace/staging.ts";
import { type A, numbers } from "../api/agrees.ts";
import { lavapipe } from "../golden/targets.ts";
import { type ArrayFunction, agreesScheduled } from "./scheduled-as.ts";

const { lax, nn, numpy: jnp } = jax;

function compiledFor(most: number, f: (...args: A[]) => readonly A[], shapes: readonly number[][]): Program {
  const limits = { ...lavapipe.limits, maxStorageBuffersPerShaderStage: most };
  const types = shapes.map((shape) => shapedArray(shape, "float32"));
  const traced = traceToJaxpr("f", f as Parameters<typeof traceToJaxpr>[1], types);
  return compile(optimize(traced).closed, { ...lavapipe, limits }, { name: "f", donated: [] });
}
const mostBound = ({ kernels }: Program): number => Math.max(...kernels.map((k) => k.buffers.length));

test("the gradient of norms, a tied head and a log-softmax binds what the device has", () => {
  const loss = ([table, scale, bias, w, b]: readonly A[], ids: A): A => {
    const x = jnp.take(table, jnp.array([0, 3, 1, 4, 2, 0]), { axis: 0 }).add(ids);
    const normed = nn.standardize(x, { epsilon: 1 }).mul(scale).add(bias);
    const hidden = nn.gelu(normed.dot(w).add(b)).dot(w.T);
    return nn
      .logSoftmax(nn.gelu(hidden.dot(w)).dot(w.T).dot(table.T))
      .mean()
      .neg();
  };
  const step = (ids: A, ...parameters: A[]): A[] => {
    const [value, gradients] = jax.valueAndGrad(loss)(parameters, ids);
    return [value, ...gradients, ...parameters.map((p, i) => p.sub(gradients[i]))];
  };
  for (const most of [6, 8, 12, 16])
    assert.ok(mostBound(compiledFor(most, step, [[6, 8], [5, 8], [8], [8], [8, 8], [8]])) <= most);
});

test("what an earlier kernel recomputed and a later one finds in memory is stored before both", async () => {
  const of = (result: number): ArrayFunction =>
    ((...xs: A[]) => {
      const joined = jnp.concatenate(xs.slice(0, 5));
      // The second reads too much to recompute both; what the third makes joins the kernel that stores the first.
      return [joined.mul(2), joined.add(jnp.concatenate(xs.slice(5))), joined.add(1)].map((x, i) => x.mul(i + 1))[
        result
      ];
    }) as unknown as ArrayFunction;
  const stacked = ((...xs: A[]) => {
    const joined = jnp.concatenate(xs.slice(0, 5));
    const [a, b, c] = [joined.mul(2), joined.add(jnp.concatenate(xs.slice(5))), lax.neg(joined)];
    return jnp.stack([jnp.cumsum(a), jnp.cumsum(b), jnp.cumsum(c)]);
  }) as unknown as ArrayFunction;
  const args = Array.from({ length: 10 }, (_, i) => numbers([3], "float32", i + 1));
  const limits = { maxStorageBuffersPerShaderStage: 8 };
  for (const f of [of(0), of(1), of(2), stacked]) await agreesScheduled(f, args, { limits });
});

test("kernels inside branches and loops bind the words that guard them, too", () => {
  const body = (x: A, ps: readonly A[]): A => ps.reduce((sum, p) => sum.add(jnp.tanh(p)), x);
  const f = (x: A, ...ps: A[]): A[] => {
    const positive = (v: A): A => v.sum().greater(0);
    const inner = (v: A): A =>
      lax.cond(
        positive(v),
        (u: A) => body(u, ps),
        (u: A) => u,
        v,
      );
    const looped = (v: A): A =>
      lax.whileLoop(
        ([i]: [A, A]) => i.less(v.sum()),
        ([i, u]: [A, A]): [A, A] => [i.add(1), inner(u)],
        [jnp.array(0), v],
      )[1];
    return [lax.cond(positive(x), looped, (u: A) => u.mul(2), x)];
  };
  for (const most of [6, 8])
    assert.ok(
      mostBound(
        compiledFor(
          most,
          f,
          Array.from({ length: 15 }, () => [7]),
        ),
      ) <= most,
    );
});

test("what binds too much at any size is refused without talk of large arrays", () => {
  const f = (...xs: A[]): readonly A[] => lax.sort(xs, { numKeys: 1 }) as readonly A[];
  assert.throws(
    () =>
      compiledFor(
        8,
        f,
        Array.from({ length: 5 }, () => [9]),
      ),
    /may bind 8 storage buffers.*got 10\. Give the operation fewer operands at once/,
  );
});

test.run();
