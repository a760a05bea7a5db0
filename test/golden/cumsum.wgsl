// cumsum_float32
@group(0) @binding(0) var<storage, read_write> out0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> in0: array<vec4<f32>>;

@compute @workgroup_size(4, 1, 1)
fn main(
  @builtin(local_invocation_id) local_invocation_id: vec3<u32>,
) {
  let local_x = i32(local_invocation_id.x);
  var sum: f32 = 0.0f;
  let v = local_x * 16;
  for (var i = 0; i < 4; i += 1) {
    let v_1 = v + i * 4;
    let v_2 = in0[v_1 >> 2u];
    let v_3 = sum + v_2.x;
    let v_4 = v_3 + v_2.y;
    let v_5 = v_4 + v_2.z;
    let v_6 = v_5 + v_2.w;
    sum = v_6;
    out0[v_1 >> 2u] = vec4<f32>(v_3, v_4, v_5, v_6);
  }
}
