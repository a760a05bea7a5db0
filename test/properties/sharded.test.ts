/** Random programs under random shardings on random meshes: equal to the unsharded ones, and their gradients too. */
import fc from "fast-check";
import * as jax from "jaxscale";
import { test } from "uvu";
import { seeded, someMesh } from "../random-shardings.ts";
import { randomNumbers, tensorOf } from "../tensors.ts";
import { chains, families, functionOf, seeds, tensorFor } from "./chains.ts";
import { runs } from "./runs.ts";
import { checkInterpreted, checkOnDevice, constraining } from "./sharded-checks.ts";
import { smoothFunctions } from "./smooth-functions.ts";
import { layerNames, trainingStep } from "./training-steps.ts";
import "../setup.ts";

const { lax, numpy: jnp } = jax;
type A = jax.Array;

/** Sizes of which many divide. */
const shape = fc.array(fc.constantFrom(1, 2, 2, 3, 4, 4, 6, 8, 8), { maxLength: 3 });

type Body = (x: A, row: A, scale: A) => A;

/** Programs with a body of which `x` is what goes around, `xs` rows of its shape, and `scale` is read by all iterations. */
const loops: Readonly<Record<string, (body: Body, x: A, xs: A, scale: A) => A>> = {
  scan: (body, x, xs, scale) => lax.scan((c: A, row: A): [A, null] => [body(c, row, scale), null], x, xs)[0],
  stacked: (body, x, xs, scale) =>
    lax.scan((c: A, row: A): [A, A] => [c.add(row), body(x, row, scale).mul(c)], jnp.zeros(x.shape), xs)[1],
  nested: (body, x, xs, scale) => {
    const inner = (c: A, row: A): [A, null] => [body(c, row, scale).mul(0.5), null];
    return lax.scan((c: A, row: A): [A, null] => [lax.scan(inner, c.add(row), xs)[0], null], x, xs)[0];
  },
  rematerialised: (body, x, xs, scale) => {
    const step = jax.checkpoint((c: A, row: A) => body(c, row, scale));
    return lax.scan((c: A, row: A): [A, null] => [step(c, row), null], x, xs)[0];
  },
  counted: (body, x, xs, scale) => lax.foriLoop(0, 3, (_: A, c: A) => body(c, jnp.sum(xs, { axis: 0 }), scale), x),
  branch: (body, x, xs, scale) =>
    lax.cond(
      jnp.sum(x).greater(0),
      () => body(x, jnp.sum(xs, { axis: 0 }), scale),
      () => jnp.zeros(x.shape).add(scale),
    ),
  branchInLoop: (body, x, xs, scale) => {
    const step = (c: A, row: A): [A, null] => [
      lax.cond(
        jnp.sum(row).greater(0),
        () => body(c, row, scale),
        () => c,
      ),
      null,
    ];
    return lax.scan(step, x, xs)[0];
  },
};

for (const [where, check, count] of [
  ["in the interpreter", checkInterpreted, 250],
  ["on the device", checkOnDevice, 12],
] as const) {
  test(`random chains of operations under random shardings are the same to the bit, ${where}`, async () => {
    await fc.assert(
      fc.asyncProperty(chains(families.all, { shape, maxSteps: 6 }), seeds, async (chain, seed) => {
        const mesh = someMesh(seeded(seed));
        await check(functionOf(chain, constraining(mesh)), chain.inputs.map(tensorFor), seed, {}, mesh);
      }),
      runs(count),
    );
  });

  test(`gradients of random smooth functions under random shardings are the same, ${where}`, async () => {
    const names = fc.array(fc.constantFrom(...Object.keys(smoothFunctions)), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(shape, names, seeds, async (shape, names, seed) => {
        const random = randomNumbers(seed);
        const args = [shape, shape.toReversed().slice(0, 1)].map((s) => tensorOf(s, "float32", () => 4 * random() - 2));
        const mesh = someMesh(seeded(seed));
        const after = constraining(mesh);
        const loss = (x: A, scale: A): A => {
          const y = names.reduce((v, name, i) => after(smoothFunctions[name](v), seed + i), x);
          return jnp.sum(y.mul(shape.length > 0 && y.shape.at(-1) === shape.at(-1) ? scale : jnp.sum(scale)));
        };
        const f = (...xs: A[]): A[] =>
          jax.tree.leaves(jax.valueAndGrad(loss as never, { argnums: [0, 1] })(...(xs as never)));
        await check(f, args, seed, { rel: 1e-4, abs: 1e-5 }, mesh);
      }),
      runs(count / 2),
    );
  });

  test(`random loops and branches, and their gradients, under random shardings are the same, ${where}`, async () => {
    const names = fc.array(fc.constantFrom(...Object.keys(smoothFunctions)), { minLength: 1, maxLength: 3 });
    const size = fc.constantFrom(2, 4, 8);
    await fc.assert(
      fc.asyncProperty(names, size, fc.constantFrom(...Object.keys(loops)), seeds, async (names, size, kind, seed) => {
        const random = randomNumbers(seed);
        const shapes = [[size, size], [3 + (seed % 2), size, size], [size]];
        const args = shapes.map((s) => tensorOf(s, "float32", () => 2 * random() - 1));
        const mesh = someMesh(seeded(seed));
        const after = constraining(mesh);
        const body = (x: A, row: A, scale: A): A =>
          names.reduce((v, name, i) => after(smoothFunctions[name](v), seed + i), x.mul(0.5).add(row).mul(scale));
        const loss = (x: A, xs: A, scale: A): A => jnp.sum(loops[kind](body, x, xs, scale));
        const f = (...xs: A[]): A[] =>
          jax.tree.leaves(jax.valueAndGrad(loss as never, { argnums: [0, 1, 2] })(...(xs as never)));
        await check(f, args, seed, { rel: 1e-4, abs: 1e-4 }, mesh);
      }),
      runs(Math.ceil(count / 4)),
    );
  });

  test(`random training steps under random shardings are the same, ${where}`, async () => {
    const names = fc.array(fc.constantFrom(...layerNames), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(names, seeds, async (names, seed) => {
        const { f, args } = trainingStep(names, seed);
        await check(f, args, seed, { rel: 1e-4, abs: 1e-5 });
      }),
      runs(Math.ceil(count / 5)),
    );
  });
}

test.run();
