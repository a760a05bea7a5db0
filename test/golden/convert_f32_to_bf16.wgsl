// convert_element_type_bfloat16
@group(0) @binding(0) var<storage, read_write> out0: array<vec2<u32>>;
@group(0) @binding(1) var<storage, read> in0: array<vec4<f32>>;

@compute @workgroup_size(4, 1, 1)
fn main(
  @builtin(local_invocation_id) local_invocation_id: vec3<u32>,
) {
  let local_x = i32(local_invocation_id.x);
  let v = in0[(local_x * 4) >> 2u];
  let v_1 = bitcast<u32>(v.x);
  let v_2 = select(v_1 + (((v_1 >> 16u) & 1u) + 32767u), v_1 | 4194304u, (v_1 & 2147483647u) > 2139095040u);
  let v_3 = bitcast<u32>(v.y);
  let v_4 = select(v_3 + (((v_3 >> 16u) & 1u) + 32767u), v_3 | 4194304u, (v_3 & 2147483647u) > 2139095040u);
  let v_5 = bitcast<u32>(v.z);
  let v_6 = select(v_5 + (((v_5 >> 16u) & 1u) + 32767u), v_5 | 4194304u, (v_5 & 2147483647u) > 2139095040u);
  let v_7 = bitcast<u32>(v.w);
  let v_8 = select(v_7 + (((v_7 >> 16u) & 1u) + 32767u), v_7 | 4194304u, (v_7 & 2147483647u) > 2139095040u);
  let v_9 = vec2<u32>(((v_2 & 4294901760u) >> 16u) | (((v_4 & 4294901760u) >> 16u) << 16u), ((v_6 & 4294901760u) >> 16u) | (((v_8 & 4294901760u) >> 16u) << 16u));
  out0[(local_x * 2) >> 1u] = v_9;
}
