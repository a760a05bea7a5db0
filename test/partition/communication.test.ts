/** Bytes that devices send one another, against the formulas of the ring algorithm worked out by hand. */
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { meshOf } from "../conformance/rows-sharding.ts";
import "../setup.ts";

const { lax, numpy: jnp, P } = jax;
type A = jax.Array;

const mesh = meshOf({ x: 2, y: 4 });
const lie = (...spec: (string | readonly string[] | null)[]): jax.NamedSharding =>
  new jax.NamedSharding(mesh, P(...spec));
const type = (dtype: jax.DType, ...shape: number[]): jax.ShapeDtypeStruct => new jax.ShapeDtypeStruct(shape, dtype);

async function communication(lowered: jax.Lowered): Promise<readonly jax.Communication[]> {
  return (await lowered.compile()).costAnalysis().communication;
}
await jax.ready();

test("an all-reduce sends 2 (n - 1) / n of its operand, over one axis or several", async () => {
  const f = jax.jit((u: A, v: A) => jnp.matmul(u, v), { inShardings: [lie(null, "y"), lie("y")] });
  assert.equal(await communication(f.lower(type("float32", 8, 16), type("float32", 16, 32))), [
    { collective: "psum", axes: ["y"], count: 1, sizeBytes: (2 * 3 * 8 * 32 * 4) / 4 },
  ]);
  const both = jax.jit((u: A, v: A) => jnp.matmul(u, v), { inShardings: [lie(null, ["x", "y"]), lie(["x", "y"])] });
  // Partial sums of bfloat16 are sent as float32.
  assert.equal(await communication(both.lower(type("bfloat16", 8, 16), type("bfloat16", 16, 32))), [
    { collective: "psum", axes: ["x", "y"], count: 1, sizeBytes: (2 * 7 * 8 * 32 * 4) / 8 },
  ]);
});

test("a gather sends (n - 1) / n of its result, a sum that is split as much of its operand", async () => {
  const sorted = jax.jit((x: A) => jnp.sort(x, { axis: 0 }), { inShardings: [lie("y")], outShardings: lie() });
  assert.equal(await communication(sorted.lower(type("bfloat16", 8, 6))), [
    { collective: "all_gather", axes: ["y"], count: 1, sizeBytes: (3 * 8 * 6 * 2) / 4 },
  ]);
  const split = jax.jit((u: A, v: A) => jnp.matmul(u, v), {
    inShardings: [lie(null, "y"), lie("y")],
    outShardings: lie("y"),
  });
  assert.equal(await communication(split.lower(type("float32", 8, 16), type("float32", 16, 32))), [
    { collective: "reduce_scatter", axes: ["y"], count: 1, sizeBytes: (3 * 8 * 32 * 4) / 4 },
  ]);
});

test("in a loop it is sent as often as the loop runs", async () => {
  const f = jax.jit((x: A, w: A) => lax.scan((c: A, m: A): [A, A] => [jnp.matmul(c, m), c.sum()], x, w)[0], {
    inShardings: [lie(null, "y"), lie(null, "y")],
  });
  const found = await communication(f.lower(type("float32", 4, 16), type("float32", 5, 16, 16)));
  assert.ok(found.length > 0);
  for (const { collective, count, sizeBytes } of found) {
    assert.is(count % 5, 0, collective);
    assert.ok(sizeBytes > 0);
  }
});

test("without a mesh nothing is sent, nor where all is split alike", async () => {
  assert.equal(await communication(jax.jit((x: A) => x.sum()).lower(type("float32", 8))), []);
  const f = jax.jit((x: A) => x.mul(2).sum({ axis: 1 }), { inShardings: [lie(["x", "y"])] });
  assert.equal(await communication(f.lower(type("float32", 8, 3))), []);
});

test.run();
