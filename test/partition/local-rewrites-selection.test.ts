/** argmax, argmin and top_k along dimensions that devices split: each device selects among its own, and the selections move. */
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { DType } from "../../packages/jaxscale/src/base/dtypes.ts";
import { counting, onMesh, tensor } from "./on-mesh.ts";

const { numpy: jnp, lax } = jax;
type A = jax.Array;

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
/** Rows of 16: ties on several devices, NaN on one and on several, zeros of both signs, infinities. */
const rows = [
  ...[3, 1, 2, 9, 0, 9, 4, 9, 1, -2, -2, 5, 9, 0, -2, 1],
  ...[0, 1, 2, 3, 4, 5, 6, nan, 8, 9, nan, 11, 12, nan, 14, inf],
  ...[-1, -0, 0, -0, 0, -3, -0, 0, 0, -0, -1, -2, -0, 0, 0, -3],
  ...Array<number>(16).fill(-inf),
  ...Array<number>(16).fill(inf),
  ...[inf, -inf, 1, 2, 3, 4, 5, 6, -inf, inf, 1, 2, 3, 4, 5, 6],
];
/** What `jax.numpy.argmax` and `argmin` give for them, in JAX 0.10. */
const argmaxOfJax = [3, 7, 1, 0, 0, 0];
const argminOfJax = [9, 7, 5, 0, 0, 1];

const meshes = [
  { mesh: { x: 8 }, spec: [null, "x"], axes: 1 },
  { mesh: { x: 2, y: 4 }, spec: [null, ["y", "x"]], axes: 2 },
  { mesh: { x: 2, y: 2, z: 2 }, spec: ["y", ["z", "x"]], axes: 2 },
  { mesh: { x: 1, y: 16 }, spec: [null, ["x", "y"]], axes: 2 },
] as const;

test("argmax and argmin along a split axis move a value and a position a row", async () => {
  for (const { mesh, spec } of meshes)
    for (const dtype of ["float32", "bfloat16", "int32", "uint8", "bool"] as const) {
      const f = (x: A): A[] => [jnp.argmax(x, { axis: 1 }), jnp.argmin(x, { axis: 1 })];
      const numbers = rows.map((x) => (dtype.includes("float") ? x : Number.isFinite(x) ? x + 3 : 0));
      const x = tensor([6, 16], dtype, dtype === "bool" ? rows.map((v) => Number(v > 4)) : numbers);
      const { moves, results } = await onMesh(f, { mesh, args: [x], specs: [spec] });
      const n = spec[0] === null ? 6 : 3;
      const value = `${dtype}[${n}]`;
      // The positions of the greatest are sent with the least values.
      assert.equal(moves, [`pmax ${value}`, `pmin int32[${n}]`, `pmin int32[${n}]`]);
      if (!dtype.includes("float")) continue;
      assert.equal([...results[0].values], argmaxOfJax);
      assert.equal([...results[1].values], argminOfJax);
    }
});

test("positions of narrow index dtypes are taken in int32 until the end", async () => {
  const { moves } = await onMesh((x: A): A => lax.argmax(x, { axis: 0, indexDtype: "uint8" }), {
    mesh: { x: 8 },
    args: [counting([160], "int32")],
    specs: [["x"]],
  });
  assert.equal(moves, ["pmax int32[]", "pmin int32[]"]);
});

test("top_k along a split axis moves the best of each device, with ties as in the whole", async () => {
  for (const { mesh, spec, axes } of meshes)
    for (const dtype of ["float32", "bfloat16", "int8", "uint32", "bool"] as readonly DType[])
      for (const k of [1, 2, 3, 16]) {
        const n = spec[0] === null ? 6 : 3;
        const x = tensor([6, 16], dtype, dtype.includes("float") ? rows : rows.map((v) => Math.abs(v) || 0));
        const { moves } = await onMesh((v: A): A[] => lax.topK(v, k), { mesh, args: [x], specs: [spec] });
        const devices = Object.values<number>(mesh).reduce((a, b) => a * b, 1) / (spec[0] === null ? 1 : 2);
        const candidates = Math.min(devices * k, 16);
        assert.is(moves.length, candidates < 16 ? 2 * axes : axes, `${moves}`);
        assert.is(moves[axes - 1], `all_gather ${dtype}[${n},${candidates}]`);
      }
});

test("greedy choice over a split vocabulary gathers no logits", async () => {
  const head = (x: A, w: A): A => jnp.argmax(x.dot(w), { axis: -1 });
  const { moves } = await onMesh(head, {
    mesh: { data: 2, tensor: 4 },
    args: [counting([4, 8], "float32", -3), counting([8, 64], "float32", 5, -1)],
    specs: [["data"], [null, "tensor"]],
  });
  assert.equal(moves, ["pmax float32[2]", "pmin int32[2]"]);
});

test.run();
