/**
 * Random bits as a pure function of a key and a position: threefry2x32 in JAX's partitionable variant.
 * A key is two words, the last axis of a uint32 array; the axes before it are those of an array of keys.
 */
import { bitsOf, type DType, isInteger } from "../base/dtypes.ts";
import { DTypeError, invariant, ShapeError } from "../base/errors.ts";
import { forEachIndex, type Shape, sameShape, sizeOf, stridesOf } from "../base/shapes.ts";
import { type HostTensor, hostTensor } from "../base/tensor-data.ts";
import { formatAval, type ShapedArray, shapedArray } from "../jaxpr/ir.ts";
import type { KernelBuilder } from "../kernel/builder.ts";
import { Index } from "../kernel/index-space.ts";
import type { Value } from "../kernel/ir.ts";
import { deviceCount, deviceOffset } from "./along-devices.ts";
import { type Dimension, type FactorList, newFactors } from "./factors.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import { definePrimitive, type Part, type PartitionContext, type Read, type ShardingRule } from "./primitive.ts";
import { tuple } from "./python-text.ts";
import { threefry, threefryFlops, threefryInKernel } from "./threefry.ts";

const keyShape = (keys: Pick<ShapedArray, "shape">): Shape => keys.shape.slice(0, -1);

/** @throws DTypeError, ShapeError unless it is an array of keys */
function checkKeys(op: string, keys: ShapedArray): void {
  if (keys.dtype !== "uint32") throw new DTypeError(`${op}: keys must be uint32; got ${formatAval(keys)}`);
  if (keys.shape.at(-1) !== 2)
    throw new ShapeError(`${op}: the last axis of keys must hold two words; got ${formatAval(keys)}`);
}

function checkSizes(op: string, shape: Shape): void {
  if (!shape.every((n) => Number.isInteger(n) && n >= 0))
    throw new ShapeError(`${op}: sizes must be integers of at least 0; got ${tuple(shape)}`);
}

const hostKey = ({ values }: HostTensor, i: number): readonly [number, number] => [values[2 * i], values[2 * i + 1]];

/** The key of an array of keys at some coordinates. */
function readKey(k: KernelBuilder, read: Read, keys: ShapedArray, at: readonly Value[]): readonly [Value, Value] {
  const word = (n: number): Value => read(0, Index.fromCoords(k, keys.shape, [...at, k.i32(n)]));
  return [word(0), word(1)];
}

/** Keys are parallel; of the rest every device needs the whole: positions count from the first element. @param along what the rest is */
function keyRule(
  keys: ShapedArray,
  shape: Shape,
  words: 0 | 2,
  alike: readonly ShapedArray[] = [],
  along: (f: FactorList, size: number) => Dimension = (f, size) => f.replicated(size),
): ShardingRule {
  const f = newFactors();
  const parallel = keyShape(keys).map(f.parallel);
  const inner = shape.map((size) => along(f, size));
  const result = [...parallel, ...inner, ...(words ? [f.replicated(2)] : [])];
  const behind = ({ shape }: ShapedArray): readonly Dimension[] => shape.slice(parallel.length).map(f.replicated);
  return f.rule(
    [keys, ...alike].map((x) => [...parallel, ...behind(x)]),
    [result],
  );
}

/** Each operand's mapped axis moved to the front, where the keys' own axes are. */
const inFront = (
  ops: { readonly batchToFront: (x: Operand, dim: number | null, size: number) => Operand },
  operands: readonly Operand[],
  dims: readonly (number | null)[],
  size: number,
): Operand[] => operands.map((x, i) => ops.batchToFront(x, dims[i], size));

// ---- random_bits ----------------------------------------------------------------

export type RandomBitsParams = {
  readonly bitWidth: 8 | 16 | 32;
  readonly shape: Shape;
  /** Of these elements the result is a box of size `shape`, which starts where the second operand says. Absent: all of `shape`. */
  readonly within?: Shape;
};

const bitsDType = ({ bitWidth }: RandomBitsParams): DType => `uint${bitWidth}`;

