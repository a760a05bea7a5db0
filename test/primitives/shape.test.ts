import { test } from "uvu";
import * as assert from "uvu/assert";
import type { DType } from "../../packages/jaxscale/src/base/dtypes.ts";
import { canonicalAxes, canonicalAxis, type Shape, sizeOf } from "../../packages/jaxscale/src/base/shapes.ts";
import { type Params, shapedArray } from "../../packages/jaxscale/src/jaxpr/ir.ts";
import { broadcastInDim } from "../../packages/jaxscale/src/primitives/broadcast.ts";
import { concatenate } from "../../packages/jaxscale/src/primitives/concatenate.ts";
import { iota } from "../../packages/jaxscale/src/primitives/creation.ts";
import { reshapeFactors } from "../../packages/jaxscale/src/primitives/factors.ts";
import { pad } from "../../packages/jaxscale/src/primitives/pad.ts";
import { reshape, rev, squeeze, transpose } from "../../packages/jaxscale/src/primitives/shape.ts";
import { slice, split } from "../../packages/jaxscale/src/primitives/slice.ts";
import { checkAgainstGolden, type Mapping } from "./golden-checks.ts";

const axesOf = (value: unknown, rank: number): number[] => canonicalAxes("test", value as number[] | null, rank);

/** How a case's op is one primitive. */
const mappings: Readonly<Record<string, Mapping>> = {
  "lax.transpose": ({ params }) => ({ primitive: transpose, params }),
  "lax.slice": ({ params: p }) => ({
    primitive: slice,
    params: { startIndices: p.start_indices, limitIndices: p.limit_indices, strides: p.strides ?? null },
  }),
  "lax.pad": ({ params: p }) => ({ primitive: pad, params: { paddingConfig: p.padding_config } }),
  "lax.rev": ({ params }) => ({ primitive: rev, params }),
  "lax.concatenate": ({ params }) => ({ primitive: concatenate, params }),
  "lax.broadcast_in_dim": ({ params: p }) => ({
    primitive: broadcastInDim,
    params: { shape: p.shape, broadcastDimensions: p.broadcast_dimensions },
  }),
  "lax.broadcasted_iota": ({ params }) => ({ primitive: iota, params }),
  "lax.iota": ({ params: p }) => ({ primitive: iota, params: { dtype: p.dtype, shape: [p.size], dimension: 0 } }),
  "jnp.reshape": ({ params: p }, [x]) => ({
    primitive: reshape,
    params: { newSizes: filled(p.shape as number | number[], x.shape) },
  }),
  "jnp.ravel": (_, [x]) => ({ primitive: reshape, params: { newSizes: [sizeOf(x.shape)] } }),
  "jnp.flip": ({ params: p }, [x]) => ({ primitive: rev, params: { dimensions: axesOf(p.axis, x.shape.length) } }),
  "jnp.squeeze": ({ params: p }, [x]) => ({
    primitive: squeeze,
    params: { dimensions: p.axis === undefined || p.axis === null ? onesOf(x.shape) : axesOf(p.axis, x.shape.length) },
  }),
  "jnp.expand_dims": ({ params: p }, [x], [out]) => {
    const added = axesOf(p.axis, out.shape.length);
    const kept = out.shape.map((_, axis) => axis).filter((axis) => !added.includes(axis));
    assert.is(kept.length, x.shape.length);
    return { primitive: broadcastInDim, params: { shape: out.shape, broadcastDimensions: kept } };
  },
  "jnp.concatenate": ({ params: p }, inputs) =>
    inputs.every((x) => x.dtype === inputs[0].dtype) && p.axis !== null
      ? {
          primitive: concatenate,
          params: { dimension: canonicalAxis("test", (p.axis as number) ?? 0, inputs[0].shape.length) },
        }
      : undefined,
  "jnp.split": ({ params: p }, [x], outputs) => {
    const axis = canonicalAxis("test", (p.axis as number) ?? 0, x.shape.length);
    return { primitive: split, params: { axis, sizes: outputs.map((o) => o.shape[axis]) } };
  },
};

const onesOf = (shape: Shape): number[] => shape.flatMap((size, axis) => (size === 1 ? [axis] : []));
function filled(given: number | number[], from: Shape): number[] {
  const shape = [given].flat();
  const rest = shape.reduce((n, d) => (d < 0 ? n : n * d), 1);
  return shape.map((d) => (d < 0 ? sizeOf(from) / rest : d));
}

checkAgainstGolden("shape", mappings);

const f32 = (...shape: number[]) => shapedArray(shape, "float32");
const print = (rules: { printParams: (p: never, inputs: never) => unknown }, params: Params) =>
  rules.printParams(params as never, [] as never);

