/** Folds along dimensions that devices split: each folds its own, what moves is one number a row and device. */
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { counting, meshes, onMesh, tensor } from "./on-mesh.ts";

const { lax } = jax;
type A = jax.Array;

const eighths = [-0.125, 0.25, 1, 0.5, -2, 1.75, 0, -1, 3];

test("running folds are those of the parts, combined with the totals before them", async () => {
  for (const { mesh, rows } of meshes)
    for (const reverse of [false, true])
      for (const fold of [lax.cumsum, lax.cummax, lax.cummin, lax.cumprod])
        for (const dtype of ["float32", "bfloat16", "int8", "uint32"] as const) {
          const values = dtype.includes("float") ? eighths : [3, 1, 7, 2, 200, 5];
          const { moves, specs } = await onMesh((x: A): A => fold(x, { axis: 1, reverse }), {
            mesh,
            args: [tensor([3, 16], dtype, values)],
            specs: [[null, rows]],
            // Products of these are exact in float32, but not in bfloat16.
            ...(dtype === "bfloat16" && { tolerance: 2 ** -8 }),
          });
          const rounds = fold === lax.cumsum || fold === lax.cumprod;
          const kept = dtype === "bfloat16" && rounds ? "float32" : dtype;
          assert.is(moves.at(-1), `all_gather ${kept}[3,${Object.values<number>(mesh).reduce((a, b) => a * b, 1)}]`);
          assert.is(moves.length, rows.length);
          assert.match(specs[0], /^P\(None, \(?'/);
        }
});

test("NaN spreads from where it is, over devices too, and infinities cancel as on one device", async () => {
  const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
  const x = tensor([4, 8], "float32", [
    ...[1, 2, nan, 4, 5, 6, 7, 8],
    ...[1, 2, 3, 4, 5, 6, 7, nan],
    ...[-0, -0, inf, 1, -inf, 2, 3, 4],
    ...[-inf, -inf, -inf, 0, -inf, 1, inf, 2],
  ]);
  for (const reverse of [false, true])
    for (const fold of [lax.cumsum, lax.cummax, lax.cummin, lax.cumprod, lax.cumlogsumexp])
      await onMesh((v: A): A => fold(v, { axis: 1, reverse }), {
        mesh: { x: 4 },
        args: [x],
        specs: [[null, "x"]],
        tolerance: 1e-6,
      });
});

test("nothing is folded of an axis without elements", async () => {
  const { specs } = await onMesh((x: A): A => lax.cumsum(x, { axis: 0 }), {
    mesh: { x: 4 },
    args: [counting([0, 3], "float32")],
    specs: [["x"]],
  });
  assert.equal(specs, ["P('x',)"]);
});

test("products and bits, which no collective combines, are combined from the partial results of all", async () => {
  for (const { mesh, rows } of meshes) {
    const count = Object.values<number>(mesh).reduce((a, b) => a * b, 1);
    for (const [fold, dtype] of [
      [lax.reduceProd, "float32"],
      [lax.reduceProd, "bfloat16"],
      [lax.reduceProd, "int32"],
      [lax.reduceAnd, "int16"],
      [lax.reduceOr, "int32"],
      [lax.reduceOr, "uint8"],
      [lax.reduceXor, "int8"],
      [lax.reduceXor, "bool"],
    ] as const) {
      const values = dtype.includes("float")
        ? [1.5, -2, 0.5, 1, -1]
        : dtype === "bool"
          ? [1, 0, 1]
          : [1, 2, 5, 12, 9, 7];
      const { moves } = await onMesh((x: A): A => fold(x, [0]), {
        mesh,
        args: [tensor([16, 3], dtype, values)],
        specs: [[rows]],
      });
      assert.is(moves.at(-1), `all_gather ${dtype.includes("float") ? "float32" : dtype}[${count},3]`);
    }
    for (const fold of [lax.reduceAnd, lax.reduceOr]) {
      const { moves } = await onMesh((x: A): A => fold(x, [0]), {
        mesh,
        args: [tensor([16, 3], "bool", [1, 1, 0, 1, 0])],
        specs: [[rows]],
      });
      assert.equal(moves, [`${fold === lax.reduceAnd ? "pmin" : "pmax"} bool[3]`]);
    }
  }
});

test.run();
