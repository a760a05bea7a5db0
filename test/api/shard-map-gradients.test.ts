/** Derivatives taken inside of `shardMap`: those of values that are equal on all devices are summed over the devices. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { rangeOf as range } from "../arrays.ts";
import { meshOf } from "../conformance/rows-sharding.ts";
import { runs } from "../properties/runs.ts";
import { layerNames, trainingStep } from "../properties/training-steps.ts";
import { difference, randomNumbers, reference, tensorOf } from "../tensors.ts";
import "../setup.ts";

const { lax, numpy: jnp, P } = jax;
type A = jax.Array;
type Loss = (w: A, x: A) => A;
const mesh = meshOf({ x: 2, y: 4 });
const x = range(4, 2).add(1);
const w = jnp.array([2, 3], { dtype: "float32" });

interface Given {
  readonly inSpecs?: readonly jax.PartitionSpec[];
  readonly outSpecs?: jax.PartitionSpec;
  readonly args?: readonly [A, A];
}
const inside = (f: Loss, { inSpecs = [P(), P("x")], outSpecs = P(), args = [w, x] }: Given = {}): A =>
  jax.shardMap(f, { mesh, inSpecs, outSpecs })(...args);
const gradient = (loss: Loss, given?: Given): A => inside((w, x) => jax.grad(loss)(w, x), given);

const scanned: Loss = (w, x) => {
  const first = lax.pcast(jnp.zeros([]), "x", { to: "varying" });
  const step = (c: A, row: A): [A, A] => [c.mul(0.5).add(jnp.sum(row.mul(w))), jnp.sum(w)];
  const [carry, ys] = lax.scan(step, first, x);
  return carry.add(ys.sum());
};
const product = (a: A, b: A): A => jnp.sum(a.mul(b));
const chosen = (predicate: A, w: A, x: A): A =>
  lax.cond(
    predicate,
    () => product(w, x),
    () => product(w, x).mul(2),
  );

/** By the names under which JAX's are kept: fixtures/shard-map-gradients/generate.py. */
const cases: Readonly<Record<string, () => A>> = {
  replicated: () => gradient(product),
  psum: () => gradient((w, x) => lax.psum(product(w, x), "x")),
  pmean: () => gradient((w, x) => lax.pmean(product(w, x), "x")),
  "psum of what does not vary": () => gradient((w) => lax.psum(product(w, w), "x")),
  all_gather: () => gradient((w, x) => jnp.sum(lax.allGather(w, "x").mul(x.at(0, 0).get()))),
  jit: () => gradient((w, x) => jax.jit(product)(x, w)),
  checkpoint: () => gradient((w, x) => jax.checkpoint(product)(x, w)),
  scan: () => gradient(scanned),
  cond: () => gradient((w, x) => chosen(w.at(0).get().greater(2), w, x)),
  "cond that varies": () => gradient((w, x) => chosen(x.at(0, 0).get().greater(2), w, x)),
  "two axes": () => gradient(product, { inSpecs: [P(), P(["x", "y"])], args: [w, range(8, 2)] }),
  "one axis of two": () =>
    gradient(product, { inSpecs: [P("y"), P("x", "y")], outSpecs: P("y"), args: [range(4), range(4, 4)] }),
  varying: () => inside((w, x) => jax.grad((x: A) => lax.psum(jnp.sum(x.mul(x).mul(w)), "x"))(x), { outSpecs: P("x") }),
  jvp: () => inside((w, x) => jax.jvp((w: A) => lax.psum(product(w, x), "x"), [w], [jnp.ones([2])])[1]),
  hessian: () => inside((w, x) => jax.hessian((w: A) => jnp.sum(jnp.sin(x.mul(w))))(w)),
  vmap: () =>
    inside((w, x) =>
      jax.vmap((s: A) => jax.grad((w: A) => product(w, x).mul(s))(w))(jnp.array([1, 2], { dtype: "float32" })),
    ),
};

const golden = JSON.parse(
  readFileSync(new URL("../fixtures/shard-map-gradients/gradients.json", import.meta.url), "utf8"),
) as Readonly<Record<string, unknown>>;

test("derivatives inside of shardMap are those of JAX", async () => {
  assert.equal(Object.keys(cases), Object.keys(golden));
  for (const [name, run] of Object.entries(cases)) {
    const got = [await run().toList()].flat(3) as number[];
    const want = [golden[name]].flat(3) as number[];
    assert.is(got.length, want.length, name);
    got.forEach((value, i) =>
      assert.ok(Math.abs(value - want[i]) <= 2e-6 * (1 + Math.abs(want[i])), `${name}: ${got}`),
    );
  }
});

test("a rule given by customVjp may give each device's part of a gradient", async () => {
  const f = jax.customVjp(product);
  f.defVjp(
    (w: A, x: A) => [product(w, x), [w, x]],
    ([w, x]: [A, A], ct: A) => [ct.mul(x.sum({ axis: 0 })), ct.mul(w).mul(jnp.ones(x.shape))],
  );
  assert.equal(await gradient(f).toList(), golden.replicated);
});

test("branches that devices choose differently: what does not vary in them has a gradient from each device", async () => {
  const f = (w: A, x: A): A =>
    lax.cond(
      x.at(0, 0).get().greater(2),
      () => w.sum(),
      () => w.sum().mul(2),
    );
  // One device takes the first, one the second.
  assert.equal(await gradient(f).toList(), [3, 3]);
});

test("without checkVma gradients are each device's own, and psum gives back what it got from every device", async () => {
  const own = (f: Loss): A =>
    jax.shardMap((w: A, x: A) => jax.grad(f)(w, x), {
      mesh,
      inSpecs: [P(), P("x")],
      outSpecs: P("x"),
      checkVma: false,
    })(w, x);
  assert.equal(await own(product).toList(), [4, 6, 12, 14]);
  assert.equal(await own((w, x) => lax.psum(product(w, x), "x")).toList(), [8, 12, 24, 28]);
});

test("gradients of random layers inside of shardMap are the sum of those of its parts", async () => {
  const names = fc.array(fc.constantFrom(...layerNames), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(names, fc.nat({ max: 2 ** 31 - 1 }), async (names, seed) => {
      const { f, args } = trainingStep(names, seed);
      const [first, ...parameters] = args;
      if (parameters.length === 0) return;
      const random = randomNumbers(seed + 1);
      const rest = tensorOf(first.shape, "float32", () => 2 * random() - 1);
      const gradients = (...xs: A[]): A[] => f(...xs).slice(1, 1 + parameters.length);
      const sums = (a: A, b: A, ...given: A[]): A[] => {
        const [ofA, ofB] = [gradients(a, ...given), gradients(b, ...given)];
        return ofA.map((g, i) => g.add(ofB[i]));
      };
      const mapped = (a: A, b: A, ...given: A[]): A[] =>
        jax.shardMap(gradients, { mesh: meshOf({ x: 2 }), inSpecs: [P("x"), ...given.map(() => P())], outSpecs: P() })(
          jnp.concatenate([a, b], 0),
          ...given,
        );
      const [got, want] = [
        await reference(mapped, [first, rest, ...parameters]),
        await reference(sums, [first, rest, ...parameters]),
      ];
      for (const [i, tensor] of want.entries()) {
        const wrong = difference(got[i], tensor, { rel: 1e-4, abs: 1e-5, anyZero: true });
        if (wrong) throw new Error(`gradient ${i} of ${names}: ${wrong}`);
      }
    }),
    runs(30),
  );
});

test.run();
