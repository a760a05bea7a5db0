/** Kernels that triple an array. */
import * as jax from "jaxscale";

const bodies = {
  tripled: ["fn triple(x: f32) -> f32 { return 3 * x; }", "y[id.x] = triple(x[id.x]);"],
  // Tint lets a function take a pointer into a storage buffer; naga does not.
  tripled_in_place: [
    "fn triple(p: ptr<storage, f32, read_write>) { *p = 3 * *p; }",
    "y[id.x] = x[id.x]; triple(&y[id.x]);",
  ],
  tripled_aside: ["fn triple(p: ptr<function, f32>) { *p = 3 * *p; }", "var t = x[id.x]; triple(&t); y[id.x] = t;"],
} as const;

export const kernelNames = ["tripled", "tripled_in_place", "tripled_aside"] as const;

/** What is wrong with what a kernel makes of 0 to 3; undefined if nothing is. */
export async function failureOf(name: (typeof kernelNames)[number]): Promise<string | undefined> {
  const [declaration, statement] = bodies[name];
  const kernel = jax.customKernel({
    name,
    inputs: { x: { dtype: "float32" } },
    outputs: ({ x }) => ({ y: new jax.ShapeDtypeStruct(x.shape, "float32") }),
    wgsl: `${declaration}
fn main(@builtin(global_invocation_id) id: vec3u) { if (id.x < x_size) { ${statement} } }`,
    workgroups: () => [1],
    cost: ({ x }) => ({ flops: x.shape[0] }),
  });
  const got = await kernel({ x: jax.numpy.arange(4, { dtype: "float32" }) }).y.toList();
  return `${got}` === "0,3,6,9" ? undefined : `got ${got}, wanted 0,3,6,9`;
}
