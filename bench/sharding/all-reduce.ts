/** A sum over two GPUs, of 4 MB on each: prints milliseconds, one sample a line. Run with two names in JAXSCALE_ADAPTER. */
import * as jax from "jaxscale";

const { numpy: jnp, P } = jax;
await jax.ready();
const words = 1 << 20;
const mesh = jax.makeMesh([2], ["gpus"]);
const lie = (spec: jax.PartitionSpec): jax.NamedSharding => new jax.NamedSharding(mesh, spec);
const x = jax.devicePut(jnp.ones([2, words], { dtype: "float32" }), lie(P("gpus")));
const sum = jax.jit((y: jax.Array) => y.sum({ axis: 0 }), { outShardings: lie(P()) });

for (let i = 0; i < Number(process.argv[2] ?? 10) + 2; i++) {
  const started = performance.now();
  const total = await sum(x).blockUntilReady();
  const elapsed = performance.now() - started;
  if (
    (await total
      .at(words - 1)
      .get()
      .item()) !== 2
  )
    throw new Error("all-reduce: the sum is wrong");
  total.dispose();
  // The first ones compile.
  if (i >= 2) console.log(elapsed);
}
process.exit(0);
