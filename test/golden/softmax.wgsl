// reduce_max_max_sub_exp_2_more_float32
@group(0) @binding(0) var<storage, read_write> out0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> in0: array<vec4<f32>>;
var<private> zero_bits: u32 = 0u;

@compute @workgroup_size(4, 1, 1)
fn main(
  @builtin(local_invocation_id) local_invocation_id: vec3<u32>,
) {
  let local_x = i32(local_invocation_id.x);
  var acc: f32 = bitcast<f32>(0xff800000u | zero_bits);
  let v = local_x * 24;
  for (var i = 0; i < 6; i += 1) {
    let v_1 = acc;
    let v_2 = in0[(v + i * 4) >> 2u];
    let v_3 = select(max(v_2.x, v_2.y), v_2.x, (bitcast<u32>(v_2.x) & 2147483647u) > 2139095040u);
    let v_4 = select(v_3, v_2.y, (bitcast<u32>(v_2.y) & 2147483647u) > 2139095040u);
    let v_5 = select(max(v_2.z, v_2.w), v_2.z, (bitcast<u32>(v_2.z) & 2147483647u) > 2139095040u);
    let v_6 = select(v_5, v_2.w, (bitcast<u32>(v_2.w) & 2147483647u) > 2139095040u);
    let v_7 = select(select(max(v_4, v_6), v_4, (bitcast<u32>(v_4) & 2147483647u) > 2139095040u), v_6, (bitcast<u32>(v_6) & 2147483647u) > 2139095040u);
    let v_8 = select(select(max(v_1, v_7), v_1, (bitcast<u32>(v_1) & 2147483647u) > 2139095040u), v_7, (bitcast<u32>(v_7) & 2147483647u) > 2139095040u);
    acc = v_8;
  }
  let v_9 = acc;
  var acc_1: f32 = 0.0f;
  let v_10 = select(max(bitcast<f32>(0xff800000u | zero_bits), v_9), v_9, (bitcast<u32>(v_9) & 2147483647u) > 2139095040u);
  for (var i_1 = 0; i_1 < 6; i_1 += 1) {
    let v_11 = in0[(v + i_1 * 4) >> 2u];
    let v_12 = v_11.x - v_10;
    let v_13 = select(v_12 + 1.0f, exp(v_12), bitcast<u32>(abs(v_12)) - 855638016u <= 1283457024u);
    let v_14 = v_11.y - v_10;
    let v_15 = select(v_14 + 1.0f, exp(v_14), bitcast<u32>(abs(v_14)) - 855638016u <= 1283457024u);
    let v_16 = v_11.z - v_10;
    let v_17 = select(v_16 + 1.0f, exp(v_16), bitcast<u32>(abs(v_16)) - 855638016u <= 1283457024u);
    let v_18 = v_11.w - v_10;
    let v_19 = select(v_18 + 1.0f, exp(v_18), bitcast<u32>(abs(v_18)) - 855638016u <= 1283457024u);
    acc_1 = acc_1 + (v_13 + v_15 + (v_17 + v_19));
  }
  let v_20 = acc_1;
  for (var i_2 = 0; i_2 < 6; i_2 += 1) {
    let v_21 = v + i_2 * 4;
    let v_22 = in0[v_21 >> 2u];
    let v_23 = v_22.x - v_10;
    let v_24 = select(v_23 + 1.0f, exp(v_23), bitcast<u32>(abs(v_23)) - 855638016u <= 1283457024u);
    let v_25 = v_22.y - v_10;
    let v_26 = select(v_25 + 1.0f, exp(v_25), bitcast<u32>(abs(v_25)) - 855638016u <= 1283457024u);
    let v_27 = v_22.z - v_10;
    let v_28 = select(v_27 + 1.0f, exp(v_27), bitcast<u32>(abs(v_27)) - 855638016u <= 1283457024u);
    let v_29 = v_22.w - v_10;
    let v_30 = select(v_29 + 1.0f, exp(v_29), bitcast<u32>(abs(v_29)) - 855638016u <= 1283457024u);
    out0[v_21 >> 2u] = vec4<f32>(v_24 / v_20, v_26 / v_20, v_28 / v_20, v_30 / v_20);
  }
}
