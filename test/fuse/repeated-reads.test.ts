/** Chains in which each step reads the one before at several places, and chains longer than one kernel should be. */
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { difference, onDevice, onHost, reference, tensorOf } from "../tensors.ts";
import "../setup.ts";

const { jit, lax, numpy: jnp } = jax;
type A = jax.Array;

await jax.ready();

const levels = 40;
const steps: Readonly<Record<string, (x: A) => A>> = {
  "its transpose": (x) => x.add(jnp.transpose(x)).mul(0.5),
  "itself reversed": (x) => lax.max(x, lax.rev(x, [0])).sub(x),
  "itself rolled": (x) => lax.min(x.add(jnp.roll(x, 1)), x),
  "its neighbours": (x) => jnp.abs(lax.sub(x.slice("1:"), x.slice(":-1"))),
};

for (const [what, step] of Object.entries(steps))
  test(`${levels} steps that each read a value and ${what} repeat bounded work`, async () => {
    const f = (x: A): A[] => [Array.from({ length: levels }).reduce((value: A) => step(value), x)];
    const input = tensorOf([64, 64], "float32", (i) => ((i * 37) % 101) - 50);
    const text = jit(f).lower(onDevice(input)).asText("wgsl");
    // Recomputed without a bound, the last step alone would take 2^40 reads.
    assert.ok(text.length < 400_000, `${text.length} characters`);
    const [got] = jit(f)(onDevice(input));
    const [want] = await reference(f, [input]);
    assert.is(difference(await onHost(got), want, { anyZero: true }), undefined);
  });

test("a chain of thousands of operations is cut into kernels", async () => {
  const length = 3001;
  const f = jit((x: A): A => {
    let y = x;
    for (let i = 0; i < length; i++) y = lax.sub(jnp.array(1, { dtype: "int32" }), y);
    return y;
  });
  const x = jnp.array(7, { dtype: "int32" });
  assert.is(await f(x).item(), 1 - 7);
  const { program } = await f.lower(x).compile();
  assert.ok(program.segments.flatMap((s) => s.steps).length > 10);
});

test.run();
