/** What Flax NNX gives, from `test/fixtures/nnx` (made by `generate.py` there), and comparison with it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as nnx from "@jaxscale/nnx";
import * as jax from "jaxscale";
import * as assert from "uvu/assert";

export interface Tensor {
  readonly dtype: jax.DType | "key";
  readonly shape: readonly number[];
  readonly values: readonly (number | boolean | "NaN")[];
}
export interface Leaf {
  readonly path: readonly (string | number)[];
  readonly kind: string;
  readonly value: Tensor;
}

export const fixture = <T>(name: string): T =>
  JSON.parse(readFileSync(join(import.meta.dirname, "../fixtures/nnx", name), "utf8"));

export const arrayOf = ({ dtype, shape, values }: Tensor): jax.Array =>
  jax.numpy.array(values.map(Number), { dtype: dtype === "key" ? "uint32" : dtype }).reshape([...shape]);

/** Python's names as they are here. */
export const camelCase = (name: string | number): string | number =>
  typeof name === "number" ? name : name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());

export const formatPath = (path: readonly (string | number)[]): string => path.map(camelCase).join(".");

/** How far a float may be off: what differs is the rounding of transcendental functions. */
const tolerance: Readonly<Record<string, number>> = { float32: 2e-5, bfloat16: 1e-2, float16: 2e-3 };

export async function assertTensor(
  got: jax.Array | jax.random.KeyArray,
  want: Tensor,
  what: string,
  factor = 1,
): Promise<void> {
  const array = got instanceof jax.random.KeyArray ? got.data : got;
  assert.equal([got.dtype.replace(/<fry>/, ""), ...got.shape], [want.dtype, ...want.shape], `${what}: dtype and shape`);
  const values = await array.data();
  const allowed = (tolerance[want.dtype] ?? 0) * factor;
  want.values.forEach((value, i) => {
    const [a, b] = [values[i], Number(value)];
    const agree = Number.isNaN(b) ? Number.isNaN(a) : Math.abs(a - b) <= allowed * Math.max(1, Math.abs(b));
    assert.ok(agree, `${what}: element ${i} is ${a}, wanted ${b}`);
  });
}

/** The same paths in the same order, kinds and values. */
export async function assertState(state: nnx.State, want: readonly Leaf[], what: string, factor = 1): Promise<void> {
  assert.equal(
    [...state].map(([path]) => path.join(".")),
    want.map(({ path }) => formatPath(path)),
    `${what}: paths`,
  );
  for (const [i, [path, leaf]] of [...state].entries()) {
    const where = `${what}: ${path.join(".")}`;
    assert.is(leaf instanceof nnx.Variable ? leaf.constructor.name : "array", want[i].kind, where);
    const value = leaf instanceof nnx.Variable ? leaf.get() : leaf;
    await assertTensor(value as jax.Array, want[i].value, where, factor);
  }
}
