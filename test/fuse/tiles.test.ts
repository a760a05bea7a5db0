/** Matrix products whose rows do not fill their tiles, and what follows them in the same kernel. */
import { numpy as jnp } from "jaxscale";
import { test } from "uvu";
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

test.run();
