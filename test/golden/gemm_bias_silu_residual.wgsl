// dot_general_add_logistic_mul_add_gemm_float32
enable subgroups;
@group(0) @binding(0) var<storage, read_write> out0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> in0: array<f32>;
@group(0) @binding(2) var<storage, read> in1: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> in2: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> in3: array<vec4<f32>>;

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
  let v_24 = in2[(v_1 + v_2) >> 2u];
  let v_25 = bitcast<i32>(8u | (bitcast<u32>(groups_x) >> 31u));
  for (var i_1 = 0; i_1 < v_25; i_1 += 1) {
    let v_26 = sum;
    let v_27 = i_1 * 128 + v_1 + v_2;
    let v_28 = v_26.x + v_24.x;
    let v_29 = -v_28;
    let v_30 = select(v_29 + 1.0f, exp(v_29), bitcast<u32>(abs(v_29)) - 855638016u <= 1283457024u);
    let v_31 = in3[v_27 >> 2u];
    let v_32 = v_26.y + v_24.y;
    let v_33 = -v_32;
    let v_34 = select(v_33 + 1.0f, exp(v_33), bitcast<u32>(abs(v_33)) - 855638016u <= 1283457024u);
    let v_35 = v_26.z + v_24.z;
    let v_36 = -v_35;
    let v_37 = select(v_36 + 1.0f, exp(v_36), bitcast<u32>(abs(v_36)) - 855638016u <= 1283457024u);
    let v_38 = v_26.w + v_24.w;
    let v_39 = -v_38;
    let v_40 = select(v_39 + 1.0f, exp(v_39), bitcast<u32>(abs(v_39)) - 855638016u <= 1283457024u);
    let v_41 = vec4<f32>(v_28 * (1.0f / (1.0f + v_30)) + v_31.x, v_32 * (1.0f / (1.0f + v_34)) + v_31.y, v_35 * (1.0f / (1.0f + v_37)) + v_31.z, v_38 * (1.0f / (1.0f + v_40)) + v_31.w);
    out0[v_27 >> 2u] = v_41;
    let v_42 = sum_1;
    let v_43 = v_27 + 64;
    let v_44 = v_42.x + v_24.x;
    let v_45 = -v_44;
    let v_46 = select(v_45 + 1.0f, exp(v_45), bitcast<u32>(abs(v_45)) - 855638016u <= 1283457024u);
    let v_47 = in3[v_43 >> 2u];
    let v_48 = v_42.y + v_24.y;
    let v_49 = -v_48;
    let v_50 = select(v_49 + 1.0f, exp(v_49), bitcast<u32>(abs(v_49)) - 855638016u <= 1283457024u);
    let v_51 = v_42.z + v_24.z;
    let v_52 = -v_51;
    let v_53 = select(v_52 + 1.0f, exp(v_52), bitcast<u32>(abs(v_52)) - 855638016u <= 1283457024u);
    let v_54 = v_42.w + v_24.w;
    let v_55 = -v_54;
    let v_56 = select(v_55 + 1.0f, exp(v_55), bitcast<u32>(abs(v_55)) - 855638016u <= 1283457024u);
    let v_57 = vec4<f32>(v_44 * (1.0f / (1.0f + v_46)) + v_47.x, v_48 * (1.0f / (1.0f + v_50)) + v_47.y, v_51 * (1.0f / (1.0f + v_53)) + v_47.z, v_54 * (1.0f / (1.0f + v_56)) + v_47.w);
    out0[v_43 >> 2u] = v_57;
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