/** Each device draws its own part. */
function partitionBits(ops: OpBuilder, context: PartitionContext<RandomBitsParams>): readonly Part[] | undefined {
  const {
    inputs: [whole, ...given],
    outputs: [out],
    params,
    sizes,
  } = context;
  const arranged = context.arranged(keyRule(whole, params.shape, 0, given, (f, size) => f.parallel(size)));
  const [layout] = arranged.results;
  const rank = whole.shape.length - 1;
  if (given.length > 0 || layout.slice(rank).every((axes) => axes.length === 0)) return undefined;
  const [keys] = arranged.parts();
  const shape = out.shape.map((size, d) => size / deviceCount(layout[d], sizes)).slice(rank);
  const starts = shape.map((size, d) => ops.broadcastInDim(deviceOffset(ops, layout[rank + d], sizes, size), [1], []));
  const every = keyShape(keys.aval);
  const places = ops.broadcastInDim(ops.concatenate(starts, 0), [...every, shape.length], [every.length]);
  const value = ops.bind1("random_bits", [keys, places], { ...params, shape, within: params.shape });
  return [{ value, layout }];
}

/** Operands: keys `[…, 2]`; with `within`, int32 starts `[…, rank]` too. Result: unsigned integers `[…, ...shape]`. */
export const randomBits = definePrimitive<RandomBitsParams>("random_bits", {
  abstractEval: ([keys, starts], params) => {
    checkKeys("random_bits", keys);
    checkSizes("random_bits", params.shape);
    invariant(
      !starts || sameShape(starts.shape, [...keyShape(keys), params.shape.length]),
      "a box of random bits starts at a place for each key",
    );
    return [shapedArray([...keyShape(keys), ...params.shape], bitsDType(params))];
  },
  reference: ([keys, starts], params) => {
    const { shape, within = shape, bitWidth } = params;
    const out = hostTensor([...keyShape(keys), ...shape], bitsDType(params));
    const rank = keys.shape.length - 1;
    const key = stridesOf(keyShape(keys));
    const strides = stridesOf(within);
    forEachIndex(out.shape, (index, at) => {
      const n = key.reduce((sum, stride, d) => sum + index[d] * stride, 0);
      const start = (d: number): number => (starts ? starts.values[n * strides.length + d] : 0);
      const counter = strides.reduce((sum, stride, d) => sum + (index[rank + d] + start(d)) * stride, 0);
      const [x, y] = threefry(hostKey(keys, n), [0, counter]);
      out.values[at] = (x ^ y) & (2 ** bitWidth - 1);
    });
    return [out];
  },
  lowering: {
    kind: "map",
    movement: false,
    element: (k, index, read, { params, inputs: [keys, starts] }) => {
      const rank = keys.shape.length - 1;
      const at = index.coords.slice(0, rank);
      const start = (d: number): Value => read(1, Index.fromCoords(k, starts.shape, [...at, k.i32(d)]));
      const box = (): Index => {
        const coords = index.coords.slice(rank).map((c, d) => (starts ? k.add(c, start(d)) : c));
        return Index.fromCoords(k, params.within ?? params.shape, coords);
      };
      const inner = rank === 0 && !starts ? index : box();
      const key = readKey(k, read, keys, at);
      const [x, y] = threefryInKernel(k, key, [k.u32(0), k.cast("u32", inner.linear)]);
      const bits = k.xor(x, y);
      return params.bitWidth === 32 ? bits : k.and(bits, k.u32(2 ** params.bitWidth - 1));
    },
  },
  sharding: ({ inputs: [keys, ...starts], params }) => keyRule(keys, params.shape, 0, starts),
  partition: (ops, _, context) => partitionBits(ops, context),
  cost: ({ outputs: [out] }) => ({ flops: threefryFlops * sizeOf(out.shape), transcendentals: 0 }),
  batch: (ops, operands, dims, { axis, params }) => ({
    results: ops.bind("random_bits", inFront(ops, operands, dims, axis.size), params),
    dims: [0],
  }),
  printParams: ({ bitWidth, shape, within }) => ({
    bit_width: String(bitWidth),
    shape: tuple(shape),
    ...(within && { within: tuple(within) }),
  }),
});

// ---- keys out of keys ----------------------------------------------------------------

export type RandomSplitParams = { readonly shape: Shape };

