/** Arrays out of nothing that are wanted in parts: each device makes its own part of the same numbers. */
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { counting, onMesh, tensor } from "./on-mesh.ts";

const { numpy: jnp, lax, random } = jax;
type A = jax.Array;

const meshes = [
  { mesh: { x: 8 }, rows: ["x"], local: 2 },
  { mesh: { x: 2, y: 4 }, rows: ["y", "x"], local: 2 },
  { mesh: { x: 2, y: 2, z: 2 }, rows: ["z", "x"], local: 4 },
  { mesh: { x: 1, y: 4 }, rows: ["x", "y"], local: 4 },
] as const;

test("iota counts from where a device's part begins", async () => {
  for (const { mesh, rows, local } of meshes)
    for (const dtype of ["int32", "uint8", "float32", "bfloat16"] as const) {
      const { text, moves, specs } = await onMesh((x: A): A => lax.broadcastedIota(dtype, [3, 16], 1).add(x), {
        mesh,
        args: [counting([3, 16], dtype)],
        specs: [[null, rows]],
      });
      assert.match(text, new RegExp(`shape=\\(3, ${local}\\)`));
      assert.equal(moves, []);
      assert.match(specs[0], /^P\(None, \(?'/);
    }
});

test("masks by position follow what they mask", async () => {
  const causal = (logits: A): A => {
    const [queries, keys] = logits.shape;
    const place = (axis: number): A => lax.broadcastedIota("int32", [queries, keys], axis);
    return jnp.where(place(0).greaterEqual(place(1)), logits, -1e9);
  };
  const { moves, text } = await onMesh(causal, {
    mesh: { x: 4, y: 2 },
    args: [counting([8, 16], "float32")],
    specs: [["y", "x"]],
  });
  assert.equal(moves, []);
  assert.not.match(text, /own_part|\[8,16\]/);
});

test("each device draws its part of the stream: the numbers are those of one device", async () => {
  for (const { mesh, rows, local } of meshes)
    for (const spec of [[rows], [null, rows]]) {
      const draw = (x: A): A[] => [
        random.normal(random.key(7), [16, 16]).add(x),
        random.uniform(random.key(7), [16, 16], { dtype: "bfloat16" }).add(x.astype("bfloat16")),
        random.bits(random.key(3), [16, 16], { dtype: "uint8" }).add(x.astype("uint8")),
      ];
      const { moves, text } = await onMesh(draw, { mesh, args: [counting([16, 16], "float32")], specs: [spec] });
      assert.equal(moves, []);
      const shape = spec.length === 1 ? `${local}, 16` : `16, ${local}`;
      assert.is(text.split(`shape=(${shape}) within=(16, 16)`).length, 4, text);
    }
});

test("draws of many keys are split by keys and by positions", async () => {
  const f = (keys: A, x: A): A =>
    jax
      .vmap((key: A) => random.bits(key, [4, 8]))(keys)
      .add(x);
  const { moves } = await onMesh(f, {
    mesh: { x: 2, y: 2, z: 2 },
    args: [tensor([6, 2], "uint32", [1, 2, 3, 4, 2 ** 32 - 1, 6, 7]), counting([6, 4, 8], "uint32")],
    specs: [["z"], [null, "x", "y"]],
  });
  assert.equal(moves, []);
});

test.run();
