/** What jit does with a function: fusion, one trace for each signature, costs, memory, donation. */
import * as jax from "jaxscale";

const { jit, nn, numpy: jnp } = jax;
await jax.ready();

let traces = 0;
const block = jit(
  (x: jax.Array, gain: jax.Array, w: { up: jax.Array; gate: jax.Array; down: jax.Array }) => {
    traces++;
    const normed = x.mul(jax.lax.rsqrt(jnp.mean(x.mul(x), { axis: -1, keepdims: true }).add(1e-6))).mul(gain);
    return x.add(nn.silu(normed.dot(w.gate)).mul(normed.dot(w.up)).dot(w.down));
  },
  { name: "block" },
);

const hidden = 64;
const weights = {
  gate: jnp.ones([hidden, 96]).mul(0.01),
  up: jnp.ones([hidden, 96]).mul(0.02),
  down: jnp.ones([96, hidden]).mul(0.01),
};
const x = jnp.linspace(-1, 1, 8 * hidden).reshape([8, hidden]);
const gain = jnp.ones([hidden]);

const y = block(x, gain, weights);
block(y, gain, weights);
console.log(`two calls, ${traces} trace`);

const compiled = await block.lower(x, gain, weights).compile();
console.log(`${compiled.program.kernels.length} kernels:`);
for (const kernel of compiled.program.kernels) console.log(`  ${kernel.name}`);
console.log("cost:", compiled.costAnalysis());
console.log("memory:", compiled.memoryAnalysis());

/** A donated argument's buffer becomes the result's: only the slice is written. */
const put = jit((cache: jax.Array, row: jax.Array, i: jax.Array) => jax.lax.dynamicUpdateSlice(cache, row, [i, 0]), {
  donateArgnums: 0,
  name: "put",
});
let cache = jnp.zeros([4, 3]);
for (let i = 0; i < 4; i++) cache = put(cache, jnp.full([1, 3], i, { dtype: "float32" }), jnp.array(i));
console.log("cache:");
console.log(await cache.text());
