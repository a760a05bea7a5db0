// dynamic_update_slice_add_select_n_lt_bfloat16
@group(0) @binding(0) var<storage, read> in0: array<vec4<i32>>;
@group(0) @binding(1) var<storage, read_write> out0: array<atomic<u32>>;
@group(0) @binding(2) var<storage, read> in1: array<u32>;

@compute @workgroup_size(3, 1, 1)
fn main(
  @builtin(local_invocation_id) local_invocation_id: vec3<u32>,
) {
  let local_x = i32(local_invocation_id.x);
  let v = in0[0 >> 2u].x;
  let v_1 = min((max((select(v, v + 8, (v < 0))), 0)), 7) * 3 + local_x;
  let v_2 = u32(v_1 % 2) * 16u;
  let v_3 = v_1 / 2;
  atomicAnd(&out0[v_3], ~(65535u << v_2));
  let v_4 = ((((in1[local_x / 2] >> (u32(local_x % 2) * 16u)) & 65535u) << 16u) >> 16u) << v_2;
  atomicOr(&out0[v_3], v_4);
}
