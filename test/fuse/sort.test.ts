/** Schedules of sorts, top k and prefix folds on the device, against the references, which are held against JAX. */
import "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type DType, isFloat } from "../../packages/jaxscale/src/base/dtypes.ts";
import { roundTo } from "../../packages/jaxscale/src/base/rounding.ts";
import type { Shape } from "../../packages/jaxscale/src/base/shapes.ts";
import { type HostTensor, hostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import type { Params } from "../../packages/jaxscale/src/jaxpr/ir.ts";
import { cummax, cumsum } from "../../packages/jaxscale/src/primitives/cumulative.ts";
import type { PrimitiveRules } from "../../packages/jaxscale/src/primitives/primitive.ts";
import { sort } from "../../packages/jaxscale/src/primitives/sort.ts";
import { topK } from "../../packages/jaxscale/src/primitives/top-k.ts";
import { bind, getBackend } from "../../packages/jaxscale/src/trace/trace.ts";

let state = 1;
const random = (): number => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
};

const specials = [Number.NaN, -0, 0, Infinity, -Infinity];
/** Values with many ties; floats with NaN, zeros of both signs and infinities among them. */
function tied(dtype: DType, shape: Shape, distinct: number): HostTensor {
  const out = hostTensor(shape, dtype);
  for (let i = 0; i < out.values.length; i++) {
    const chance = Math.floor(100 * random());
    const value = Math.floor(distinct * random());
    out.values[i] =
      isFloat(dtype) && chance < specials.length ? specials[chance] : roundTo(dtype, value - distinct / 2);
  }
  return out;
}

async function agrees<P extends Params>(
  primitive: PrimitiveRules<P>,
  inputs: readonly HostTensor[],
  params: P,
): Promise<void> {
  const arrays = inputs.map((x) => getBackend().fromHost(x, false));
  const results = bind(primitive, arrays, params);
  const wanted = primitive.reference(inputs, params);
  for (const [i, want] of wanted.entries()) {
    const got = await (results[i] as unknown as { data(): Promise<ArrayLike<number>> }).data();
    const wrong = want.values.findIndex((x, at) => !Object.is(roundTo(want.dtype, x), got[at]));
    const where = `${primitive.name} ${inputs.map((x) => `${x.dtype}[${x.shape}]`)} ${JSON.stringify(params)}`;
    assert.is(wrong, -1, `${where}: result ${i} at ${wrong} is ${got[wrong]} instead of ${want.values[wrong]}`);
  }
}

// One element; the most of a row that compares all with all, and one more; one tile and more; an odd number of runs.
for (const columns of [1, 2, 64, 65, 128, 129, 1000, 5003])
  test(`rows of ${columns} are sorted, ties in their order, NaN last`, () =>
    agrees(sort, [tied("float32", [3, columns], 40), tied("int32", [3, columns], 1e6)], {
      dimension: 1,
      isStable: true,
      numKeys: 1,
    }));

for (const dtype of ["bfloat16", "float16", "int16", "uint16", "int8", "uint8", "bool", "uint32", "int32"] as const)
  test(`${dtype} is sorted, in words that elements share too`, async () => {
    for (const columns of [7, 300, 301])
      await agrees(sort, [tied(dtype, [3, columns], 20), tied("uint8", [3, columns], 200)], {
        dimension: 1,
        isStable: true,
        numKeys: 1,
      });
  });

test("any axis is sorted along", async () => {
  for (const dimension of [0, 1, 2])
    await agrees(sort, [tied("float32", [70, 5, 67], 30)], { dimension, isStable: true, numKeys: 1 });
});

test("later keys decide between equal ones", async () => {
  for (const columns of [40, 300]) {
    const shape = [2, columns];
    const keys = [tied("int8", shape, 3), tied("float32", shape, 4), tied("bool", shape, 2)];
    await agrees(sort, [...keys, tied("int32", shape, 1e6)], { dimension: 1, isStable: true, numKeys: 3 });
  }
});

test("more rows than a grid is wide are sorted", () =>
  agrees(sort, [tied("float32", [70001, 3], 50)], { dimension: 1, isStable: true, numKeys: 1 }));

// Beyond 64 by sorting; 3000 and more elements in several chunks.
for (const { shape, axis, k } of [
  { shape: [1], axis: 0, k: 1 },
  { shape: [33], axis: 0, k: 33 },
  { shape: [5, 33], axis: 0, k: 2 },
  { shape: [2, 3000], axis: 1, k: 8 },
  { shape: [9001], axis: 0, k: 64 },
  { shape: [300, 3], axis: 0, k: 65 },
  { shape: [2, 70], axis: 1, k: 70 },
])
  test(`the top ${k} of [${shape}] along axis ${axis}: ties give the lowest place`, async () => {
    for (const dtype of ["float32", "bfloat16", "uint8", "int32"] as const)
      await agrees(topK, [tied(dtype, shape, 200)], { axis, k });
  });

test("the top k of elements that are all the least one are the first", async () => {
  const least = hostTensor([3001], "int32");
  least.values.fill(-(2 ** 31));
  await agrees(topK, [least], { axis: 0, k: 5 });
  await agrees(topK, [hostTensor([3001], "uint32")], { axis: 0, k: 5 });
});

for (const reverse of [false, true])
  test(`prefix sums over long axes, ${reverse ? "from the end" : "from the start"}`, async () => {
    for (const { shape, axis } of [
      { shape: [100003], axis: 0 },
      { shape: [3, 4096], axis: 1 },
      { shape: [999, 2], axis: 0 },
      { shape: [100, 3], axis: 1 },
    ]) {
      await agrees(cumsum, [tied("int32", shape, 2e9)], { axis, reverse });
      await agrees(cummax, [tied("bfloat16", shape, 200)], { axis, reverse });
      await agrees(cumsum, [tied("uint8", shape, 200)], { axis, reverse });
    }
  });

test.run();
