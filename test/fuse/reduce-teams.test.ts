/** Rows of every length, folded by teams that fit them. */
import { numpy as jnp, nn } from "jaxscale";
import { test } from "uvu";
import { randomNumbers, tensorOf } from "../tensors.ts";
import { agreesScheduled } from "./scheduled-as.ts";

const random = randomNumbers(31);
const floats = (...shape: number[]) => tensorOf(shape, "float32", () => random() - 0.5);

for (const columns of [60, 130, 512, 1001])
  test(`rows of ${columns} elements, with up to 256 invocations a row`, async () => {
    const parameters = { rowWorkgroup: 256 };
    await agreesScheduled((x) => nn.softmax(x, { axis: -1 }), [floats(3, columns)], { parameters });
    await agreesScheduled((x) => jnp.max(x, { axis: 1 }), [floats(2, columns)], { parameters });
    await agreesScheduled((x) => jnp.sum(x, { axis: 1 }), [floats(5, columns)], { parameters, withoutSubgroups: true });
  });

test.run();
