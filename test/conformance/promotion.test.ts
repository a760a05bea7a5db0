import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { DType } from "../../packages/jaxscale/src/base/dtypes.ts";
import { type ShapedArray, shapedArray } from "../../packages/jaxscale/src/jaxpr/ir.ts";
import { scalarOf } from "../../packages/jaxscale/src/trace/operand.ts";
import { traceToJaxpr } from "../../packages/jaxscale/src/trace/staging.ts";
import { readDocument } from "./fixtures.ts";
import { apiFunction } from "./rows.ts";

const { numpy: jnp, lax, nn } = jax;

/** A result's dtype, `*` for a weak type, or `error` with JAX's class. */
interface Promotion {
  readonly tables: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, string>>>>>>;
  readonly single: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly created: Readonly<Record<string, string>>;
}
const { tables, single, created } = readDocument<Promotion>("promotion");

type Operand = jax.Array | number | boolean;

/** What Python scalars become inside a traced function. */
const scalars: Readonly<Record<string, () => Operand>> = {
  "int*": () => 1,
  "float*": () => scalarOf(1, "float32", true),
  "bool*": () => true,
};

const describe = ({ dtype, weakType }: ShapedArray): string => `${dtype}${weakType ? "*" : ""}`;

/** The result's type for operands of these kinds, by tracing alone. */
function resultType(f: (...operands: readonly Operand[]) => unknown, ...kinds: readonly string[]): string {
  const avals = kinds.filter((kind) => !(kind in scalars)).map((kind) => shapedArray([2], kind as DType));
  try {
    const { jaxpr } = traceToJaxpr(
      "promotion",
      (...arrays) => {
        let next = 0;
        const result = f(...kinds.map((kind) => scalars[kind]?.() ?? arrays[next++])) as Operand;
        return [jnp.asarray(result)];
      },
      avals,
    );
    return describe(jaxpr.outvars[0].aval);
  } catch (error) {
    return `error ${error instanceof Error ? error.name : String(error)}`;
  }
}

// JAX's TypeError and ValueError are this library's own classes.
const sameClass = (got: string, wanted: string): boolean =>
  wanted.startsWith("error ") ? /^error (DTypeError|ShapeError|TypeError)$/.test(got) : got === wanted;

function expectTypes(rows: readonly (readonly [what: string, got: string, wanted: string])[]): void {
  const wrong = rows.filter(([, got, wanted]) => !sameClass(got, wanted));
  const text = wrong.map(([what, got, wanted]) => `${what}: ${got}, in JAX ${wanted}`).join("\n");
  assert.is(wrong.length, 0, text);
}

for (const [op, table] of Object.entries(tables)) {
  test(`${op} promotes as in JAX`, () => {
    const f = op === "jnp.where" ? (a: Operand, b: Operand) => jnp.where(true, a, b) : apiFunction(op);
    const pairs = Object.entries(table).flatMap(([left, row]) =>
      Object.entries(row).map(([right, wanted]) => {
        const got = resultType(f as (...operands: readonly Operand[]) => unknown, left, right);
        return [`${left}, ${right}`, got, wanted] as const;
      }),
    );
    expectTypes(pairs);
  });
}

const unary: Readonly<Record<string, (x: Operand) => unknown>> = {
  "jnp.full_like(x, 1.5)": (x) => jnp.fullLike(x, 1.5),
  "nn.softmax": (x) => nn.softmax(jnp.atleast1d(x)),
  "x.astype(int)": (x) => jnp.asarray(x).astype("int32"),
  "x.astype(float)": (x) => jnp.asarray(x).astype("float32"),
};
const laterUnary = ["jnp.sort"];

for (const [op, row] of Object.entries(single)) {
  if (laterUnary.includes(op)) continue;
  test(`${op} gives JAX's types`, () => {
    const f = unary[op] ?? apiFunction(op);
    expectTypes(
      Object.entries(row).map(([kind, wanted]) => [kind, resultType(f as (x: Operand) => unknown, kind), wanted]),
    );
  });
}

