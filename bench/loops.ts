/** Loops whose end the device decides: `npx tsx bench/loops.ts`. Medians, and round trips by submits. */
import * as jax from "jaxscale";
import { median } from "./statistics.ts";

const { jit, lax, numpy: jnp } = jax;
type A = jax.Array;
const rounds = Number(process.argv[2] ?? 9);
await jax.ready();

async function timed(call: () => A): Promise<{ ms: number; submits: number }> {
  await call().blockUntilReady();
  const times: number[] = [];
  const before = jax.statistics().submits;
  for (let i = 0; i < rounds; i++) {
    const begun = performance.now();
    await call().blockUntilReady();
    times.push(performance.now() - begun);
  }
  return { ms: median(times), submits: (jax.statistics().submits - before) / rounds };
}

const body = (x: A): A => x.add(1);
for (const turns of [5, 100, 1000]) {
  const less = (x: A): A => jnp.max(x).less(turns);
  const zeros = jnp.zeros([256]);
  const decided = jit((x: A): A => lax.whileLoop(less, body, x));
  const bounded = jit((x: A): A => lax.whileLoop(less, body, x, { maxTrips: turns }));
  const counted = jit((x: A): A => lax.foriLoop(0, turns, (_, y: A) => body(y), x));
  for (const [name, f] of Object.entries({ whileLoop: decided, "with maxTrips": bounded, foriLoop: counted })) {
    const { ms, submits } = await timed(() => f(zeros));
    console.log(`${turns} turns, ${name}: ${ms.toFixed(2)} ms, ${submits.toFixed(1)} submits`);
  }
}
process.exit(0);
