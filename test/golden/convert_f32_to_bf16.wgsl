// convert_element_type_bfloat16
@group(0) @binding(0) var<storage, read_write> out0: array<vec2<u32>>;
@group(0) @binding(1) var<storage, read> in0: array<vec4<f32>>;

@compute @workgroup_size(4, 1, 1)
fn main(
  @builtin(local_invocation_id) local_invocation_id: vec3<u32>,
) {
  let local_x = i32(local_invocation_id.x);
  let v = local_x;
  let v_1 = in0[(v * 4) >> 2u];
  let v_2 = bitcast<u32>(v_1.x);
  let v_3 = select(v_2 + (((v_2 >> 16u) & 1u) + 32767u), v_2 | 4194304u, (v_2 & 2147483647u) > 2139095040u);
  let v_4 = bitcast<u32>(v_1.y);
  let v_5 = select(v_4 + (((v_4 >> 16u) & 1u) + 32767u), v_4 | 4194304u, (v_4 & 2147483647u) > 2139095040u);
  let v_6 = bitcast<u32>(v_1.z);
  let v_7 = select(v_6 + (((v_6 >> 16u) & 1u) + 32767u), v_6 | 4194304u, (v_6 & 2147483647u) > 2139095040u);
  let v_8 = bitcast<u32>(v_1.w);
  let v_9 = select(v_8 + (((v_8 >> 16u) & 1u) + 32767u), v_8 | 4194304u, (v_8 & 2147483647u) > 2139095040u);
  let v_10 = vec2<u32>(((v_3 & 4294901760u) >> 16u) | (((v_5 & 4294901760u) >> 16u) << 16u), ((v_7 & 4294901760u) >> 16u) | (((v_9 & 4294901760u) >> 16u) << 16u));
  out0[(v * 2) >> 1u] = v_10;
}
