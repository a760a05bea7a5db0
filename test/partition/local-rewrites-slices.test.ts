/** Slices and updates along dimensions that devices split. */
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { counting, meshes, onMesh, tensor } from "./on-mesh.ts";

const { lax } = jax;
type A = jax.Array;

const places = [-5, 0, 7, 13, 100];

test("a small slice of a split axis is put together by one all-reduce, a large one is cut out of the whole", async () => {
  for (const { mesh, rows } of meshes)
    for (const dtype of ["float32", "bfloat16", "int8", "bool"] as const)
      for (const start of places)
        for (const size of [0, 1, 3, 8, 11]) {
          const { moves } = await onMesh((x: A, at: A): A => lax.dynamicSlice(x, [at, 0], [size, 3]), {
            mesh,
            args: [
              dtype === "bool" ? tensor([16, 3], dtype, [1, 0, 0, 1]) : counting([16, 3], dtype, -4),
              tensor([], "int32", [start]),
            ],
            specs: [[rows], []],
          });
          const kind = size > 8 ? "all_gather" : dtype === "bool" ? "pmax" : "psum";
          assert.ok(
            moves.every((move) => move.startsWith(kind)),
            `${moves}`,
          );
          assert.is(moves.length, size > 8 ? rows.length : 1);
        }
});

test("slices along two split axes, and beside one that is split and whole", async () => {
  for (const spec of [
    ["x", "y"],
    [null, "y", "x"],
    [["x", "y"], null, null],
    ["y", null, "x"],
  ])
    for (const [i, j] of [
      [0, 0],
      [5, 2],
      [9, -1],
    ]) {
      const { specs } = await onMesh((x: A, at: A, to: A): A => lax.dynamicSlice(x, [at, to, 0], [3, 2, 4]), {
        mesh: { x: 4, y: 2 },
        args: [counting([8, 4, 4], "float32"), tensor([], "int32", [i]), tensor([], "int32", [j])],
        specs: [spec, [], []],
      });
      assert.is(specs[0].includes("None, None, 'x'"), spec[2] === "x");
    }
});

test("a cache that is split along the sequence is updated by the devices that have the place, and nothing moves", async () => {
  for (const { mesh, rows } of meshes)
    for (const dtype of ["float32", "bfloat16", "int8", "bool"] as const)
      for (const start of places)
        for (const size of [0, 1, 3, 11]) {
          const { moves, specs } = await onMesh(
            (cache: A, row: A, at: A): A => lax.dynamicUpdateSlice(cache, row, [0, at, 0]),
            {
              mesh,
              args: [
                dtype === "bool" ? tensor([2, 16, 3], dtype, [1, 0, 0, 1]) : counting([2, 16, 3], dtype),
                dtype === "bool" ? tensor([2, size, 3], dtype, [0, 1]) : counting([2, size, 3], dtype, -20),
                tensor([], "int32", [start]),
              ],
              specs: [[null, rows], [], []],
            },
          );
          assert.equal(moves, []);
          assert.match(specs[0], /^P\(None, \(?'/);
        }
});

test("an update that covers an axis splits it as the operand does", async () => {
  const { moves } = await onMesh((x: A, u: A, at: A): A => lax.dynamicUpdateSlice(x, u, [at, 0]), {
    mesh: { x: 4, y: 2 },
    args: [counting([8, 4], "float32"), counting([2, 4], "float32", -8), tensor([], "int32", [3])],
    specs: [["x", "y"], [null, "y"], []],
  });
  assert.equal(moves, []);
});

test("the last place of a split sequence moves, not the sequence; what can lie in parts again is cut out of the whole", async () => {
  for (const { mesh, rows } of meshes) {
    const sliced = (start: number, limit: number) =>
      onMesh((x: A): A => lax.slice(x, { startIndices: [0, start, 0], limitIndices: [2, limit, 2] }), {
        mesh,
        args: [counting([2, 16, 3], "bfloat16")],
        specs: [[null, rows]],
      });
    assert.equal((await sliced(15, 16)).moves, ["psum uint16[2,1,2]"]);
    assert.equal((await sliced(6, 9)).moves, ["psum uint16[2,3,2]"]);
    const half = await sliced(8, 16);
    assert.ok(
      half.moves.every((move) => move.startsWith("all_gather")),
      `${half.moves}`,
    );
    assert.match(half.specs[0], /^P\(None, \(?'/);
  }
});

test.run();
