/** Random programs on meshes whose devices lie on two GPUs: the same as unsharded. */
import fc from "fast-check";
import * as jax from "jaxscale";
import { test } from "uvu";
import { openGpus } from "../partition/on-gpus.ts";
import { seeded } from "../random-shardings.ts";
import { chains, families, functionOf, seeds, tensorFor } from "./chains.ts";
import { runs } from "./runs.ts";
import { checkOnDevice, constraining } from "./sharded-checks.ts";
import { layerNames, trainingStep } from "./training-steps.ts";
import "../setup.ts";

openGpus(2, 8);

/** By numbers: the first four are one GPU, the others the other. */
const devices = (...ids: number[]): readonly { readonly id: number }[] => ids.map((id) => ({ id }));
const meshes: readonly jax.Mesh[] = [
  jax.makeMesh([2], ["x"], { devices: devices(0, 4) }),
  jax.makeMesh([2, 2], ["x", "y"], { devices: devices(0, 1, 4, 5) }),
  jax.makeMesh([2, 2], ["x", "y"], { devices: devices(0, 4, 1, 5) }),
  jax.makeMesh([8], ["x"]),
  jax.makeMesh([2, 4], ["x", "y"]),
];
const someMesh = (seed: number): jax.Mesh => meshes[seeded(seed)(meshes.length)];
const shape = fc.array(fc.constantFrom(1, 2, 4, 4, 8, 8), { maxLength: 3 });

test("random chains of operations on two GPUs are the same to the bit", async () => {
  await fc.assert(
    fc.asyncProperty(chains(families.all, { shape, maxSteps: 5 }), seeds, async (chain, seed) => {
      const mesh = someMesh(seed);
      await checkOnDevice(functionOf(chain, constraining(mesh)), chain.inputs.map(tensorFor), seed, {}, mesh);
    }),
    runs(20),
  );
});

test("random training steps on two GPUs are the same", async () => {
  const names = fc.array(fc.constantFrom(...layerNames), { minLength: 1, maxLength: 2 });
  await fc.assert(
    fc.asyncProperty(names, seeds, async (names, seed) => {
      const { f, args } = trainingStep(names, seed);
      await checkOnDevice(f, args, seed, { rel: 1e-4, abs: 1e-5 }, someMesh(seed));
    }),
    runs(4),
  );
});

test.run();
