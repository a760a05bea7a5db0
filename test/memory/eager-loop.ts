/** A synchronous loop of eager operations whose results are dropped, with nothing freed by hand. Prints the peak in bytes, and the result. */
import * as jax from "jaxscale";

const { numpy: jnp } = jax;
const turns = Number(process.env.TURNS);
const x = jnp.ones([256, 256]);
let sum = jnp.zeros([256, 256]);
for (let i = 0; i < turns; i++) {
  // Each makes an array of 256 KiB that nobody keeps.
  if (i % 2 === 0) sum = sum.add(x);
  else x.mul(2);
}
const value = await sum.slice(3, 4).item();
const { peakBytes, bytesAllocated, launches } = jax.statistics();
console.log(JSON.stringify({ value, peakBytes, bytesAllocated, launches }));
