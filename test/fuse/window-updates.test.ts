/** What is written to a window of an array: computed by the kernel that writes it, unless others want it or it reads the array. */
import { numpy as jnp, lax } from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { randomNumbers, tensorOf } from "../tensors.ts";
import { type ArrayFunction, agreesScheduled, kernelsOf, type Operands } from "./scheduled-as.ts";

const random = randomNumbers(23);
const floats = (...shape: number[]) => tensorOf(shape, "float32", () => random() - 0.5);
const halves = (...shape: number[]) => tensorOf(shape, "bfloat16", () => Math.floor(random() * 9) - 4);
const start = tensorOf([], "int32", () => 5);

interface Case {
  readonly f: ArrayFunction;
  readonly args: Operands;
  /** Beside the copy that spares an array that is not donated. */
  readonly kernels: number;
}

const cases: Readonly<Record<string, Case>> = {
  "elementwise work is done by the kernel that writes": {
    f: (cache, x, y, at) => lax.dynamicUpdateSlice(cache, jnp.tanh(x.mul(y)).add(y), [at, 0]),
    args: [floats(20, 6), floats(3, 6), floats(3, 6), start],
    kernels: 1,
  },
  "so it is where words are packed": {
    f: (cache, x, y, at) => lax.dynamicUpdateSlice(cache, x.astype("float32").mul(y).astype("bfloat16"), [at, 0]),
    args: [halves(20, 6), halves(3, 6), floats(3, 6), start],
    kernels: 1,
  },
  "and where rows are not whole words": {
    f: (cache, x, y, at) => lax.dynamicUpdateSlice(cache, x.astype("float32").mul(y).astype("bfloat16"), [at, 1]),
    args: [halves(20, 7), halves(3, 5), floats(3, 5), start],
    kernels: 1,
  },
  "a sum of products keeps its kernel, what follows it joins the write": {
    f: (cache, x, w, at) => lax.dynamicUpdateSlice(cache, x.dot(w).reshape(2, 3, 2).swapaxes(0, 1).mul(2), [at, 0, 0]),
    args: [floats(20, 2, 2), floats(2, 8), floats(8, 6), start],
    kernels: 2,
  },
  "what is wanted twice is stored": {
    f: (cache, x, y, at) => {
      const value = jnp.tanh(x.mul(y));
      return lax.dynamicUpdateSlice(cache, value, [at, 0]).dot(value.T);
    },
    args: [floats(20, 6), floats(3, 6), floats(3, 6), start],
    kernels: 3,
  },
  "what reads the array itself is done before": {
    f: (cache, x, y, at) =>
      lax.dynamicUpdateSlice(cache, jnp.tanh(x.mul(y)).add(lax.dynamicSlice(cache, [at.sub(1), 0], [3, 6])), [at, 0]),
    args: [floats(20, 6), floats(3, 6), floats(3, 6), start],
    kernels: 2,
  },
};

for (const [what, { f, args, kernels }] of Object.entries(cases))
  test(what, async () => {
    const names = (await kernelsOf(f, args)).filter((name) => name !== "copy");
    assert.is(names.length, kernels, names.join(", "));
    await agreesScheduled(f, args);
  });

test.run();