test("params print as in JAX", () => {
  assert.equal(print(reshape, { newSizes: [6] }), { dimensions: "None", new_sizes: "(6,)", sharding: "None" });
  assert.equal(print(transpose, { permutation: [1, 0] }), { permutation: "(1, 0)" });
  assert.equal(print(broadcastInDim, { shape: [2, 3], broadcastDimensions: [] }), {});
  assert.equal(print(broadcastInDim, { shape: [2, 3], broadcastDimensions: [1] }), { broadcast_dimensions: "(1,)" });
  assert.equal(print(slice, { startIndices: [0, 1], limitIndices: [2, 3], strides: null }), {
    limit_indices: "(2, 3)",
    start_indices: "(0, 1)",
    strides: "None",
  });
  assert.equal(
    print(pad, {
      paddingConfig: [
        [1, 0, 0],
        [0, 1, 1],
      ],
    }),
    { padding_config: "((1, 0, 0), (0, 1, 1))" },
  );
  assert.equal(print(split, { axis: 0, sizes: [1, 1] }), { axis: "0", sizes: "(1, 1)" });
  assert.equal(print(iota, { dtype: "int32", shape: [3, 3], dimension: 0 }), {
    dimension: "0",
    dtype: "int32",
    shape: "(3, 3)",
    sharding: "None",
  });
});

test("a movement keeps a weak type, and operands that all are weak stay so", () => {
  const weak = shapedArray([2], "float32", true);
  assert.ok(reshape.abstractEval([weak], { newSizes: [1, 2] })[0].weakType);
  assert.ok(concatenate.abstractEval([weak, weak], { dimension: 0 })[0].weakType);
  assert.not.ok(concatenate.abstractEval([weak, f32(2)], { dimension: 0 })[0].weakType);
});

test("errors name the op, the rule and what it got", () => {
  assert.throws(
    () => reshape.abstractEval([f32(2, 3)], { newSizes: [4] }),
    /^reshape: new sizes must multiply to 6 elements; got \[4\] for float32\[2,3\]$/,
  );
  assert.throws(
    () => transpose.abstractEval([f32(2, 3)], { permutation: [0, 0] }),
    /transpose: permutation must name each of the 2 axes once; got \(0, 0\)/,
  );
  assert.throws(
    () => broadcastInDim.abstractEval([f32(3)], { shape: [2, 4], broadcastDimensions: [1] }),
    /got float32\[3\] axis 0 = 3, \[2,4\] axis 1 = 4/,
  );
  assert.throws(
    () => broadcastInDim.abstractEval([f32(3, 2)], { shape: [2, 3], broadcastDimensions: [1, 0] }),
    /ascending/,
  );
  assert.throws(() => squeeze.abstractEval([f32(2, 3)], { dimensions: [1] }), /got float32\[2,3\] axis 1 = 3/);
  assert.throws(() => rev.abstractEval([f32(2, 3)], { dimensions: [0, 0] }), /rev: dimensions must be distinct/);
  assert.throws(
    () => slice.abstractEval([f32(4)], { startIndices: [1], limitIndices: [9], strides: null }),
    /got 1:9:1 for float32\[4\] axis 0 = 4/,
  );
  assert.throws(() => split.abstractEval([f32(4)], { axis: 0, sizes: [1, 4] }), /split: sizes must add up to the axis/);
  assert.throws(
    () => pad.abstractEval([f32(4), f32()], { paddingConfig: [[-3, -3, 0]] }),
    /pad: sizes after padding must not be negative; got \[-2\]/,
  );
  assert.throws(
    () => pad.abstractEval([f32(4), shapedArray([], "int32")], { paddingConfig: [[0, 0, 0]] }),
    /one dtype; got float32\[4\] and int32\[\]/,
  );
  assert.throws(() => concatenate.abstractEval([], { dimension: 0 }), /at least one operand/);
  assert.throws(
    () => concatenate.abstractEval([f32(2, 3), f32(2, 4)], { dimension: 0 }),
    /sizes must agree but along axis 0; got float32\[2,3\], float32\[2,4\]/,
  );
  assert.throws(
    () => iota.abstractEval([], { dtype: "bool" as DType, shape: [3], dimension: 0 }),
    /iota: dtype must be a number; got bool/,
  );
  assert.throws(
    () => iota.abstractEval([], { dtype: "int32", shape: [3], dimension: 1 }),
    /dimension must be in \[0, 1\); got 1/,
  );
});

test("a reshape that splits or merges axes shares their factors", () => {
  assert.equal(reshapeFactors([32], [2, 16]), {
    operands: [[["i", "j"]]],
    results: [[["i"], ["j"]]],
    factors: { i: { size: 2, kind: "parallel" }, j: { size: 16, kind: "parallel" } },
  });
  assert.equal(reshapeFactors([2, 3, 4], [6, 4]).results, [[["i", "j"], ["k"]]]);
});

test("a reshape of sizes that do not nest shares the major part and replicates the rest", () => {
  const rule = reshapeFactors([4, 6, 5], [6, 4, 5]);
  const kinds = (dims: readonly string[]) =>
    dims.map((name) => `${rule.factors[name].kind} ${rule.factors[name].size}`);
  assert.equal(rule.operands[0].map(kinds), [["parallel 2", "replicated 2"], ["replicated 6"], ["parallel 5"]]);
  assert.equal(rule.results[0].map(kinds), [["parallel 2", "replicated 3"], ["replicated 4"], ["parallel 5"]]);
});

test.run();
