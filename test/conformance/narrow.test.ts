import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { readDocument } from "./fixtures.ts";
import { familyTests } from "./test-family.ts";

const { numpy: jnp } = jax;

await familyTests("narrow");

type Promotions = Readonly<Record<string, Readonly<Record<string, string>>>>;
const { promotions } = readDocument<{ readonly promotions: Promotions }>("narrow");
const scalars: Readonly<Record<string, jax.ArrayLike>> = { "int*": 1, "float*": 1.5 };
const ones = (dtype: string): jax.ArrayLike => scalars[dtype] ?? jnp.ones(2, { dtype: dtype as jax.DType });

test("dtypes of 4 bits and float8 promote as in JAX: to nothing, and the error says what to do", () => {
  for (const [left, row] of Object.entries(promotions))
    for (const [right, wanted] of Object.entries(row)) {
      const sum = (): jax.Array => jnp.add(ones(left), ones(right));
      if (wanted === "error")
        assert.throws(sum, /^add: .* do not promote to other dtypes: convert one .* with astype; got/);
      else assert.is(sum().dtype, wanted, `${left} + ${right}`);
    }
});

test("an array of packed elements holds its values, prints them as JAX does, and takes what is out of range as JAX does not", async () => {
  const codes = jnp.array([-8, 7, 3], { dtype: "int4" });
  assert.equal(await codes.data(), Int8Array.of(-8, 7, 3));
  assert.equal(await jnp.arange(9).astype("uint4").data(), Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8));
  const floats = jnp.array([1, 2.5, 448, -3, 0.01], { dtype: "float8_e4m3fn" });
  assert.equal(await floats.data(), Float32Array.of(1, 2.5, 448, -3, 0.009765625));
  assert.is(await floats.text(), "Array([1, 2.5, 448, -3, 0.00976562], dtype=float8_e4m3fn)");
  assert.throws(() => jnp.array([8], { dtype: "int4" }), /whole numbers must be in \[-8, 7\] for int4; got 8/);
});

test.run();
