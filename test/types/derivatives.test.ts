/** Types of pullbacks, of custom rules and of Jacobians, held against what runs. */
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Same, typed } from "./same.ts";
import "../setup.ts";

const { numpy: jnp } = jax;
type A = jax.Array;
const list = (x: A): Promise<unknown> => x.toList();

interface Params {
  readonly w: A;
  readonly b: A;
}
const params: Params = { w: jnp.array([2.5, 3]), b: jnp.array([1, 1.5]) };
const x = jnp.array([4, 0.5]);
const apply = (p: Params, v: A): { y: A; all: [A, A] } => ({ y: p.w.mul(v).add(p.b), all: [v, p.b] });

test("vjp's pullback gives a tuple of the arguments' trees", async () => {
  const [value, pull] = jax.vjp(apply, params, x);
  typed<Same<typeof value, { y: A; all: [A, A] }>>(true);
  const gradients = pull({ y: jnp.array([1, 10.5]), all: [null, null] });
  typed<Same<typeof gradients, [Params, A]>>(true);
  const [dp, dx] = gradients;
  assert.equal(await list(dp.w), [4, 5.25]);
  assert.equal(await list(dx), [2.5, 31.5]);
});

test("numbers among the arguments become arrays, and a number stands for a scalar cotangent", async () => {
  const [, pull] = jax.vjp((s: number, { t }: { t: number }) => jnp.multiply(s, t), 2.5, { t: 3.5 });
  const [ds, dt] = pull(1);
  typed<Same<typeof ds, A>>(true);
  typed<Same<typeof dt, { t: A }>>(true);
  assert.equal([await ds.item(), await dt.t.item()], [3.5, 2.5]);
  const [, tangent] = jax.jvp((s: A) => s.mul(s), [jnp.array(1.5)], [2]);
  assert.is(await tangent.item(), 6);
});

