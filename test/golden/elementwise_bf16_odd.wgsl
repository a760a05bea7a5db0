// mul_bfloat16
@group(0) @binding(0) var<storage, read_write> out0: array<vec2<u32>>;
@group(0) @binding(1) var<storage, read> in0: array<u32>;
@group(0) @binding(2) var<storage, read> in1: array<u32>;

@compute @workgroup_size(2, 1, 1)
fn main(
  @builtin(local_invocation_id) local_invocation_id: vec3<u32>,
) {
  let local_x = i32(local_invocation_id.x);
  if (local_x < 1) {
    let v = in0[0];
    let v_1 = in1[0];
    let v_2 = bitcast<u32>(bitcast<f32>(v << 16u) * bitcast<f32>(v_1 << 16u));
    let v_3 = select(v_2 + (((v_2 >> 16u) & 1u) + 32767u), v_2 | 4194304u, (v_2 & 2147483647u) > 2139095040u);
    let v_4 = bitcast<u32>(bitcast<f32>(v & 4294901760u) * bitcast<f32>(v_1 & 4294901760u));
    let v_5 = select(v_4 + (((v_4 >> 16u) & 1u) + 32767u), v_4 | 4194304u, (v_4 & 2147483647u) > 2139095040u);
    let v_6 = in0[0 + 1];
    let v_7 = in1[0 + 1];
    let v_8 = bitcast<u32>(bitcast<f32>(v_6 << 16u) * bitcast<f32>(v_7 << 16u));
    let v_9 = select(v_8 + (((v_8 >> 16u) & 1u) + 32767u), v_8 | 4194304u, (v_8 & 2147483647u) > 2139095040u);
    let v_10 = bitcast<u32>(bitcast<f32>(v_6 & 4294901760u) * bitcast<f32>(v_7 & 4294901760u));
    let v_11 = select(v_10 + (((v_10 >> 16u) & 1u) + 32767u), v_10 | 4194304u, (v_10 & 2147483647u) > 2139095040u);
    let v_12 = vec2<u32>(((v_3 & 4294901760u) >> 16u) | (((v_5 & 4294901760u) >> 16u) << 16u), ((v_9 & 4294901760u) >> 16u) | (((v_11 & 4294901760u) >> 16u) << 16u));
    out0[0 >> 1u] = v_12;
  }
  if (local_x == 0) {
    let v_13 = in0[0 + 2];
    let v_14 = in1[0 + 2];
    let v_15 = bitcast<u32>(bitcast<f32>(v_13 << 16u) * bitcast<f32>(v_14 << 16u));
    let v_16 = select(v_15 + (((v_15 >> 16u) & 1u) + 32767u), v_15 | 4194304u, (v_15 & 2147483647u) > 2139095040u);
    let v_17 = bitcast<u32>(bitcast<f32>(v_13 & 4294901760u) * bitcast<f32>(v_14 & 4294901760u));
    let v_18 = select(v_17 + (((v_17 >> 16u) & 1u) + 32767u), v_17 | 4194304u, (v_17 & 2147483647u) > 2139095040u);
    let v_19 = bitcast<u32>(bitcast<f32>(in0[0 + 3] << 16u) * bitcast<f32>(in1[0 + 3] << 16u));
    let v_20 = select(v_19 + (((v_19 >> 16u) & 1u) + 32767u), v_19 | 4194304u, (v_19 & 2147483647u) > 2139095040u);
    let v_21 = (v_20 & 4294901760u) >> 16u;
    let v_22 = vec2<u32>(((v_16 & 4294901760u) >> 16u) | (((v_18 & 4294901760u) >> 16u) << 16u), v_21 | (v_21 << 16u));
    out0[2 >> 1u] = v_22;
  }
}
