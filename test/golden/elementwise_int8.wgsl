// add_int8
@group(0) @binding(0) var<storage, read_write> out0: array<u32>;
@group(0) @binding(1) var<storage, read> in0: array<u32>;

@compute @workgroup_size(2, 1, 1)
fn main(
  @builtin(local_invocation_id) local_invocation_id: vec3<u32>,
) {
  let local_x = i32(local_invocation_id.x);
  if (local_x < 1) {
    let v = in0[0];
    let v_1 = (bitcast<u32>((((bitcast<i32>(v << 16u) >> 24u) * 2) << 24u) >> 24u) & 255u) << 8u;
    let v_2 = (bitcast<u32>((((bitcast<i32>(v << 8u) >> 24u) * 2) << 24u) >> 24u) & 255u) << 16u;
    let v_3 = (bitcast<u32>((((bitcast<i32>(v << 24u) >> 24u) * 2) << 24u) >> 24u) & 255u) | v_1;
    let v_4 = (v_3 | v_2) | ((bitcast<u32>((((bitcast<i32>(v) >> 24u) * 2) << 24u) >> 24u) & 255u) << 24u);
    out0[0] = v_4;
  }
  if (local_x == 0) {
    let v_5 = in0[0 + 1];
    let v_6 = bitcast<u32>((((bitcast<i32>(v_5 << 16u) >> 24u) * 2) << 24u) >> 24u) & 255u;
    let v_7 = (bitcast<u32>((((bitcast<i32>(v_5 << 24u) >> 24u) * 2) << 24u) >> 24u) & 255u) | (v_6 << 8u);
    out0[1] = (v_7 | (v_6 << 16u)) | (v_6 << 24u);
  }
}
