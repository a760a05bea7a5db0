import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import "./host-backend.ts";
import { einsum } from "../../packages/jaxscale/src/api/numpy/index.ts";
import { isDType } from "../../packages/jaxscale/src/base/dtypes.ts";
import { invariant } from "../../packages/jaxscale/src/base/errors.ts";
import { type ShapedArray, shapedArray } from "../../packages/jaxscale/src/jaxpr/ir.ts";
import { printJaxpr } from "../../packages/jaxscale/src/jaxpr/print.ts";
import type { Array as TracedArray } from "../../packages/jaxscale/src/trace/array.ts";
import { traceToJaxpr } from "../../packages/jaxscale/src/trace/staging.ts";
import { normalizeJaxpr } from "../jaxpr/compare.ts";
import { expandShared } from "./expand-shared.ts";
import { functions } from "./numpy-functions.ts";

// What JAX's jax.numpy traces to: fixtures/jax-numpy/generate.py.
interface Golden {
  readonly name: string;
  readonly arguments: readonly string[];
  readonly jaxpr: string;
}
const cases: Golden[] = JSON.parse(readFileSync(new URL("../fixtures/jax-numpy/jaxprs.json", import.meta.url), "utf8"));

const argumentNames = [..."xtvwsbkqijnum"];
const named = (arrays: readonly TracedArray[]): Record<string, TracedArray> =>
  Object.fromEntries(argumentNames.map((name, i) => [name, arrays[i]]));

function avalOf(text: string): ShapedArray {
  const [dtype, sizes] = text.slice(0, -1).split("[");
  invariant(isDType(dtype), "a dtype of this library");
  return shapedArray(sizes === "" ? [] : sizes.split(",").map(Number), dtype);
}

function trace({ name, arguments: types }: Golden): string {
  const f = (...arrays: readonly TracedArray[]): TracedArray | readonly TracedArray[] =>
    name.startsWith("einsum ") ? einsum(name.slice("einsum ".length), ...arrays) : functions[name](named(arrays));
  const closed = traceToJaxpr(name, (...arrays) => [f(...arrays)].flat(), types.map(avalOf));
  return normalizeJaxpr(expandShared(printJaxpr(closed)));
}

for (const golden of cases) {
  test(`${golden.name} traces to JAX's equations`, () => {
    assert.is(trace(golden), normalizeJaxpr(expandShared(golden.jaxpr)));
  });
}

test("every formula is one of JAX's", () => {
  const known = new Set(cases.map(({ name }) => name));
  assert.equal(
    Object.keys(functions).filter((name) => !known.has(name)),
    [],
  );
});

test.run();
