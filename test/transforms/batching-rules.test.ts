import { test } from "uvu";
import * as assert from "uvu/assert";
import { isFloat } from "../../packages/jaxscale/src/base/dtypes.ts";
import { allPrimitives } from "../../packages/jaxscale/src/primitives/primitive.ts";
import { mapOver } from "../../packages/jaxscale/src/transforms/jaxpr-transforms.ts";
import { placeAxis } from "../../packages/jaxscale/src/transforms/place-axis.ts";
import { describe, loadSamples, type Sample } from "../primitives/samples/sample.ts";
import { apply, arrayOf, rolled, stacked, valuesOf } from "./sample-calls.ts";

/** Ops that are never mapped, and why. */
const unmapped: Readonly<Record<string, string>> = {
  iota: "has no operands",
  conv_patches: "made when a convolution is lowered, after transformations",
  exchange: "made of what is left of collectives once devices of a GPU are mapped",
  custom_lin: "gone by the time that a derivative is mapped",
};

const samples = (await loadSamples()).filter(({ primitive }) => !(primitive.name in unmapped));
const axis = { name: undefined, size: 3 };

/** Every operand alone, and all together; each with its axis in front, and behind all others. */
function placements({ inputs }: Sample): readonly (readonly (number | null)[])[] {
  const last = inputs.map(({ shape }) => shape.length);
  const [front, behind] = [inputs.map(() => 0), last];
  const mixed = inputs.map((_, i) => (i % 2 === 0 ? last[i] : 0));
  const alone = inputs.flatMap((_, i) => [
    inputs.map((_, j) => (i === j ? 0 : null)),
    inputs.map((_, j) => (i === j ? last[i] : null)),
  ]);
  return inputs.length === 1 ? alone : [front, behind, mixed, ...alone];
}

const agrees = (got: number, want: number, float: boolean): boolean =>
  Object.is(got, want) || got === want || (float && Math.abs(got - want) <= 1e-5 * (1 + Math.abs(want)));

for (const sample of samples.filter(({ inputs }) => inputs.length > 0)) {
  const check = (dims: readonly (number | null)[]): void => {
    const variants = Array.from({ length: axis.size }, (_, n) =>
      sample.inputs.map((x, i) => (dims[i] === null ? x : rolled(x, n))),
    );
    const operands = sample.inputs.map((x, i) => {
      const dim = dims[i];
      const parts = variants.map((inputs) => inputs[i]);
      return arrayOf(dim === null ? x : stacked(parts, dim));
    });
    const mapped = mapOver((xs) => apply(sample, xs), operands, dims, axis);
    const rows = variants.map((inputs) => apply(sample, inputs.map(arrayOf)));
    mapped.results.forEach((result, o) => {
      const want = rows.flatMap((row) => valuesOf(row[o]));
      const got = valuesOf(placeAxis(result, mapped.dims[o], 0, axis));
      assert.is(got.length, want.length);
      const wrong = got.findIndex((x, i) => !agrees(x, want[i], isFloat(result.dtype)));
      assert.is(
        wrong,
        -1,
        `result ${o} with axes ${JSON.stringify(dims)} at ${wrong}: got ${got[wrong]}, wanted ${want[wrong]}`,
      );
    });
  };
  test(`mapped over an axis it is the op in a loop: ${describe(sample)}`, () => placements(sample).forEach(check));
}

test("every op can be mapped, or is named as one that never is", () => {
  assert.equal(
    allPrimitives()
      .filter(({ batch, name }) => !batch && !(name in unmapped))
      .map(({ name }) => name),
    [],
  );
});

test.run();
