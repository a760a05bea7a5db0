// mul_add_float32
@group(0) @binding(0) var<storage, read_write> out0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> in0: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> in1: array<vec4<f32>>;

@compute @workgroup_size(8, 1, 1)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(local_invocation_id) local_invocation_id: vec3<u32>,
) {
  let workgroup_x = i32(workgroup_id.x);
  let local_x = i32(local_invocation_id.x);
  let v = workgroup_x * 8 + local_x;
  if (v < 250) {
    let v_1 = v * 4;
    let v_2 = in0[v_1 >> 2u];
    let v_3 = in1[v_1 >> 2u];
    let v_4 = vec4<f32>(v_2.x * v_3.x + 1.0f, v_2.y * v_3.y + 1.0f, v_2.z * v_3.z + 1.0f, v_2.w * v_3.w + 1.0f);
    out0[v_1 >> 2u] = v_4;
  }
}