/** Operand: keys `[…, 2]`. Result: keys `[…, ...shape, 2]`. */
export const randomSplit = definePrimitive<RandomSplitParams>("random_split", {
  abstractEval: ([keys], { shape }) => {
    checkKeys("random_split", keys);
    checkSizes("random_split", shape);
    return [shapedArray([...keyShape(keys), ...shape, 2], "uint32")];
  },
  reference: ([keys], { shape }) => {
    const out = hostTensor([...keyShape(keys), ...shape, 2], "uint32");
    const size = sizeOf(shape);
    for (let at = 0; 2 * at < out.values.length; at++)
      out.values.set(threefry(hostKey(keys, Math.floor(at / size)), [0, at % size]), 2 * at);
    return [out];
  },
  lowering: {
    kind: "map",
    movement: false,
    element: (k, index, read, { params: { shape }, inputs: [keys] }) => {
      const rank = keys.shape.length - 1;
      const { coords } = index;
      const key = readKey(k, read, keys, coords.slice(0, rank));
      const counter = Index.fromCoords(k, shape, coords.slice(rank, -1)).linear;
      const [x, y] = threefryInKernel(k, key, [k.u32(0), k.cast("u32", counter)]);
      return k.select(k.eq(coords[coords.length - 1], k.i32(0)), x, y);
    },
  },
  sharding: ({ inputs: [keys], params }) => keyRule(keys, params.shape, 2),
  cost: ({ outputs: [out] }) => ({ flops: threefryFlops * sizeOf(out.shape), transcendentals: 0 }),
  batch: (ops, operands, dims, { axis, params }) => ({
    results: ops.bind("random_split", inFront(ops, operands, dims, axis.size), params),
    dims: [0],
  }),
  printParams: ({ shape }) => ({ shape: tuple(shape) }),
});

/** Operands: keys `[…, 2]`, uint32 data `[…]`. Result: keys `[…, 2]`. */
export const randomFoldIn = definePrimitive("random_fold_in", {
  abstractEval: ([keys, data]) => {
    checkKeys("random_fold_in", keys);
    if (data.dtype !== "uint32") throw new DTypeError(`random_fold_in: data must be uint32; got ${formatAval(data)}`);
    if (!sameShape(data.shape, keyShape(keys)))
      throw new ShapeError(
        `random_fold_in: data must have one number for each key; got ${formatAval(keys)} and ${formatAval(data)}`,
      );
    return [shapedArray(keys.shape, "uint32")];
  },
  reference: ([keys, data]) => {
    const out = hostTensor(keys.shape, "uint32");
    data.values.forEach((x, i) => out.values.set(threefry(hostKey(keys, i), [0, x]), 2 * i));
    return [out];
  },
  lowering: {
    kind: "map",
    movement: false,
    element: (k, index, read, { inputs: [keys, data] }) => {
      const at = index.coords.slice(0, -1);
      const word = read(1, Index.fromCoords(k, data.shape, at));
      const [x, y] = threefryInKernel(k, readKey(k, read, keys, at), [k.u32(0), word]);
      return k.select(k.eq(index.coords[at.length], k.i32(0)), x, y);
    },
  },
  sharding: ({ inputs: [keys, data] }) => keyRule(keys, [], 2, [data]),
  cost: ({ outputs: [out] }) => ({ flops: threefryFlops * sizeOf(out.shape), transcendentals: 0 }),
  batch: (ops, operands, dims, { axis }) => ({
    results: ops.bind("random_fold_in", inFront(ops, operands, dims, axis.size)),
    dims: [0],
  }),
});

/** Operand: 32-bit integers `[…]`. Result: keys `[…, 2]`, the words 0 and the integer's bits. */
export const randomSeed = definePrimitive("random_seed", {
  abstractEval: ([seeds]) => {
    if (!isInteger(seeds.dtype) || bitsOf(seeds.dtype) !== 32)
      throw new DTypeError(`random_seed: seeds must be int32 or uint32; got ${formatAval(seeds)}`);
    return [shapedArray([...seeds.shape, 2], "uint32")];
  },
  reference: ([seeds]) => {
    const out = hostTensor([...seeds.shape, 2], "uint32");
    forEachIndex(seeds.shape, (_, i) => {
      out.values[2 * i + 1] = seeds.values[i];
    });
    return [out];
  },
  lowering: {
    kind: "map",
    movement: true,
    element: (k, index, read, { inputs: [seeds] }) => {
      const seed = read(0, Index.fromCoords(k, seeds.shape, index.coords.slice(0, -1)));
      return k.select(k.eq(index.coords[index.coords.length - 1], k.i32(0)), k.u32(0), k.bitcast("u32", seed));
    },
  },
  sharding: ({ inputs: [seeds] }) => {
    const f = newFactors();
    const parallel = seeds.shape.map(f.parallel);
    return f.rule([parallel], [[...parallel, f.replicated(2)]]);
  },
  exact: true,
  batch: (ops, operands, dims, { axis }) => ({
    results: ops.bind("random_seed", inFront(ops, operands, dims, axis.size)),
    dims: [0],
  }),
  printParams: () => ({ impl: "fry" }),
});
