// dot_general_gemv_float32
enable subgroups;
@group(0) @binding(0) var<storage, read_write> out0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> in0: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> in1: array<vec2<u32>>;

@compute @workgroup_size(8, 1, 1)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(local_invocation_id) local_invocation_id: vec3<u32>,
) {
  let workgroup_x = i32(workgroup_id.x);
  let local_x = i32(local_invocation_id.x);
  var sum: f32 = 0.0f;
  var sum_1: f32 = 0.0f;
  var sum_2: f32 = 0.0f;
  var sum_3: f32 = 0.0f;
  let v = workgroup_x * 256;
  for (var i = local_x; i < 32; i += 8) {
    let v_1 = in0[(i * 4) >> 2u];
    let v_2 = v + i * 2;
    let v_3 = in1[v_2 >> 1u];
    let v_4 = vec4<f32>(bitcast<f32>(v_3.x << 16u), bitcast<f32>(v_3.x & 4294901760u), bitcast<f32>(v_3.y << 16u), bitcast<f32>(v_3.y & 4294901760u));
    sum = sum + dot(v_1, v_4);
    let v_5 = in1[(v_2 + 64) >> 1u];
    let v_6 = vec4<f32>(bitcast<f32>(v_5.x << 16u), bitcast<f32>(v_5.x & 4294901760u), bitcast<f32>(v_5.y << 16u), bitcast<f32>(v_5.y & 4294901760u));
    sum_1 = sum_1 + dot(v_1, v_6);
    let v_7 = in1[(v_2 + 128) >> 1u];
    let v_8 = vec4<f32>(bitcast<f32>(v_7.x << 16u), bitcast<f32>(v_7.x & 4294901760u), bitcast<f32>(v_7.y << 16u), bitcast<f32>(v_7.y & 4294901760u));
    sum_2 = sum_2 + dot(v_1, v_8);
    let v_9 = in1[(v_2 + 192) >> 1u];
    let v_10 = vec4<f32>(bitcast<f32>(v_9.x << 16u), bitcast<f32>(v_9.x & 4294901760u), bitcast<f32>(v_9.y << 16u), bitcast<f32>(v_9.y & 4294901760u));
    sum_3 = sum_3 + dot(v_1, v_10);
  }
  let v_11 = sum;
  let v_12 = subgroupShuffleXor(v_11, 1u);
  let v_13 = v_11 + v_12;
  let v_14 = subgroupShuffleXor(v_13, 2u);
  let v_15 = v_13 + v_14;
  let v_16 = subgroupShuffleXor(v_15, 4u);
  let v_17 = sum_1;
  let v_18 = subgroupShuffleXor(v_17, 1u);
  let v_19 = v_17 + v_18;
  let v_20 = subgroupShuffleXor(v_19, 2u);
  let v_21 = v_19 + v_20;
  let v_22 = subgroupShuffleXor(v_21, 4u);
  let v_23 = sum_2;
  let v_24 = subgroupShuffleXor(v_23, 1u);
  let v_25 = v_23 + v_24;
  let v_26 = subgroupShuffleXor(v_25, 2u);
  let v_27 = v_25 + v_26;
  let v_28 = subgroupShuffleXor(v_27, 4u);
  let v_29 = sum_3;
  let v_30 = subgroupShuffleXor(v_29, 1u);
  let v_31 = v_29 + v_30;
  let v_32 = subgroupShuffleXor(v_31, 2u);
  let v_33 = v_31 + v_32;
  let v_34 = subgroupShuffleXor(v_33, 4u);
  if (local_x == 0) {
    out0[(workgroup_x * 4) >> 2u] = vec4<f32>(v_15 + v_16, v_21 + v_22, v_27 + v_28, v_33 + v_34);
  }
}
