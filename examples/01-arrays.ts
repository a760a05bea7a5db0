/** Arrays and a jitted function: what it traces to, the kernels it becomes, its result. */
import * as jax from "jaxscale";

const { jit, nn, numpy: jnp } = jax;

const target = await jax.ready();
console.log(`running on ${target.name}\n`);

/** A dense layer with its activation: one kernel. */
const layer = jit((x: jax.Array, w: jax.Array, b: jax.Array) => nn.silu(x.dot(w).add(b)), { name: "layer" });

const x = jnp.arange(6).reshape([2, 3]).astype("float32");
const w = jnp.linspace(-1, 1, 12).reshape([3, 4]);
const b = jnp.array([0.5, -0.5, 0.25, 0]);

console.log("jaxpr:");
console.log(layer.lower(x, w, b).asText("jaxpr"));

console.log("\nkernels:");
const compiled = await layer.lower(x, w, b).compile();
for (const kernel of compiled.program.kernels) console.log(`  ${kernel.name}`);
console.log("\nWGSL:");
console.log(layer.lower(x, w, b).asText("wgsl"));

const y = layer(x, w, b);
console.log("result:");
console.log(await y.text());
