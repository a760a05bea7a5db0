/** What is recomputed where it is read, and what is stored: whichever moves fewer bytes. */
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Program } from "../../packages/jaxscale/src/kernel/program.ts";
import { lavapipe } from "../golden/targets.ts";
import { difference, onDevice, onHost, reference, tensorOf } from "../tensors.ts";
import "../setup.ts";

const { jit, lax, numpy: jnp } = jax;
type A = jax.Array;
type F = (...args: A[]) => unknown;

await jax.ready();

const struct = (shape: readonly number[], dtype: jax.DType = "float32"): A =>
  new jax.ShapeDtypeStruct(shape, dtype) as unknown as A;

const programOf = (f: F, ...args: A[]): Program =>
  jit(f)
    .lower(...args)
    .program(lavapipe);

const bytesOf = ({ segments }: Program): number =>
  segments.flatMap((s) => s.steps).reduce((n, step) => n + step.origin.bytes, 0);
const stepsOf = ({ segments }: Program): number => segments.flatMap((s) => s.steps).length;

/** int8 weights with a zero, a scale of the column and one of the row, and an offset. */
const dequantized = (x: A, q: A, zero: A, scale: A, rows: A, offset: A): A =>
  x.dot(q.astype("float32").sub(zero).mul(scale).mul(rows).add(offset));

test("a vector times weights that take long to dequantize reads the packed ones", () => {
  const [depth, columns] = [1024, 2048];
  const program = programOf(
    dequantized,
    struct([1, depth]),
    struct([depth, columns], "int8"),
    struct([1, columns]),
    struct([1, columns]),
    struct([depth, 1]),
    struct([1, columns]),
  );
  assert.is(stepsOf(program), 1);
  assert.ok(bytesOf(program) < 1.1 * depth * columns, `${bytesOf(program)} bytes`);
});

test("what is dequantized inside a product is what is dequantized before it", async () => {
  const inputs = [
    tensorOf([1, 64], "float32", (i) => ((i * 7) % 11) - 5),
    tensorOf([64, 48], "int8", (i) => ((i * 37) % 255) - 127),
    tensorOf([1, 48], "float32", (i) => i % 5),
    tensorOf([1, 48], "float32", (i) => 2 ** -(i % 3)),
    tensorOf([64, 1], "float32", (i) => 1 + (i % 2)),
    tensorOf([1, 48], "float32", (i) => i % 7),
  ];
  const [want] = await reference((...xs) => [dequantized(...(xs as [A, A, A, A, A, A]))], inputs);
  const got = await onHost(jit(dequantized)(...(inputs.map(onDevice) as [A, A, A, A, A, A])));
  assert.is(difference(got, want), undefined);
});

test("a sum of three arrays that many kernels read is stored, where to read three each would move more", () => {
  const size = 512;
  const f = (a: A, b: A, c: A): A[] => {
    const sum = a.add(b).add(c);
    return [
      jnp.cumsum(sum, { axis: 0 }),
      jnp.cumsum(sum, { axis: 1 }),
      lax.sort(sum, { dimension: 0 }),
      lax.sort(sum, { dimension: 1 }),
    ];
  };
  const program = programOf(f, struct([size, size]), struct([size, size]), struct([size, size]));
  const adding = program.segments.flatMap((s) => s.steps).filter((step) => step.origin.operations.includes("add"));
  assert.is(adding.length, 1);
});

test.run();
