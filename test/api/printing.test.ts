import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { formatArray, formatElements } from "../../packages/jaxscale/src/api/print-array.ts";
import { type DType, kindOf } from "../../packages/jaxscale/src/base/dtypes.ts";
import { sizeOf } from "../../packages/jaxscale/src/base/shapes.ts";
import type { HostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";

// Texts that JAX and NumPy printed: fixtures/printing/generate.py.
interface Printed {
  readonly shape: number[];
  readonly dtype: DType;
  readonly weak: boolean;
  readonly values: "arange" | (number | "nan" | "inf" | "-inf" | "-0")[];
  readonly repr: string;
  readonly str: string;
}
const cases: Printed[] = JSON.parse(
  readFileSync(new URL("../fixtures/printing/printing.json", import.meta.url), "utf8"),
);

function hostOf({ shape, dtype, values }: Printed): HostTensor {
  const words: Record<string, number> = { nan: Number.NaN, inf: Infinity, "-inf": -Infinity, "-0": -0 };
  const numbers =
    values === "arange"
      ? Array.from({ length: sizeOf(shape) }, (_, i) => i)
      : values.map((v) => (typeof v === "number" ? v : words[v]));
  const kind = kindOf(dtype);
  const type = kind === "float" ? Float32Array : kind === "signed" ? Int32Array : Uint32Array;
  return { shape, dtype, values: new type(numbers) };
}

test("arrays print as JAX prints them", () => {
  assert.ok(cases.length > 150);
  for (const printed of cases) assert.is(formatArray(hostOf(printed), printed.weak), printed.repr);
});

test("elements alone print as NumPy's str", () => {
  for (const printed of cases) assert.is(formatElements(hostOf(printed)), printed.str);
});

test.run();
