/** Which equations on arrays larger than one binding share a kernel, and that the kernels' parts make the right elements. */
import { numpy as jnp } from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { randomNumbers, tensorOf } from "../tensors.ts";
import { type ArrayFunction, agreesScheduled, countsOf, kernelsOf, type Operands } from "./scheduled-as.ts";

// 4096 bytes a binding: a [160,64] float32 is 10 of them, and a kernel may bind 16.
const limits = { maxStorageBufferBindingSize: 4096, maxStorageBuffersPerShaderStage: 16 };

const random = randomNumbers(17);
const floats = (...shape: number[]) => tensorOf(shape, "float32", () => random() - 0.5);
const halves = (...shape: number[]) => tensorOf(shape, "bfloat16", () => Math.floor(random() * 9) - 4);

interface Case {
  readonly f: ArrayFunction;
  readonly args: Operands;
  /** Different kernels, each of which may run in several parts. */
  readonly kernels: number;
}

const cases: Readonly<Record<string, Case>> = {
  "a product with a cast of a large packed array reads it as it is": {
    f: (x, t) => x.dot(t.T.astype("float32")),
    args: [floats(1, 64), halves(300, 64)],
    kernels: 1,
  },
  "elementwise work on many large arrays": {
    f: (a, b, c, d) => jnp.tanh(a.mul(b).add(c)).sub(d),
    args: [floats(160, 64), floats(160, 64), floats(160, 64), floats(160, 64)],
    kernels: 1,
  },
  "a sum of rows of what several large arrays make": {
    f: (a, b, c) => a.mul(b).add(c).sum({ axis: 1 }),
    args: [floats(160, 64), floats(160, 64), floats(160, 64)],
    kernels: 1,
  },
  "rows normalized, with a residual": {
    f: (a, b) => {
      const x = a.add(b);
      return x.div(jnp.sqrt(x.mul(x).mean({ axis: 1, keepdims: true }).add(1e-3)));
    },
    args: [floats(160, 64), floats(160, 64)],
    kernels: 1,
  },
  "a sum of columns, whose parts would touch all of each array, reads what one kernel made": {
    f: (a, b) => a.mul(b).sum({ axis: 0 }),
    args: [floats(160, 64), floats(160, 64)],
    kernels: 2,
  },
  "a transpose, read anywhere, beside what is read in order": {
    f: (a, b) => a.T.add(b),
    args: [floats(64, 160), floats(160, 64)],
    kernels: 1,
  },
  "two transposes, of which one is stored": {
    f: (a, b) => a.T.add(b.T),
    args: [floats(64, 160), floats(64, 160)],
    kernels: 2,
  },
  "a product of large arrays and what follows it": {
    f: (x, w, b) => jnp.tanh(x.dot(w).add(b)).mul(b),
    args: [floats(160, 8), floats(8, 64), floats(160, 64)],
    kernels: 2,
  },
};

for (const [what, { f, args, kernels }] of Object.entries(cases))
  test(what, async () => {
    const names = await kernelsOf(f, args, { limits });
    assert.is(new Set(names).size, kernels, names.join(", "));
    await agreesScheduled(f, args, { limits });
  });

test("the windows of a matrix, of which a binding spans 32 rows, are multiplied by one kernel", async () => {
  const product: ArrayFunction = (x, t) => x.dot(t.T.astype("float32"));
  const args = [floats(1, 64), halves(300, 64)];
  assert.equal(await countsOf(product, args, { limits }), { kernels: 1, runs: 10 });
});

test("elementwise work on an array of ten bindings is one kernel", async () => {
  const { kernels, runs } = await countsOf((a) => jnp.tanh(a), [floats(160, 64)], {
    limits: { ...limits, maxStorageBuffersPerShaderStage: 8 },
  });
  assert.is(kernels, 1);
  assert.is(runs, 10);
});

test.run();
