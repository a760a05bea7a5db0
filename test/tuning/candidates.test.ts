/** Every candidate computes the same: a few groups of each kind, against the reference interpreter. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { useOwnCache } from "./store.ts";

useOwnCache();
const { jit, numpy: jnp, lax, nn, ready } = await import("jaxscale");
const { checks, compile, fusionsOf, optimize } = await import("../../packages/jaxscale/src/compile.ts");
const { storageBytes } = await import("../../packages/jaxscale/src/fuse/memory-view.ts");
const { getClient } = await import("../../packages/jaxscale/src/runtime/index.ts");
const { defaultParameters } = await import("../../packages/jaxscale/src/fuse/parameters.ts");
const { tuningTasks } = await import("../../packages/jaxscale/src/fuse/tuning/tasks.ts");
const { interpret } = await import("../../packages/jaxscale/src/jaxpr/interpret.ts");
const { hostTensor, packWords, unpackWords } = await import("../../packages/jaxscale/src/base/tensor-data.ts");
const { roundTo } = await import("../../packages/jaxscale/src/base/rounding.ts");
const { sizeOf } = await import("../../packages/jaxscale/src/base/shapes.ts");
type Arrays = import("jaxscale").Array[];

checks.enabled = true;
const target = await ready();
const client = getClient();

const groups: Record<
  string,
  { readonly f: (...xs: Arrays) => unknown; readonly shapes: number[][]; readonly dtype?: "bfloat16" }
> = {
  "an elementwise chain of odd size": {
    f: (x, y) => jnp.tanh(x.mul(y)).add(x),
    shapes: [
      [77, 131],
      [77, 131],
    ],
  },
  "an elementwise chain in bfloat16": { f: (x, y) => x.mul(y).add(x), shapes: [[4099], [4099]], dtype: "bfloat16" },
  "softmax of rows": { f: (x) => nn.softmax(x), shapes: [[9, 260]] },
  "sums of columns": { f: (x) => jnp.sum(x, { axis: 0 }), shapes: [[70, 37]] },
  "a product with bias and activation": {
    f: (x, w, b) => nn.relu(x.dot(w).add(b)),
    shapes: [[19, 48], [48, 36], [36]],
  },
  "a product with odd sides": {
    f: (x, w) => x.dot(w),
    shapes: [
      [11, 21],
      [21, 13],
    ],
  },
  "a product with transposed weights": {
    f: (x, w) => x.dot(w.T),
    shapes: [
      [9, 64],
      [40, 64],
    ],
  },
  "a batch of products": {
    f: (x, w) => jnp.einsum("bqd,bkd->bqk", x, w),
    shapes: [
      [3, 10, 16],
      [3, 12, 16],
    ],
  },
  "a row times a matrix": {
    f: (x, w) => x.dot(w),
    shapes: [
      [1, 96],
      [96, 72],
    ],
  },
  "a row times a transposed matrix in bfloat16": {
    f: (x, w) => x.dot(w.T),
    shapes: [
      [1, 96],
      [72, 96],
    ],
    dtype: "bfloat16",
  },
  "a matrix times a column": { f: (x, w) => lax.dot(x, w), shapes: [[50, 64], [64]] },
};

// Every candidate is a kernel to compile: by default half of the groups.
const chosen = Object.entries(groups).filter((_, i) => process.env.JAXSCALE_FULL === "1" || i % 2 === 1);

for (const [name, { f, shapes, dtype = "float32" }] of chosen)
  test(`all candidates of ${name} agree with the reference`, async () => {
    const operands = shapes.map((shape) => jnp.zeros(shape, { dtype }));
    const optimized = optimize(
      jit(f as (...xs: Arrays) => Arrays[number], { name: "group" }).lower(...operands).jaxpr,
    ).closed;
    const { shapeClass, candidates, program } = tuningTasks(fusionsOf(optimized, target), target)[0];
    const inputs = program.jaxpr.invars.map(({ aval }, input) => {
      const tensor = hostTensor(aval.shape, aval.dtype);
      for (let i = 0; i < tensor.values.length; i++)
        tensor.values[i] = roundTo(aval.dtype, Math.sin(1 + 1.7 * i + 0.3 * input));
      return tensor;
    });
    const [want] = interpret(program, inputs);
    const storages = inputs.map((x) => client.upload(packWords(x), storageBytes({ ...x, weakType: false })));
    for (const candidate of [{}, ...candidates]) {
      const parameters = { ...defaultParameters(target), ...candidate };
      const compiled = compile(program, target, { name: "group", donated: [], parameters });
      const [result] = compiled.results;
      const lazy = {
        name: "group",
        resultCount: 1,
        resultBytes: [storageBytes({ ...result, weakType: false })],
        build: () => compiled,
      };
      const [got] = client.launch(lazy, storages);
      const values = unpackWords(result.dtype, await client.read(got as never), sizeOf(result.shape));
      const tolerance = result.dtype === "bfloat16" ? 0.04 : 2e-5;
      for (let i = 0; i < values.length; i++)
        assert.ok(
          Math.abs(values[i] - want.values[i]) <= tolerance * Math.max(1, Math.abs(want.values[i])),
          `${shapeClass} with ${JSON.stringify(candidate)}: element ${i} is ${values[i]}, not ${want.values[i]}`,
        );
    }
  });

test.run();
