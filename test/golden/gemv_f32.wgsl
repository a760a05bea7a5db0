// dot_general_gemm_float32
@group(0) @binding(0) var<storage, read_write> out0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> in0: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> in1: array<f32>;

@compute @workgroup_size(2, 1, 1)
fn main(
  @builtin(local_invocation_id) local_invocation_id: vec3<u32>,
) {
  let local_x = i32(local_invocation_id.x);
  let v = vec4<f32>(0.0f);
  var sum: vec4<f32> = v;
  var sum_1: vec4<f32> = v;
  var sum_2: vec4<f32> = v;
  var sum_3: vec4<f32> = v;
  var sum_4: vec4<f32> = v;
  var sum_5: vec4<f32> = v;
  var sum_6: vec4<f32> = v;
  var sum_7: vec4<f32> = v;
  let v_1 = local_x * 32;
  for (var i = 0; i < 128; i += 1) {
    let v_2 = i * 64 + v_1;
    let v_3 = vec4<f32>(in1[i]);
    sum = fma(v_3, in0[v_2 >> 2u], sum);
    sum_1 = fma(v_3, in0[(v_2 + 4) >> 2u], sum_1);
    sum_2 = fma(v_3, in0[(v_2 + 8) >> 2u], sum_2);
    sum_3 = fma(v_3, in0[(v_2 + 12) >> 2u], sum_3);
    sum_4 = fma(v_3, in0[(v_2 + 16) >> 2u], sum_4);
    sum_5 = fma(v_3, in0[(v_2 + 20) >> 2u], sum_5);
    sum_6 = fma(v_3, in0[(v_2 + 24) >> 2u], sum_6);
    sum_7 = fma(v_3, in0[(v_2 + 28) >> 2u], sum_7);
  }
  out0[v_1 >> 2u] = sum;
  out0[(v_1 + 4) >> 2u] = sum_1;
  out0[(v_1 + 8) >> 2u] = sum_2;
  out0[(v_1 + 12) >> 2u] = sum_3;
  out0[(v_1 + 16) >> 2u] = sum_4;
  out0[(v_1 + 20) >> 2u] = sum_5;
  out0[(v_1 + 24) >> 2u] = sum_6;
  out0[(v_1 + 28) >> 2u] = sum_7;
}
