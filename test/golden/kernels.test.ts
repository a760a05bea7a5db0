/** WGSL of a few kernels, for reviewers: what a change does to them shows in the diff. `UPDATE_GOLDEN=1` writes them anew. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { DType } from "../../packages/jaxscale/src/base/dtypes.ts";
import { lavapipe } from "./targets.ts";
import "../setup.ts";

const { jit, lax, nn, numpy: jnp } = jax;
type A = jax.Array;

const folder = fileURLToPath(new URL(".", import.meta.url));
const update = process.env.UPDATE_GOLDEN === "1";

const struct = (shape: readonly number[], dtype: DType = "float32"): A =>
  new jax.ShapeDtypeStruct(shape, dtype) as unknown as A;

const kernels: Readonly<Record<string, readonly [f: (...args: A[]) => unknown, ...types: A[]]>> = {
  elementwise_f32: [(x, y) => x.mul(y).add(1), struct([1000]), struct([1000])],
  // 7 elements: the last word holds one.
  elementwise_bf16_odd: [(x, y) => x.mul(y), struct([7], "bfloat16"), struct([7], "bfloat16")],
  elementwise_int8: [(x) => x.add(x), struct([6], "int8")],
  softmax: [(x) => nn.softmax(x), struct([4, 24])],
  rms_norm: [
    (x, gain) => x.mul(lax.rsqrt(jnp.mean(x.mul(x), { axis: -1, keepdims: true }).add(1e-6))).mul(gain),
    struct([4, 256]),
    struct([256]),
  ],
  gemm: [(x, w) => x.dot(w), struct([16, 32]), struct([32, 64])],
  gemm_bias_silu_residual: [
    (x, w, b, r) => nn.silu(x.dot(w).add(b)).add(r),
    struct([16, 32]),
    struct([32, 64]),
    struct([64]),
    struct([16, 64]),
  ],
  gemv_f32: [(x, w) => x.dot(w), struct([1, 128]), struct([128, 64])],
  gemv_bf16_rows: [(x, w) => x.dot(w.T), struct([1, 128]), struct([64, 128], "bfloat16")],
  transpose: [(x) => x.T, struct([8, 12])],
  gather_rows: [
    (table, ids) => jnp.take(table, ids, { axis: 0, mode: "clip" }),
    struct([100, 16], "bfloat16"),
    struct([3], "int32"),
  ],
  dynamic_update_slice_bf16: [
    (cache, row, i) => lax.dynamicUpdateSlice(cache, row, [i, 0]),
    struct([8, 3], "bfloat16"),
    struct([1, 3], "bfloat16"),
    struct([], "int32"),
  ],
  scatter_add: [(x, ids, updates) => x.at(ids).add(updates), struct([8, 4]), struct([5], "int32"), struct([5, 4])],
  cumsum: [(x) => jnp.cumsum(x, { axis: 1 }), struct([4, 16])],
  argmax: [(x) => jnp.argmax(x, { axis: 1 }), struct([4, 16])],
  convert_f32_to_bf16: [(x) => x.astype("bfloat16"), struct([16])],
};

for (const [name, [f, ...types]] of Object.entries(kernels))
  test(`the WGSL of ${name} is as reviewed`, () => {
    const path = join(folder, `${name}.wgsl`);
    const text = `${jit(f, { name })
      .lower(...types)
      .asText("wgsl", lavapipe)
      .trimEnd()}\n`;
    if (update) writeFileSync(path, text);
    assert.snapshot(text, readFileSync(path, "utf8"));
  });

test("every golden file belongs to a kernel", () => {
  const files = readdirSync(folder).filter((name) => name.endsWith(".wgsl"));
  assert.equal(
    files.sort(),
    Object.keys(kernels)
      .map((name) => `${name}.wgsl`)
      .sort(),
  );
});

test.run();
