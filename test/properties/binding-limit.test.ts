/** Random training steps on devices that bind as few buffers as WebGPU promises: 8. */
import fc from "fast-check";
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { compile, optimize } from "../../packages/jaxscale/src/compile.ts";
import { shapedArray } from "../../packages/jaxscale/src/jaxpr/ir.ts";
import { traceToJaxpr } from "../../packages/jaxscale/src/trace/staging.ts";
import { lavapipe } from "../golden/targets.ts";
import { difference, onDevice, onHost, reference } from "../tensors.ts";
import { seeds } from "./chains.ts";
import { runs } from "./runs.ts";
import { layerNames, trainingStep } from "./training-steps.ts";
import "../setup.ts";

// Read when the first call makes the device.
process.env.JAXSCALE_LIMITS = "maxStorageBuffersPerShaderStage=8";

const layers = (maxLength: number): fc.Arbitrary<string[]> =>
  fc.array(fc.constantFrom(...layerNames), { minLength: 1, maxLength });

test("no kernel of a random training step binds more than 8 buffers, or than 5", () => {
  fc.assert(
    fc.property(layers(6), seeds, fc.constantFrom(5, 8), fc.boolean(), (names, seed, most, costlyWorkgroups) => {
      const traits = { ...lavapipe.traits, costlyWorkgroups };
      const limits = { ...lavapipe.limits, maxStorageBuffersPerShaderStage: most };
      const { f, args } = trainingStep(names, seed);
      const types = args.map(({ shape, dtype }) => shapedArray(shape, dtype));
      const traced = traceToJaxpr("step", (...xs) => f(...(xs as jax.Array[])), types);
      const { kernels } = compile(
        optimize(traced).closed,
        { ...lavapipe, traits, limits },
        { name: "step", donated: [] },
      );
      for (const { name, buffers } of kernels) assert.ok(buffers.length <= most, `${name} binds ${buffers.length}`);
    }),
    // Its update reads of a product's kernel what nothing read before.
    { ...runs(60), examples: [[["rowsPicked", "tied"], 106, 8, true]] },
  );
});

test("random training steps on a device of 8 bindings equal the reference within a few roundings", async () => {
  await fc.assert(
    fc.asyncProperty(layers(3), seeds, async (names, seed) => {
      const { f, args } = trainingStep(names, seed);
      const want = await reference(f, args);
      const got = (jax.jit(f) as typeof f)(...args.map(onDevice));
      for (const [i, result] of got.entries()) {
        const wrong = difference(await onHost(result), want[i], { abs: 5e-5, rel: 1e-4, anyZero: true });
        if (wrong) throw new Error(`result ${i}: ${wrong}`);
      }
    }),
    runs(10),
  );
});

test.run();
