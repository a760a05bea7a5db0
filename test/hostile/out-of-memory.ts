/** Holds more than `JAXSCALE_MEMORY_BUDGET` allows, and prints what becomes of it. */
import * as jax from "jaxscale";

const { jit, numpy: jnp } = jax;
type A = jax.Array;

const side = 1024;
const grow = jit((x: A) => x.add(1));
const held: A[] = [jnp.zeros([side, side])];
for (let i = 1; i < 8; i++) held.push(grow(held[i - 1]));

const outcomes: unknown[] = [];
for (const x of held) {
  const outcome = await x
    .slice(5, 7)
    .item()
    .then(
      (value) => value,
      (error: Error) => `${error.name}: ${error.message}`,
    );
  outcomes.push(outcome);
}
const whole = await held[1].data().then(
  (values) => values.every((v) => v === 1),
  (error: Error) => error.message,
);
for (const x of held.splice(1)) x.dispose();
const after = await grow(held[0]).slice(0, 0).item();
console.log(JSON.stringify({ outcomes, whole, after }));
