// gather_bfloat16
@group(0) @binding(0) var<storage, read_write> out0: array<vec2<u32>>;
@group(0) @binding(1) var<storage, read> in0: array<i32>;
@group(0) @binding(2) var<storage, read> in1: array<vec2<u32>>;

@compute @workgroup_size(8, 1, 1)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(local_invocation_id) local_invocation_id: vec3<u32>,
) {
  let workgroup_x = i32(workgroup_id.x);
  let local_x = i32(local_invocation_id.x);
  let v = workgroup_x * 8 + local_x;
  if (v < 12) {
    let v_1 = v;
    let v_2 = in1[(min(max(in0[v_1 / 4], 0), 99) * 8 + v_1 % 4 * 2) >> 1u];
    let v_3 = vec2<u32>(((v_2.x << 16u) >> 16u) | (((v_2.x & 4294901760u) >> 16u) << 16u), ((v_2.y << 16u) >> 16u) | (((v_2.y & 4294901760u) >> 16u) << 16u));
    out0[(v_1 * 2) >> 1u] = v_3;
  }
}
