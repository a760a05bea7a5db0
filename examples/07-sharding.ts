/** Sharding: one training step on a mesh of eight devices, split over the batch and over the features of the weights. */

// Eight logical devices of one GPU; without it there is one. Set before the first mesh is made.
process.env.JAXSCALE_DEVICES ??= "8";

import * as jax from "jaxscale";

const { lax, nn, numpy: jnp, P, random } = jax;
type Array = jax.Array;
interface Weights {
  readonly up: Array;
  readonly down: Array;
}

const mesh = jax.makeMesh([2, 4], ["data", "tensor"]);
console.log(`${mesh}\n`);
const lie = (...spec: readonly (string | null)[]): jax.NamedSharding => new jax.NamedSharding(mesh, P(...spec));

// Columns of the first weight and rows of the second are split over "tensor", the batch over "data".
const shardings = { up: lie(null, "tensor"), down: lie("tensor", null) };
const [first, second, third] = random.split(random.key(0), 3);
const weights: Weights = {
  up: random.normal(first, [16, 64]).mul(0.2),
  down: random.normal(second, [64, 16]).mul(0.2),
};
const x = random.normal(third, [32, 16]);
const y = jnp.sin(x);

const loss = ({ up, down }: Weights, inputs: Array, targets: Array): Array =>
  jnp.mean(nn.silu(inputs.dot(up)).dot(down).sub(targets).pow(2));
const step = jax.jit(
  (w: Weights, inputs: Array, targets: Array): [Weights, Array] => {
    const [value, gradient] = jax.valueAndGrad(loss)(w, inputs, targets);
    return [jax.tree.map((p: Array, g: Array) => p.sub(g.mul(0.5)), w, gradient), value];
  },
  { name: "step" },
);

// Nothing in the function knows of the mesh: shardings follow from those of the arguments.
let onMesh = jax.devicePut(weights, shardings);
let alone = weights;
const batch = jax.devicePut([x, y], lie("data")) as [Array, Array];
for (let i = 0; i < 5; i++) {
  const [next, value] = step(onMesh, ...batch);
  const [nextAlone, valueAlone] = step(alone, x, y);
  onMesh = next;
  alone = nextAlone;
  console.log(
    `step ${i}: loss ${Number(await value.item()).toFixed(4)} on 8 devices, ${Number(await valueAlone.item()).toFixed(4)} on one`,
  );
}
console.log(`\nup lies as ${(onMesh.up as jax.DeviceArray).sharding}`);
for (const { device, index, data } of jax.addressableShards(onMesh.up).slice(0, 4))
  console.log(`  device ${device.id}: columns ${index[1].join(" to ")}, ${data}`);

console.log("\nwhat one device does in a forward pass:");
const forward = jax.jit((w: Weights, inputs: Array) => nn.silu(inputs.dot(w.up)).dot(w.down), { name: "forward" });
console.log(forward.lower(onMesh, batch[0]).asText("partitioned"));

// The same, written for one device with its communication spelled out.
const explicit = jax.shardMap(
  (w: Weights, inputs: Array) => lax.psum(nn.silu(inputs.dot(w.up)).dot(w.down), "tensor"),
  { mesh, inSpecs: [{ up: P(null, "tensor"), down: P("tensor") }, P("data")], outSpecs: P("data") },
);
const difference = explicit(onMesh, x).sub(forward(onMesh, batch[0]));
console.log(`\nby shardMap: largest difference ${await jnp.max(jnp.abs(difference)).item()}`);
