/** Loops whose end the device decides, and whose round trips are seen by submits: `npx tsx bench/loops.ts [--rounds=9]`. */
import { parseArgs } from "node:util";
import * as jax from "jaxscale";
import { counted } from "./figures.ts";
import { takeTurns } from "./statistics.ts";
import { runSuite } from "./suite.ts";

const { jit, lax, numpy: jnp } = jax;
type A = jax.Array;
const { values } = parseArgs({ options: { rounds: { type: "string", default: "9" } } });
const rounds = Number(values.rounds);

await runSuite(async ({ add }) => {
  await jax.ready();
  const body = (x: A): A => x.add(1);
  const submits = new Map<string, number>();
  for (const iterations of [5, 100, 1000]) {
    const less = (x: A): A => jnp.max(x).less(iterations);
    const zeros = jnp.zeros([256]);
    const loops = {
      whileLoop: jit((x: A): A => lax.whileLoop(less, body, x)),
      "whileLoop with maxTrips": jit((x: A): A => lax.whileLoop(less, body, x, { maxTrips: iterations })),
      foriLoop: jit((x: A): A => lax.foriLoop(0, iterations, (_, y: A) => body(y), x)),
    };
    const works = Object.entries(loops).map(([name, loop]) => {
      const run = async (): Promise<number> => {
        const [before, started] = [jax.statistics().submits, performance.now()];
        await loop(zeros).blockUntilReady();
        submits.set(name, jax.statistics().submits - before);
        return performance.now() - started;
      };
      return [name, run] as const;
    });
    const samples = await takeTurns(Object.fromEntries(works), { rounds });
    for (const [name, times] of Object.entries(samples))
      add({
        name: `${iterations} iterations, ${name}`,
        unit: "ms",
        samples: { jaxscale: times },
        figures: [counted("submits", submits.get(name) ?? 0)],
      });
  }
});
