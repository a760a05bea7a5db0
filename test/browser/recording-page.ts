/** Runs in a browser: records a jitted function there. */
import * as jax from "jaxscale";

async function record(): Promise<{
  readonly data: jax.profiler.RunData;
  readonly html: string;
  readonly trace: string;
}> {
  const { numpy: jnp, profiler } = jax;
  const f = jax.jit((x: jax.Array) => jax.namedScope("inside", () => x.dot(x).add(1)), { name: "f" });
  const x = jnp.ones([32, 32]);
  const recording = await profiler.record(async () => (await f(x)).data(), { roofs: false });
  const refusal = await profiler.trace("folder", () => {}).catch((error: Error) => error);
  if (!(refusal instanceof Error)) throw new Error("a page wrote files");
  return {
    data: recording.data(),
    html: await recording.html(),
    trace: `${refusal.message}\n${recording.traceJson()}`,
  };
}

Object.assign(globalThis, { record });
