/** Prints 1 + 2, or the error of computing it. */
import * as jax from "jaxscale";

try {
  console.log(await jax.numpy.array([1]).add(2).slice(0).item());
} catch (error) {
  const { name, message } = error as Error;
  console.log(`${name}: ${message}`);
}
