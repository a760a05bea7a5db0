import fc from "fast-check";
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { difference, onDevice, onHost, reference } from "../tensors.ts";
import { type Chain, chains, families, functionOf, tensorFor } from "./chains.ts";
import { runs } from "./runs.ts";
import "../setup.ts";

const { jit } = jax;

/** Runs a chain on the device and in the interpreter; every result must agree to the bit. */
async function check(chain: Chain, run: (f: (...args: jax.Array[]) => jax.Array[]) => typeof f): Promise<void> {
  const f = functionOf(chain);
  const inputs = chain.inputs.map(tensorFor);
  const wanted = await reference(f, inputs);
  const got = run(f)(...inputs.map(onDevice));
  for (const [i, want] of wanted.entries()) {
    const wrong = difference(await onHost(got[i]), want, { anyZero: true });
    if (wrong) {
      const types = inputs.map(({ shape, dtype }) => new jax.ShapeDtypeStruct(shape, dtype));
      throw new Error(`result ${i}: ${wrong}\n${jax.makeJaxpr(f as (...args: unknown[]) => unknown)(...types)}`);
    }
  }
}
const jitted = (f: (...args: jax.Array[]) => jax.Array[]) => jit(f) as unknown as typeof f;
const eager = (f: (...args: jax.Array[]) => jax.Array[]) => f;

test("random chains of operations under jit equal the reference interpreter", async () => {
  await fc.assert(
    fc.asyncProperty(chains(families.all), (chain) => check(chain, jitted)),
    runs(80),
  );
});

test("random chains of elementwise operations on float dtypes round at every step, fused or not", async () => {
  await fc.assert(
    fc.asyncProperty(
      chains(families.elementwise, { dtypes: ["float32", "bfloat16", "float16"], maxSteps: 12 }),
      (chain) => check(chain, jitted),
    ),
    runs(40),
  );
});

test("random chains op by op equal the reference interpreter", async () => {
  await fc.assert(
    fc.asyncProperty(chains(families.all, { maxSteps: 4 }), (chain) => check(chain, eager)),
    runs(20),
  );
});

test("the runs of a property are the same each time", () => {
  const sample = (): unknown => fc.sample(chains(families.all), { numRuns: 3, seed: 1 });
  assert.equal(sample(), sample());
});

test.run();
