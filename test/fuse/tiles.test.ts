/** Matrix products whose rows do not fill their tiles, and what follows them in the same kernel. */
import { jit, numpy as jnp, ShapeDtypeStruct } from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { lavapipe } from "../golden/targets.ts";
import { randomNumbers, tensorOf } from "../tensors.ts";
import { type ArrayFunction, agreesScheduled, type Schedule } from "./scheduled-as.ts";

const random = randomNumbers(29);
const floats = (...shape: number[]) => tensorOf(shape, "float32", () => random() - 0.5);
const product: ArrayFunction = (x, w, b, r) => jnp.tanh(x.dot(w).add(b)).mul(r);

const schedules: Readonly<Record<string, Schedule["parameters"]>> = {
  "as they are": {},
  "of 4 rows, all written at once": { tileRows: 4, tileRowsWritten: 4 },
  "of 8 rows, written one by one": { tileRows: 8, tileRowsWritten: 1 },
  "of 8 rows, written by threes": { tileRows: 8, tileRowsWritten: 3, tileShared: false },
};

for (const [what, parameters] of Object.entries(schedules))
  test(`products of 3, 7 and 17 rows in tiles ${what}`, async () => {
    for (const rows of [3, 7, 17])
      await agreesScheduled(product, [floats(rows, 5), floats(5, 12), floats(12), floats(rows, 12)], { parameters });
  });

/** Steps along the depth in the text of the kernel of `f` of two matrices of n × n. */
function unrolledSteps(f: ArrayFunction, n: number): number {
  const matrix = new ShapeDtypeStruct([n, n], "float32");
  const text = jit(f).lower(matrix, matrix).asText("wgsl", lavapipe);
  return [...text.matchAll(/subgroupBroadcast\(/g)].length / 16;
}

test("steps along the depth are unrolled only where an operand lies along it, and the product is large", () => {
  assert.is(
    unrolledSteps((x, y) => x.dot(y.T), 256),
    4,
  );
  assert.is(
    unrolledSteps((x, y) => x.dot(y), 256),
    4,
  );
  assert.is(
    unrolledSteps((x, y) => x.T.dot(y), 256),
    1,
  );
  assert.is(
    unrolledSteps((x, y) => x.dot(y.T), 64),
    1,
  );
});

test("a large product whose operands lie along the depth", async () => {
  await agreesScheduled((x, w) => x.dot(w.T), [floats(33, 64), floats(1024, 64)], {});
});

test.run();
