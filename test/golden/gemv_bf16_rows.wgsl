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
  let v = workgroup_x;
  let v_1 = v * 256;
  for (var i = local_x; i < 32; i += 8) {
    let v_2 = in0[(i * 4) >> 2u];
    let v_3 = v_1 + i * 2;
    let v_4 = in1[v_3 >> 1u];
    let v_5 = vec4<f32>(bitcast<f32>(v_4.x << 16u), bitcast<f32>(v_4.x & 4294901760u), bitcast<f32>(v_4.y << 16u), bitcast<f32>(v_4.y & 4294901760u));
    sum = sum + dot(v_2, v_5);
    let v_6 = in1[(v_3 + 64) >> 1u];
    let v_7 = vec4<f32>(bitcast<f32>(v_6.x << 16u), bitcast<f32>(v_6.x & 4294901760u), bitcast<f32>(v_6.y << 16u), bitcast<f32>(v_6.y & 4294901760u));
    sum_1 = sum_1 + dot(v_2, v_7);
    let v_8 = in1[(v_3 + 128) >> 1u];
    let v_9 = vec4<f32>(bitcast<f32>(v_8.x << 16u), bitcast<f32>(v_8.x & 4294901760u), bitcast<f32>(v_8.y << 16u), bitcast<f32>(v_8.y & 4294901760u));
    sum_2 = sum_2 + dot(v_2, v_9);
    let v_10 = in1[(v_3 + 192) >> 1u];
    let v_11 = vec4<f32>(bitcast<f32>(v_10.x << 16u), bitcast<f32>(v_10.x & 4294901760u), bitcast<f32>(v_10.y << 16u), bitcast<f32>(v_10.y & 4294901760u));
    sum_3 = sum_3 + dot(v_2, v_11);
  }
  let v_12 = sum;
  let v_13 = subgroupShuffleXor(v_12, 1u);
  let v_14 = v_12 + v_13;
  let v_15 = subgroupShuffleXor(v_14, 2u);
  let v_16 = v_14 + v_15;
  let v_17 = subgroupShuffleXor(v_16, 4u);
  let v_18 = sum_1;
  let v_19 = subgroupShuffleXor(v_18, 1u);
  let v_20 = v_18 + v_19;
  let v_21 = subgroupShuffleXor(v_20, 2u);
  let v_22 = v_20 + v_21;
  let v_23 = subgroupShuffleXor(v_22, 4u);
  let v_24 = sum_2;
  let v_25 = subgroupShuffleXor(v_24, 1u);
  let v_26 = v_24 + v_25;
  let v_27 = subgroupShuffleXor(v_26, 2u);
  let v_28 = v_26 + v_27;
  let v_29 = subgroupShuffleXor(v_28, 4u);
  let v_30 = sum_3;
  let v_31 = subgroupShuffleXor(v_30, 1u);
  let v_32 = v_30 + v_31;
  let v_33 = subgroupShuffleXor(v_32, 2u);
  let v_34 = v_32 + v_33;
  let v_35 = subgroupShuffleXor(v_34, 4u);
  if (local_x == 0) {
    out0[(v * 4) >> 2u] = vec4<f32>(v_16 + v_17, v_22 + v_23, v_28 + v_29, v_34 + v_35);
  }
}
