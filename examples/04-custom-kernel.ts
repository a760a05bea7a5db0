/** A kernel of one's own: one step of heat spreading in a plate, written in WGSL, in a loop under jit. */
import * as jax from "jaxscale";

const { customKernel, debug, jit, lax, numpy: jnp } = jax;

// Inputs and results are variables of the WGSL by their names; `u_shape` and `u_size` are constants.
const spread = customKernel({
  name: "spread_heat",
  inputs: { u: { dtype: "float32", rank: 2 }, rate: { dtype: "float32", rank: 0 } },
  outputs: ({ u }) => ({ next: new jax.ShapeDtypeStruct(u.shape, "float32") }),
  workgroupSize: [8, 8],
  workgroups: ({ u: { shape } }) => [Math.ceil(shape[1] / 8), Math.ceil(shape[0] / 8)],
  cost: ({ u: { shape } }) => ({ flops: 7 * shape[0] * shape[1] }),
  wgsl: `
fn at(row: i32, column: i32) -> f32 {
  let r = clamp(row, 0, u_shape[0] - 1);
  let c = clamp(column, 0, u_shape[1] - 1);
  return u[r * u_shape[1] + c];
}
fn main(@builtin(global_invocation_id) id: vec3u) {
  let r = i32(id.y);
  let c = i32(id.x);
  if (r >= u_shape[0] || c >= u_shape[1]) { return; }
  let around = at(r - 1, c) + at(r + 1, c) + at(r, c - 1) + at(r, c + 1);
  next[r * u_shape[1] + c] = at(r, c) + rate[0] * (around - 4.0 * at(r, c));
}`,
});

/** Eight times `steps` steps; one kernel for each step, and what JaxScale fuses around them. */
const simulate = jit(
  (plate: jax.Array, steps: number) =>
    lax.foriLoop(
      0,
      8,
      (i, u: jax.Array) => {
        const after = lax.foriLoop(0, steps, (_, v: jax.Array) => spread({ u: v, rate: 0.2 }).next, u);
        debug.print("after round {}: hottest {}, sum {}", i, after.max(), after.sum());
        return after;
      },
      plate,
    ),
  { staticArgnums: 1 },
);

const plate = jnp.zeros([24, 48]).at(12, 10).set(400).at(6, 34).set(800);
const end = simulate(plate, 4);

const shades = jnp.clip(jnp.log2(end.add(0.02)).add(5), 0, 9).astype("int32");
for (const row of (await shades.toList()) as number[][]) console.log(row.map((s) => " .:-=+*#%@"[s]).join(""));

await jax.effectsBarrier();
await jax.ready();
const [head] = simulate.lower(plate, 4).asText("wgsl").split("// spread_heat")[1].split("fn at");
console.log(`${spread.name} in the program begins with:${head.trimEnd()}`);

// The same step in array operations agrees with it.
const padded = jnp.pad(plate, 1, { mode: "edge" });
const around = padded
  .slice(":-2", "1:-1")
  .add(padded.slice("2:", "1:-1"))
  .add(padded.slice("1:-1", ":-2"))
  .add(padded.slice("1:-1", "2:"));
const expected = plate.add(around.sub(plate.mul(4)).mul(0.2));
console.log(
  "largest difference",
  await jnp
    .abs(spread({ u: plate, rate: 0.2 }).next.sub(expected))
    .max()
    .item(),
);
