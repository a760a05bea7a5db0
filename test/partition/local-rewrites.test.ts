/** Gathers and scatters along dimensions that devices split: what moves is their result, never the operand. */
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { dtypeNames } from "../../packages/jaxscale/src/base/dtypes.ts";
import { counting, meshes, onMesh, tensor } from "./on-mesh.ts";

const { numpy: jnp, lax } = jax;
type A = jax.Array;

const special = [-0, 1.5, Number.NaN, 2, Number.POSITIVE_INFINITY, -3, Number.NEGATIVE_INFINITY, 0, 5e-3, -7];
const ids = tensor([3, 4], "int32", [0, 15, 7, 8, -1, 16, 100, -16, -17, 3, 2 ** 31 - 1, -(2 ** 31)]);

test("an embedding whose vocabulary is split gathers no table: each device looks up its own rows, one all-reduce joins them", async () => {
  for (const { mesh, rows } of meshes)
    for (const mode of ["fill", "clip", "wrap"] as const)
      for (const dtype of dtypeNames) {
        const take = (table: A, at: A): A => jnp.take(table, at, { axis: 0, mode });
        const values = dtype === "bool" ? [1, 0, 0] : dtype.includes("float") ? special : [1, 2, 3, 100, 7];
        const { moves, specs } = await onMesh(take, {
          mesh,
          args: [tensor([16, 3], dtype, values), ids],
          specs: [[rows], []],
        });
        assert.is(moves.length, 1, `${mode} ${dtype}`);
        assert.match(moves[0], dtype === "bool" ? "pmax bool[3,4,3]" : /^psum u?int\d+\[3,4,3\]$/);
        assert.equal(specs, ["P()"]);
      }
});

test("the hidden dimension and the batch may be split too", async () => {
  const { moves, specs } = await onMesh((table: A, at: A): A => jnp.take(table, at, { axis: 0 }), {
    mesh: { data: 2, tensor: 2, hidden: 2 },
    args: [counting([8, 6], "bfloat16"), tensor([4, 3], "int32", [0, 7, 3, 9, -1, 4])],
    specs: [["tensor", "hidden"], ["data"]],
  });
  assert.equal(moves, ["psum uint16[2,3,3]"]);
  assert.equal(specs, ["P('data', None, 'hidden')"]);
});

test("of a table and a batch that one axis splits the larger stays: parameters of FSDP are not gathered for few tokens", async () => {
  const take = (table: A, at: A): A => jnp.take(table, at, { axis: 0, mode: "clip" }).mul(2);
  const on = (vocabulary: number) =>
    onMesh(take, {
      mesh: { data: 4 },
      args: [counting([vocabulary, 3], "float32"), tensor([8], "int32", [0, 15, 7, 9, 1, 4])],
      specs: [["data"], ["data"]],
    });
  const few = await on(32);
  assert.equal(few.moves, ["all_gather int32[8,1]", "reduce_scatter uint32[2,3]"]);
  assert.equal(few.specs, ["P('data',)"]);
  const many = await on(16);
  assert.equal(many.moves, ["all_gather float32[16,3]"]);
  assert.equal(many.specs, ["P('data',)"]);
});

test("indices of narrow and unsigned dtypes count past what they can hold", async () => {
  for (const dtype of ["int8", "uint8", "uint16", "uint32"] as const)
    await onMesh((table: A, at: A): A => jnp.take(table, at, { axis: 0 }), {
      mesh: { x: 4 },
      args: [
        counting([512, 1], "float32"),
        tensor([4], dtype, dtype === "uint32" ? [0, 511, 2 ** 32 - 1, 300] : [0, 1, 127, 99]),
      ],
      specs: [["x"], []],
    });
});

