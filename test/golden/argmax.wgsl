// argmax_int32
@group(0) @binding(0) var<storage, read_write> out0: array<i32>;
@group(0) @binding(1) var<storage, read> in0: array<vec4<f32>>;

@compute @workgroup_size(4, 1, 1)
fn main(
  @builtin(local_invocation_id) local_invocation_id: vec3<u32>,
) {
  let local_x = i32(local_invocation_id.x);
  var acc: i32 = i32(-2147483647 - 1);
  var acc_1: i32 = 2147483647;
  let v = local_x;
  let v_1 = v * 16;
  for (var i = 0; i < 4; i += 1) {
    let v_2 = acc;
    let v_3 = acc_1;
    let v_4 = i * 4;
    let v_5 = in0[(v_1 + v_4) >> 2u];
    let v_6 = bitcast<i32>(v_5.x);
    let v_7 = select((select(v_6, i32(-2147483647 - 1) - v_6, (v_6 < 0))), 2147483647, (bitcast<u32>(v_5.x) & 2147483647u) > 2139095040u);
    let v_8 = v_4 + 1;
    let v_9 = bitcast<i32>(v_5.y);
    let v_10 = select((select(v_9, i32(-2147483647 - 1) - v_9, (v_9 < 0))), 2147483647, (bitcast<u32>(v_5.y) & 2147483647u) > 2139095040u);
    let v_11 = v_4 + 2;
    let v_12 = bitcast<i32>(v_5.z);
    let v_13 = select((select(v_12, i32(-2147483647 - 1) - v_12, (v_12 < 0))), 2147483647, (bitcast<u32>(v_5.z) & 2147483647u) > 2139095040u);
    let v_14 = v_4 + 3;
    let v_15 = bitcast<i32>(v_5.w);
    let v_16 = select((select(v_15, i32(-2147483647 - 1) - v_15, (v_15 < 0))), 2147483647, (bitcast<u32>(v_5.w) & 2147483647u) > 2139095040u);
    let v_17 = (v_10 > v_7) | ((v_7 == v_10) & (v_8 < v_4));
    let v_18 = select(v_7, v_10, v_17);
    let v_19 = select(v_4, v_8, v_17);
    let v_20 = (v_16 > v_13) | ((v_13 == v_16) & (v_14 < v_11));
    let v_21 = select(v_13, v_16, v_20);
    let v_22 = select(v_11, v_14, v_20);
    let v_23 = (v_21 > v_18) | ((v_18 == v_21) & (v_22 < v_19));
    let v_24 = select(v_18, v_21, v_23);
    let v_25 = select(v_19, v_22, v_23);
    let v_26 = (v_24 > v_2) | ((v_2 == v_24) & (v_25 < v_3));
    acc = select(v_2, v_24, v_26);
    acc_1 = select(v_3, v_25, v_26);
  }
  out0[v] = acc_1;
}
