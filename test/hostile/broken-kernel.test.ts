import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { getClient } from "../../packages/jaxscale/src/runtime/index.ts";
import { rejection } from "../rejection.ts";
import "../setup.ts";

const { jit, numpy: jnp } = jax;
type A = jax.Array;

/** Breaks the WGSL of kernels whose name contains a part, as a driver's bug might. */
async function breakKernels(part: string): Promise<() => void> {
  const { gpu } = await getClient().device();
  const create = gpu.createShaderModule.bind(gpu);
  gpu.createShaderModule = (descriptor) =>
    create(
      descriptor.label?.includes(part)
        ? { ...descriptor, code: `${descriptor.code}\nfn broken() { nonsense(1); }` }
        : descriptor,
    );
  return () => {
    gpu.createShaderModule = create;
  };
}

test("a kernel that fails to compile names itself, its operations and the user's line", async () => {
  const repair = await breakKernels("tanh");
  const f = jit((x: A) => jnp.tanh(x).add(1), { name: "activate" });
  const y = f(jnp.ones(4));
  // The call itself, and what builds on it, do not throw.
  const z = y.mul(2);
  const error = await rejection(z.data());
  assert.instance(error, jax.DeviceError);
  assert.match(
    error.message,
    /^activate: kernel tanh_add_float32, made from tanh, add called at .*broken-kernel\.test\.ts:\d+/,
  );
  assert.match(error.message, /nonsense/);
  assert.not.match(error.message, /While validating|\[ShaderModule|\[Device/);
  assert.match((await rejection(f.lower(jnp.ones(4)).compile())).message, /kernel tanh_add_float32/);
  repair();
});

test("other functions go on, and the broken one works once it compiles", async () => {
  const repair = await breakKernels("cosh");
  const f = jit((x: A) => jnp.cosh(x));
  await rejection(f(jnp.zeros(2)).data());
  assert.equal(await jnp.ones(2).add(1).toList(), [2, 2]);
  repair();
  const again = jit((x: A) => jnp.cosh(x));
  assert.equal(await again(jnp.zeros(3)).toList(), [1, 1, 1]);
});

test.run();
