import * as fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { KernelBuilder } from "../../packages/jaxscale/src/kernel/builder.ts";
import { Index } from "../../packages/jaxscale/src/kernel/index-space.ts";
import type { Value } from "../../packages/jaxscale/src/kernel/ir.ts";
import { divisorOf, splitConstant } from "../../packages/jaxscale/src/kernel/simplify.ts";

// Expressions over three bounded values, built twice: as numbers, with JavaScript's 32-bit arithmetic, and as kernel values.
type Op = "add" | "sub" | "mul" | "div" | "rem" | "min" | "max" | "and" | "shl" | "shr";
type Expression =
  | { readonly kind: "leaf"; readonly leaf: number }
  | { readonly kind: "constant"; readonly n: number }
  | { readonly kind: "op"; readonly op: Op; readonly a: Expression; readonly b: Expression };

const sizes = [8, 30, 1024];

const { tree } = fc.letrec<{ tree: Expression }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 6, withCrossShrink: true },
    fc.record({ kind: fc.constant("leaf" as const), leaf: fc.nat(2) }),
    fc.record({ kind: fc.constant("constant" as const), n: fc.integer({ min: -70, max: 70 }) }),
    fc.record({
      kind: fc.constant("op" as const),
      op: fc.constantFrom<Op[]>("add", "add", "sub", "mul", "div", "rem", "min", "max"),
      a: tie("tree"),
      b: tie("tree"),
    }),
    fc.record({
      kind: fc.constant("op" as const),
      op: fc.constantFrom<Op[]>("mul", "div", "rem", "and", "shl", "shr"),
      a: tie("tree"),
      b: fc.record({ kind: fc.constant("constant" as const), n: fc.constantFrom(1, 2, 3, 4, 6, 8, 12, 16) }),
    }),
  ),
}));

const compute: Readonly<Record<Op, (a: number, b: number) => number>> = {
  add: (a, b) => (a + b) | 0,
  sub: (a, b) => (a - b) | 0,
  mul: (a, b) => Math.imul(a, b),
  div: (a, b) => Math.trunc(a / b) | 0,
  rem: (a, b) => (a % b) | 0,
  min: Math.min,
  max: Math.max,
  and: (a, b) => a & b,
  shl: (a, b) => a << (b & 31),
  shr: (a, b) => a >> (b & 31),
};

class DivisionByZero extends Error {}

function evaluate(e: Expression, leaves: readonly number[]): number {
  if (e.kind === "leaf") return leaves[e.leaf];
  if (e.kind === "constant") return e.n;
  const [a, b] = [evaluate(e.a, leaves), evaluate(e.b, leaves)];
  if (b === 0 && (e.op === "div" || e.op === "rem")) throw new DivisionByZero();
  return compute[e.op](a, b);
}

function build(k: KernelBuilder, e: Expression, leaves: readonly Value[]): Value {
  if (e.kind === "leaf") return leaves[e.leaf];
  if (e.kind === "constant") return k.i32(e.n);
  const [a, b] = [build(k, e.a, leaves), build(k, e.b, leaves)];
  return e.op === "shl" || e.op === "shr" ? k[e.op](a, k.cast("u32", b)) : k[e.op](a, b);
}

/** The number that a value is when its leaves are these. */
function interpret(v: Value, leaves: ReadonlyMap<Value, number>): number {
  const known = leaves.get(v);
  if (known !== undefined) return known;
  if (v.op === "const") return v.attr as number;
  const args = v.args.map((a) => interpret(a, leaves));
  if (v.op === "cast" || v.op === "assume") return args[0];
  if (args[1] === 0 && (v.op === "div" || v.op === "rem")) throw new DivisionByZero();
  return compute[v.op as Op](args[0], args[1]);
}

const unlessDivisionByZero = (check: () => void): void => {
  try {
    check();
  } catch (error) {
    if (!(error instanceof DivisionByZero)) throw error;
  }
};

const point = fc.tuple(...sizes.map((size) => fc.nat(size - 1)));

const makeLeaves = (k: KernelBuilder): Value[] =>
  sizes.map((size, i) => k.opaque("i32", `leaf${i}`, { min: 0, max: size - 1 }));

test("simplified index arithmetic has the value and lies in the range it claims", () => {
  fc.assert(
    fc.property(tree, fc.array(point, { minLength: 4, maxLength: 4 }), (expression, points) => {
      const k = new KernelBuilder();
      const leaves = makeLeaves(k);
      const value = build(k, expression, leaves);
      for (const at of points)
        unlessDivisionByZero(() => {
          const want = evaluate(expression, at);
          const got = interpret(value, new Map(leaves.map((leaf, i) => [leaf, at[i]])));
          assert.is(got, want);
          if (value.range) assert.ok(value.range.min <= want && want <= value.range.max, `${want} in its range`);
        });
    }),
    { numRuns: 4000 },
  );
});

test("a divisor divides, and a split constant adds up", () => {
  fc.assert(
    fc.property(tree, point, (expression, at) => {
      const k = new KernelBuilder();
      const leaves = makeLeaves(k);
      const value = build(k, expression, leaves);
      const given = new Map(leaves.map((leaf, i) => [leaf, at[i]]));
      unlessDivisionByZero(() => {
        const number = interpret(value, given);
        const { base, offset } = splitConstant(k, value);
        assert.is((interpret(base, given) + offset) | 0, number);
        if (value.range) assert.is(Math.abs(number % divisorOf(value)), 0, `${divisorOf(value)} divides ${number}`);
      });
    }),
    { numRuns: 3000 },
  );
});

test("taking a position apart into coordinates and putting it together again is no work at all", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }), (shape) => {
      const k = new KernelBuilder();
      const size = shape.reduce((a, b) => a * b, 1);
      const linear = k.opaque("i32", "linear", { min: 0, max: size - 1 });
      const again = Index.fromCoords(k, shape, Index.fromLinear(k, shape, linear).coords).linear;
      assert.is(again, size === 1 ? k.i32(0) : linear);
    }),
  );
});

test("coordinates of a position are found again after a reshape there and back", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 2, max: 6 }), { minLength: 1, maxLength: 4 }), (shape) => {
      const k = new KernelBuilder();
      const coords = shape.map((d, i) => k.opaque("i32", `c${i}`, { min: 0, max: d - 1 }));
      const flat = Index.fromCoords(k, shape, coords).reshaped([shape.reduce((a, b) => a * b, 1)]);
      assert.equal(
        flat.reshaped(shape).coords.map((c) => c.id),
        coords.map((c) => c.id),
      );
    }),
  );
});

test("integer constants fold as 32-bit arithmetic does", () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer(), (a, b) => {
      const k = new KernelBuilder();
      const folded = (op: Op): number => (k[op] as (x: Value, y: Value) => Value)(k.i32(a), k.i32(b)).attr as number;
      for (const op of ["add", "sub", "mul", "min", "max", "and"] as const) assert.is(folded(op), compute[op](a, b));
      if (b !== 0) for (const op of ["div", "rem"] as const) assert.is(folded(op) | 0, compute[op](a, b));
    }),
  );
});

test.run();
