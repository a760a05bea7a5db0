/** Donated arrays larger than a binding, and than a buffer. */
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { difference, onDevice, onHost, reference, tensorOf } from "../tensors.ts";
import "../setup.ts";

// Read when the first call makes the device.
process.env.JAXSCALE_LIMITS = "maxBufferSize=65536,maxStorageBufferBindingSize=16384";

for (const dtype of ["float32", "bfloat16", "int8"] as const)
  test(`${dtype}: what is made of a donated array of several windows takes its memory`, async () => {
    const f = (p: jax.Array, g: jax.Array): jax.Array => p.add(g.mul(p));
    const step = jax.jit(f, { donateArgnums: 0 });
    const [p, g] = [5, 7].map((n) => tensorOf([50001], dtype, (i) => i % n));
    const { aliasSizeBytes, outputSizeBytes } = (await step.lower(onDevice(p), onDevice(g)).compile()).memoryAnalysis();
    assert.is(aliasSizeBytes, outputSizeBytes);
    const [want] = await reference((x, y) => [f(x, y)], [p, g]);
    assert.is(difference(await onHost(step(onDevice(p), onDevice(g))), want), undefined);
  });

test.run();
