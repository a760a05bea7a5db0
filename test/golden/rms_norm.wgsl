// mul_reduce_sum_div_add_2_more_float32
enable subgroups;
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
  var acc: f32 = 0.0f;
  let v = workgroup_x * 256;
  for (var i = local_x; i < 64; i += 8) {
    let v_1 = in0[(v + i * 4) >> 2u];
    acc = acc + (v_1.x * v_1.x + v_1.y * v_1.y + (v_1.z * v_1.z + v_1.w * v_1.w));
  }
  let v_2 = acc;
  let v_3 = subgroupShuffleXor(v_2, 1u);
  let v_4 = v_2 + v_3;
  let v_5 = subgroupShuffleXor(v_4, 2u);
  let v_6 = v_4 + v_5;
  let v_7 = subgroupShuffleXor(v_6, 4u);
  let v_8 = inverseSqrt((v_6 + v_7) / 256.0f + 0.000001f);
  for (var i_1 = local_x; i_1 < 64; i_1 += 8) {
    let v_9 = i_1 * 4;
    let v_10 = v + v_9;
    let v_11 = in0[v_10 >> 2u];
    let v_12 = in1[v_9 >> 2u];
    let v_13 = vec4<f32>(v_11.x * v_8 * v_12.x, v_11.y * v_8 * v_12.y, v_11.z * v_8 * v_12.z, v_11.w * v_8 * v_12.w);
    out0[v_10 >> 2u] = v_13;
  }
}