test("windows, several indexed dimensions and batching dimensions", async () => {
  const x = counting([8, 4, 8], "float32", -3);
  // Windows of three rows that lie on two devices, or stick out.
  const windows =
    (mode: "fill" | "clip") =>
    (y: A, at: A): A =>
      lax.gather(y, at, {
        dimensionNumbers: {
          offsetDims: [0, 2],
          collapsedSliceDims: [1],
          startIndexMap: [1, 0],
          operandBatchingDims: [],
          startIndicesBatchingDims: [],
        },
        sliceSizes: [3, 1, 5],
        mode,
      });
  for (const mode of ["fill", "clip"] as const)
    for (const spec of [["x"], ["x", "y"], [null, "x", "y"], ["y", null, "x"]])
      await onMesh(windows(mode), {
        mesh: { x: 4, y: 2 },
        args: [x, tensor([5, 2], "int32", [0, 1, 3, 3, 2, 7, -1, 5, 1, 0])],
        specs: [spec, []],
      });
  const along = await onMesh((y: A, at: A): A => jnp.takeAlongAxis(y, at, { axis: 1 }), {
    mesh: { x: 2, y: 4 },
    args: [counting([4, 8], "float32"), tensor([4, 3], "int32", [0, 7, 3, 9, -1, 4])],
    specs: [["x", "y"], ["x"]],
  });
  assert.equal(along.moves, ["psum uint32[2,3]"]);
});

test("scatters into a split dimension write only what is the device's own, and move no table", async () => {
  const at = tensor([3, 4], "int32", [0, 15, 7, 8, -1, 16, 100, -16, -17, 3, 2 ** 31 - 1, 3]);
  type Scatter = (x: A, i: A, u: A, options: jax.lax.ScatterOptions) => A;
  const numbers = { updateWindowDims: [2], insertedWindowDims: [0], scatterDimsToOperandDims: [0] };
  const scatters: readonly Scatter[] = [lax.scatterAdd, lax.scatterMin, lax.scatterMax, lax.scatterMul];
  for (const { mesh, rows } of meshes)
    for (const mode of ["drop", "clip", "promise_in_bounds"] as const)
      for (const [i, scatter] of scatters.entries()) {
        const f = (x: A, where: A, u: A): A =>
          scatter(x, lax.expandDims(where, [2]), u, { dimensionNumbers: numbers, mode } as jax.lax.ScatterOptions);
        const dtype = (["float32", "bfloat16", "int8", "int32"] as const)[i];
        const { moves, specs } = await onMesh(f, {
          mesh,
          args: [counting([16, 3], dtype), at, counting([3, 4, 3], dtype, -18)],
          specs: [[rows], [], []],
        });
        assert.equal(moves, []);
        assert.match(specs[0], /^P\(\(?'/);
      }
});

test("scattered windows that lie on two devices are written by both, those that stick out by none", async () => {
  const numbers = { updateWindowDims: [0, 2], insertedWindowDims: [1], scatterDimsToOperandDims: [1, 0] };
  for (const mode of ["drop", "clip"] as const)
    for (const spec of [["x"], ["x", "y"], [null, "x", "y"], ["y", null, "x"]])
      await onMesh(
        (x: A, at: A, u: A): A =>
          lax.scatter(x, at, u, { dimensionNumbers: numbers, mode, uniqueIndices: true } as jax.lax.ScatterOptions),
        {
          mesh: { x: 4, y: 2 },
          args: [
            counting([8, 4, 8], "float32"),
            tensor([3, 2], "int32", mode === "drop" ? [0, 1, 3, 3, -1, 5] : [0, 1, 3, 9, 2, -4]),
            counting([3, 3, 5], "float32", -100),
          ],
          specs: [spec, [], []],
        },
      );
});

test("the gradient of an embedding whose vocabulary is split stays split: no all-reduce of the table", async () => {
  const loss = (table: A, at: A, weights: A): A => jnp.sum(jnp.take(table, at, { axis: 0, mode: "clip" }).mul(weights));
  const { moves, text } = await onMesh(jax.grad(loss), {
    mesh: { data: 2, tensor: 4 },
    args: [counting([16, 8], "float32"), tensor([4], "int32", [0, 15, 7, 7]), counting([4, 8], "float32", -5)],
    specs: [["tensor"], ["data"], ["data"]],
    wanted: [["tensor"]],
  });
  // Places and cotangents of the batch, and nothing of the table's shape; nobody asks for the rows or the loss.
  assert.equal(moves, ["all_gather int32[4,1]", "all_gather float32[4,8]"]);
  assert.match(text, /f32\[4,8\] = scatter-add/);
});

test.run();
