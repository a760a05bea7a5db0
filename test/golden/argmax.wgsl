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
  let v = local_x * 16;
  for (var i = 0; i < 4; i += 1) {
    let v_1 = acc;
    let v_2 = acc_1;
    let v_3 = i * 4;
    let v_4 = in0[(v + v_3) >> 2u];
    let v_5 = bitcast<i32>(v_4.x);
    let v_6 = select((select(v_5, i32(-2147483647 - 1) - v_5, (v_5 < 0))), 2147483647, (bitcast<u32>(v_4.x) & 2147483647u) > 2139095040u);
    let v_7 = v_3 + 1;
    let v_8 = bitcast<i32>(v_4.y);
    let v_9 = select((select(v_8, i32(-2147483647 - 1) - v_8, (v_8 < 0))), 2147483647, (bitcast<u32>(v_4.y) & 2147483647u) > 2139095040u);
    let v_10 = v_3 + 2;
    let v_11 = bitcast<i32>(v_4.z);
    let v_12 = select((select(v_11, i32(-2147483647 - 1) - v_11, (v_11 < 0))), 2147483647, (bitcast<u32>(v_4.z) & 2147483647u) > 2139095040u);
    let v_13 = v_3 + 3;
    let v_14 = bitcast<i32>(v_4.w);
    let v_15 = select((select(v_14, i32(-2147483647 - 1) - v_14, (v_14 < 0))), 2147483647, (bitcast<u32>(v_4.w) & 2147483647u) > 2139095040u);
    let v_16 = (v_9 > v_6) | ((v_6 == v_9) & (v_7 < v_3));
    let v_17 = select(v_6, v_9, v_16);
    let v_18 = select(v_3, v_7, v_16);
    let v_19 = (v_15 > v_12) | ((v_12 == v_15) & (v_13 < v_10));
    let v_20 = select(v_12, v_15, v_19);
    let v_21 = select(v_10, v_13, v_19);
    let v_22 = (v_20 > v_17) | ((v_17 == v_20) & (v_21 < v_18));
    let v_23 = select(v_17, v_20, v_22);
    let v_24 = select(v_18, v_21, v_22);
    let v_25 = (v_23 > v_1) | ((v_1 == v_23) & (v_24 < v_2));
    acc = select(v_1, v_23, v_25);
    acc_1 = select(v_2, v_24, v_25);
  }
  out0[local_x] = acc_1;
}