test("a cotangent of another type is refused by the type checker, and in words when it runs", () => {
  const [, pull] = jax.vjp(apply, params, x);
  // @ts-expect-error a tree of another structure
  const another = (): unknown => pull(x);
  assert.throws(
    another,
    /vjp: the cotangent has another structure at its root: must be an object with keys \(all, y\)/,
  );
  // @ts-expect-error text is no array
  const text = (): unknown => pull({ y: "text", all: [null, null] });
  assert.throws(text, /^vjp: arguments and results must be arrays.*; got "text"/);
  const shape = (): unknown => pull({ y: jnp.ones([3]), all: [null, null] });
  assert.throws(shape, /^vjp: a cotangent has the type of the function's value, float32\[2\]; got float32\[3\]/);
  const dtype = (): unknown => pull({ y: jnp.ones([2], { dtype: "int32" }), all: [null, null] });
  assert.throws(dtype, /^vjp: a cotangent has the type of the function's value, float32\[2\]; got int32\[2\]/);
});

test("vjp with hasAux tells value, pullback and aux apart", () => {
  const [value, pull, aux] = jax.vjp((v: A): [A, { n: A }] => [v, { n: v }], x, { hasAux: true });
  typed<Same<typeof value, A>>(true);
  typed<Same<typeof aux, { n: A }>>(true);
  const gradients = pull(jnp.ones([2]));
  typed<Same<typeof gradients, [A]>>(true);
  assert.is(gradients.length, 1);
});

test("the rule of defJvp knows its primals and tangents without annotations", async () => {
  const f = jax
    .customJvp((p: Params, v: A) => p.w.mul(v))
    .defJvp((primals, tangents) => {
      typed<Same<typeof primals, [Params, A]>>(true);
      typed<Same<typeof tangents, [Params, A]>>(true);
      const [p, v] = primals;
      return [p.w.mul(v), tangents[1].mul(100)];
    });
  assert.equal(await list(jax.jvp(f, [params, x], [params, jnp.ones([2])])[1]), [100, 100]);
  const bad = jax.customJvp((v: A) => v);
  // @ts-expect-error a rule gives a pair
  assert.throws(() => jax.grad(bad.defJvp(([v]) => v))(jnp.array(1.5)), /a rule must return a pair/);
});

test("arguments of nondiffArgnums come first, with their own types", async () => {
  const f = jax
    .customJvp((mode: "twice" | "once", v: A, w: A) => (mode === "twice" ? v.mul(2) : w), { nondiffArgnums: [0] })
    .defJvp((mode, [v, w], [dv, dw]) => {
      typed<Same<typeof mode, "twice" | "once">>(true);
      typed<Same<typeof v, A>>(true);
      return [f(mode, v, w) as A, dv.add(dw)];
    });
  const [, tangent] = jax.jvp((v: A, w: A) => f("twice", v, w), [x, x], [x, x]);
  assert.equal(await list(tangent), [8, 1]);
  const parts = jax.customJvp((_: string, v: A) => v, { nondiffArgnums: [0] });
  assert.throws(() => parts.defJvps(null, null), /^customJvp: defJvps must have no nondiffArgnums; got some/);
});

test("the rules of defJvps know their argument and the value", async () => {
  const f = jax
    .customJvp((v: A, p: Params) => v.mul(p.w))
    .defJvps(
      (dv, value, v, p) => {
        typed<Same<typeof value, A>>(true);
        typed<Same<typeof v, A>>(true);
        return dv.mul(p.b);
      },
      (dp) => {
        typed<Same<typeof dp, Params>>(true);
        return dp.w;
      },
    );
  assert.equal(await list(jax.jvp(f, [x, params], [x, params])[1]), [6.5, 3.75]);
});

test("the backward rule of defVjp knows the residuals of the forward rule, and the cotangent", async () => {
  const f = jax
    .customVjp((v: A, p: Params) => ({ out: v.mul(p.w) }))
    .defVjp(
      (v, p) => [{ out: v.mul(p.w) }, [v, { w: p.w }]],
      ([v, { w }], { out }) => {
        typed<Same<typeof v, A>>(true);
        typed<Same<typeof out, A>>(true);
        return [out.mul(w), { w: out.mul(v), b: null }];
      },
    );
  const [dv, dp] = jax.grad((v: A, p: Params) => jnp.sum(f(v, p).out), { argnums: [0, 1] })(x, params);
  assert.equal(await list(dv), [2.5, 3]);
  assert.equal(await list(dp.b), [0, 0]);
  const forward = (v: A, p: Params): [{ out: A }, A] => [{ out: v.mul(p.w) }, v];
  // @ts-expect-error there must be a cotangent for each argument
  f.defVjp(forward, (v) => [v]);
});

test("Jacobians and Hessians are trees of the value with trees of the arguments in them", async () => {
  const scalarOf = (v: A): A => jnp.sum(v.mul(v).mul(v));
  const plain = jax.jacfwd((v: A) => v.mul(2))(x);
  typed<Same<typeof plain, A>>(true);
  const second = jax.hessian(scalarOf)(x);
  typed<Same<typeof second, A>>(true);
  assert.equal(await list(second), [
    [24, 0],
    [0, 3],
  ]);
  const tree = jax.jacrev(apply)(params, x);
  typed<Same<typeof tree, { y: Params; all: [Params, Params] }>>(true);
  assert.equal(await list(tree.y.w), [
    [4, 0],
    [0, 0.5],
  ]);
  const both = jax.jacfwd(apply, { argnums: [0, 1] })(params, x);
  typed<Same<typeof both.y, [Params, A]>>(true);
  assert.equal(await list(both.y[1]), [
    [2.5, 0],
    [0, 3],
  ]);
  const [jacobian, aux] = jax.jacrev((v: A): [A, { n: A }] => [v, { n: v }], { hasAux: true })(x);
  typed<Same<typeof jacobian, A>>(true);
  typed<Same<typeof aux, { n: A }>>(true);
  assert.equal(await list(aux.n), [4, 0.5]);
  const nested = jax.hessian((p: Params) => jnp.sum(p.w.mul(p.b)))(params);
  typed<Same<typeof nested, { w: Params; b: Params }>>(true);
  assert.equal(await list(nested.w.b), [
    [1, 0],
    [0, 1],
  ]);
});

test.run();
