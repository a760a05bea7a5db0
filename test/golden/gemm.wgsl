// dot_general_gemm_float32
enable subgroups;
@group(0) @binding(0) var<storage, read_write> out0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> in0: array<f32>;
@group(0) @binding(2) var<storage, read> in1: array<vec4<f32>>;

@compute @workgroup_size(8, 1, 1)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(local_invocation_id) local_invocation_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
) {
  let workgroup_x = i32(workgroup_id.x);
  let local_x = i32(local_invocation_id.x);
  let groups_x = i32(num_workgroups.x);
  let v = vec4<f32>(0.0f);
  var sum: vec4<f32> = v;
  var sum_1: vec4<f32> = v;
  var sum_2: vec4<f32> = v;
  var sum_3: vec4<f32> = v;
  var sum_4: vec4<f32> = v;
  var sum_5: vec4<f32> = v;
  var sum_6: vec4<f32> = v;
  var sum_7: vec4<f32> = v;
  var sum_8: vec4<f32> = v;
  var sum_9: vec4<f32> = v;
  var sum_10: vec4<f32> = v;
  var sum_11: vec4<f32> = v;
  var sum_12: vec4<f32> = v;
  var sum_13: vec4<f32> = v;
  var sum_14: vec4<f32> = v;
  var sum_15: vec4<f32> = v;
  let v_1 = workgroup_x * 32;
  let v_2 = local_x * 4;
  let v_3 = local_x * 32;
  for (var i = 0; i < 32; i += 1) {
    let v_4 = v_3 + i;
    let v_5 = in0[v_4];
    let v_6 = subgroupBroadcast(v_5, 0u);
    let v_7 = in1[(i * 64 + v_1 + v_2) >> 2u];
    sum = fma(vec4<f32>(v_6), v_7, sum);
    let v_8 = subgroupBroadcast(v_5, 1u);
    sum_1 = fma(vec4<f32>(v_8), v_7, sum_1);
    let v_9 = subgroupBroadcast(v_5, 2u);
    sum_2 = fma(vec4<f32>(v_9), v_7, sum_2);
    let v_10 = subgroupBroadcast(v_5, 3u);
    sum_3 = fma(vec4<f32>(v_10), v_7, sum_3);
    let v_11 = subgroupBroadcast(v_5, 4u);
    sum_4 = fma(vec4<f32>(v_11), v_7, sum_4);
    let v_12 = subgroupBroadcast(v_5, 5u);
    sum_5 = fma(vec4<f32>(v_12), v_7, sum_5);
    let v_13 = subgroupBroadcast(v_5, 6u);
    sum_6 = fma(vec4<f32>(v_13), v_7, sum_6);
    let v_14 = subgroupBroadcast(v_5, 7u);
    sum_7 = fma(vec4<f32>(v_14), v_7, sum_7);
    let v_15 = in0[v_4 + 256];
    let v_16 = subgroupBroadcast(v_15, 0u);
    sum_8 = fma(vec4<f32>(v_16), v_7, sum_8);
    let v_17 = subgroupBroadcast(v_15, 1u);
    sum_9 = fma(vec4<f32>(v_17), v_7, sum_9);
    let v_18 = subgroupBroadcast(v_15, 2u);
    sum_10 = fma(vec4<f32>(v_18), v_7, sum_10);
    let v_19 = subgroupBroadcast(v_15, 3u);
    sum_11 = fma(vec4<f32>(v_19), v_7, sum_11);
    let v_20 = subgroupBroadcast(v_15, 4u);
    sum_12 = fma(vec4<f32>(v_20), v_7, sum_12);
    let v_21 = subgroupBroadcast(v_15, 5u);
    sum_13 = fma(vec4<f32>(v_21), v_7, sum_13);
    let v_22 = subgroupBroadcast(v_15, 6u);
    sum_14 = fma(vec4<f32>(v_22), v_7, sum_14);
    let v_23 = subgroupBroadcast(v_15, 7u);
    sum_15 = fma(vec4<f32>(v_23), v_7, sum_15);
  }
  let v_24 = bitcast<i32>(8u | (bitcast<u32>(groups_x) >> 31u));
  for (var i_1 = 0; i_1 < v_24; i_1 += 1) {
    let v_25 = i_1 * 128 + v_1 + v_2;
    out0[v_25 >> 2u] = sum;
    out0[(v_25 + 64) >> 2u] = sum_1;
    sum = sum_2;
    sum_1 = sum_3;
    sum_2 = sum_4;
    sum_3 = sum_5;
    sum_4 = sum_6;
    sum_5 = sum_7;
    sum_6 = sum_8;
    sum_7 = sum_9;
    sum_8 = sum_10;
    sum_9 = sum_11;
    sum_10 = sum_12;
    sum_11 = sum_13;
    sum_12 = sum_14;
    sum_13 = sum_15;
  }
}
