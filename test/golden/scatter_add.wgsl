// add_select_n_lt_int32
@group(0) @binding(0) var<storage, read_write> out0: array<vec4<i32>>;
@group(0) @binding(1) var<storage, read> in0: array<vec4<i32>>;

@compute @workgroup_size(2, 1, 1)
fn main(
  @builtin(local_invocation_id) local_invocation_id: vec3<u32>,
) {
  let local_x = i32(local_invocation_id.x);
  if (local_x < 1) {
    let v = local_x * 4;
    let v_1 = in0[v >> 2u];
    let v_2 = vec4<i32>((select(v_1.x, v_1.x + 8, (v_1.x < 0))), (select(v_1.y, v_1.y + 8, (v_1.y < 0))), (select(v_1.z, v_1.z + 8, (v_1.z < 0))), (select(v_1.w, v_1.w + 8, (v_1.w < 0))));
    out0[v >> 2u] = v_2;
  }
  if (local_x == 0) {
    let v_3 = in0[4 >> 2u].x;
    let v_4 = select(v_3, v_3 + 8, (v_3 < 0));
    out0[4 >> 2u] = vec4<i32>(v_4, v_4, v_4, v_4);
  }
}


// scatter_add_float32
@group(0) @binding(0) var<storage, read_write> out0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> in0: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> in1: array<i32>;
@group(0) @binding(3) var<storage, read> in2: array<vec4<f32>>;

@compute @workgroup_size(8, 1, 1)
fn main(
  @builtin(local_invocation_id) local_invocation_id: vec3<u32>,
) {
  let local_x = i32(local_invocation_id.x);
  let v = local_x * 4;
  let v_1 = in0[v >> 2u];
  var scattered: f32 = v_1.x;
  for (var i = 0; i < 5; i += 1) {
    let v_2 = in1[i];
    let v_3 = min(max(v_2, 0), 7);
    let v_4 = local_x + v_3 * (-1);
    if ((v_2 == v_3) & ((v_4 >= 0) & (v_4 < 1))) {
      scattered = scattered + in2[(i * 4) >> 2u].x;
    }
  }
  var scattered_1: f32 = v_1.y;
  for (var i_1 = 0; i_1 < 5; i_1 += 1) {
    let v_5 = in1[i_1];
    let v_6 = min(max(v_5, 0), 7);
    let v_7 = local_x + v_6 * (-1);
    if ((v_5 == v_6) & ((v_7 >= 0) & (v_7 < 1))) {
      scattered_1 = scattered_1 + in2[(i_1 * 4) >> 2u].y;
    }
  }
  var scattered_2: f32 = v_1.z;
  for (var i_2 = 0; i_2 < 5; i_2 += 1) {
    let v_8 = in1[i_2];
    let v_9 = min(max(v_8, 0), 7);
    let v_10 = local_x + v_9 * (-1);
    if ((v_8 == v_9) & ((v_10 >= 0) & (v_10 < 1))) {
      scattered_2 = scattered_2 + in2[(i_2 * 4) >> 2u].z;
    }
  }
  var scattered_3: f32 = v_1.w;
  for (var i_3 = 0; i_3 < 5; i_3 += 1) {
    let v_11 = in1[i_3];
    let v_12 = min(max(v_11, 0), 7);
    let v_13 = local_x + v_12 * (-1);
    if ((v_11 == v_12) & ((v_13 >= 0) & (v_13 < 1))) {
      scattered_3 = scattered_3 + in2[(i_3 * 4) >> 2u].w;
    }
  }
  out0[v >> 2u] = vec4<f32>(scattered, scattered_1, scattered_2, scattered_3);
}
