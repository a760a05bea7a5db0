// transpose_float32
@group(0) @binding(0) var<storage, read_write> out0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> in0: array<f32>;

@compute @workgroup_size(8, 1, 1)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(local_invocation_id) local_invocation_id: vec3<u32>,
) {
  let workgroup_x = i32(workgroup_id.x);
  let local_x = i32(local_invocation_id.x);
  let v = local_x % 2 * 48 + workgroup_x * 4 + local_x / 2;
  out0[(workgroup_x * 32 + local_x * 4) >> 2u] = vec4<f32>(in0[v], in0[v + 12], in0[v + 24], in0[v + 36]);
}