/** The expressions of `created`, as written here; without an entry, an expression belongs to later work. */
const expressions: Readonly<Record<string, () => unknown>> = {
  "jnp.array(1)": () => jnp.array(1),
  "jnp.array(1.5)": () => jnp.array(1.5),
  "jnp.array(True)": () => jnp.array(true),
  "jnp.array([1, 2])": () => jnp.array([1, 2]),
  "jnp.array([1.5])": () => jnp.array([1.5]),
  "jnp.array([1, 2.5])": () => jnp.array([1, 2.5]),
  "jnp.array([True, 2])": () => jnp.array([true, 2]),
  "jnp.asarray(1)": () => jnp.asarray(1),
  "jnp.asarray(np.arange(3))": () => jnp.asarray(new BigInt64Array([0n, 1n, 2n])),
  "jnp.asarray(np.ones(3))": () => jnp.asarray(new Float64Array([1, 1, 1])),
  "jnp.zeros((2,))": () => jnp.zeros([2]),
  "jnp.ones((2,))": () => jnp.ones([2]),
  "jnp.full((2,), 1)": () => jnp.full([2], 1),
  "jnp.full((2,), 1.5)": () => jnp.full([2], 1.5),
  "jnp.full((2,), True)": () => jnp.full([2], true),
  "jnp.arange(3)": () => jnp.arange(3),
  "jnp.arange(0, 1, 0.25)": () => jnp.arange(0, 1, 0.25),
  "jnp.linspace(0, 1, 3)": () => jnp.linspace(0, 1, 3),
  "jnp.eye(2)": () => jnp.eye(2),
  "jnp.tri(2)": () => jnp.tri(2),
  "lax.iota('int32', 3)": () => lax.iota("int32", 3),
  "nn.one_hot(jnp.arange(2), 3)": () => nn.oneHot(jnp.arange(2), 3),
  "lax.full((2,), 1.5)": () => lax.full([2], 1.5),
  "jnp.floor_divide(7, 2)": () => jnp.floorDivide(7, 2),
  "jnp.add(1, 2)": () => jnp.add(1, 2),
  "jnp.add(1, 2.5)": () => jnp.add(1, 2.5),
  "jnp.where(True, 1, 2.5)": () => jnp.where(true, 1, 2.5),
  "jnp.zeros((), jnp.int8) + 1000 - 1000": () => jnp.zeros([], { dtype: "int8" }).add(1000).sub(1000),
  "jnp.bfloat16(1) * 1.5": () => jnp.array(1, { dtype: "bfloat16" }).mul(1.5),
  "jnp.bfloat16(1) + jnp.float16(1)": () => jnp.array(1, { dtype: "bfloat16" }).add(jnp.array(1, { dtype: "float16" })),
  "jnp.ones(2, jnp.bfloat16) * jnp.arange(2)": () => jnp.ones(2, { dtype: "bfloat16" }).mul(jnp.arange(2)),
  "jnp.ones(2, jnp.bfloat16) @ jnp.ones(2, jnp.float32)": () =>
    jnp.matmul(jnp.ones(2, { dtype: "bfloat16" }), jnp.ones(2)),
  "jnp.ones(2, jnp.int8) @ jnp.ones(2, jnp.int8)": () =>
    jnp.matmul(jnp.ones(2, { dtype: "int8" }), jnp.ones(2, { dtype: "int8" })),
  "jnp.count_nonzero(jnp.ones(2))": () => jnp.countNonzero(jnp.ones(2)),
};
/** A whole JavaScript number is an int, so these cannot be written; constructors of dtypes are jnp.array with a dtype. */
const notWritable = [
  "jnp.asarray([1.0])",
  "jnp.arange(3.0)",
  "jnp.bool_(True)",
  "jnp.int32(3)",
  "jnp.float32(3)",
  "jnp.bfloat16(3)",
  "jnp.float64(3)",
  "jnp.int64(3)",
  "jnp.float32(1) * jnp.array(1.5, weak := jnp.float16)",
];
const laterCreated = [
  "jnp.argsort(jnp.ones(3))",
  "jnp.nonzero(jnp.ones(3))[0]",
  "jnp.searchsorted(jnp.ones(3), 1)",
  "jax.random.uniform(jax.random.key(0))",
  "jax.random.randint(jax.random.key(0), (2,), 0, 3)",
  "jax.random.bits(jax.random.key(0))",
];

test("created arrays have JAX's types", () => {
  expectTypes(Object.entries(expressions).map(([text, make]) => [text, resultType(make), created[text]]));
});

test("every expression of the fixtures is run or listed", () => {
  const known = [...Object.keys(expressions), ...notWritable, ...laterCreated];
  assert.equal(known.sort(), Object.keys(created).sort());
});

test.run();
