/** Tests that calls of public functions trace to JAX's own equations. */
import { readFileSync } from "node:fs";
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type DType, dtypeNames, shortName } from "../../packages/jaxscale/src/base/dtypes.ts";
import { type ShapedArray, shapedArray } from "../../packages/jaxscale/src/jaxpr/ir.ts";
import { printJaxpr } from "../../packages/jaxscale/src/jaxpr/print.ts";
import { scalarOf } from "../../packages/jaxscale/src/trace/operand.ts";
import { traceToJaxpr } from "../../packages/jaxscale/src/trace/staging.ts";
import { apiFunction, numberOf, optionsOf } from "../conformance/rows.ts";
import { normalizeJaxpr } from "../jaxpr/compare.ts";

type Operand = string | null | { readonly int?: number; readonly float?: number | string; readonly bool?: boolean };
interface Golden {
  readonly op: string;
  readonly operands: readonly Operand[];
  readonly params: Readonly<Record<string, unknown>>;
  /** Names of params that come by position, after the operands. */
  readonly positional: readonly string[];
  readonly jaxpr?: string;
  /** Of each result. */
  readonly weak?: readonly boolean[];
  readonly error?: string;
}

const dtypes = new Map<string, DType>(dtypeNames.map((name) => [shortName(name), name]));

function avalOf(text: string): ShapedArray {
  const [, weak, dtype, dims] = /^(~?)(\w+)\[([\d,]*)\]$/.exec(text) as RegExpExecArray;
  return shapedArray(dims ? dims.split(",").map(Number) : [], dtypes.get(dtype) as DType, weak === "~");
}

function scalar({ int, float, bool }: Exclude<Operand, string | null>): jax.Array | number | boolean {
  if (bool !== undefined) return bool;
  return int ?? scalarOf(numberOf(float) as number, "float32", true);
}

function trace(golden: Golden): { readonly text: string; readonly weak: readonly boolean[] } {
  const { op, operands, params, positional } = golden;
  const rest = Object.fromEntries(Object.entries(params).filter(([name]) => !positional.includes(name)));
  const placed = positional.filter((name) => name in params).map((name) => params[name]);
  const arrays = operands.filter((x) => typeof x === "string");
  const closed = traceToJaxpr(
    "golden",
    (...tracers) => {
      const given = [...tracers];
      const values = operands.map((x) => (typeof x === "string" ? given.shift() : x === null ? undefined : scalar(x)));
      const options = Object.keys(rest).length > 0 ? [optionsOf(rest)] : [];
      return jax.tree.leaves(apiFunction(op)(...values, ...placed, ...options));
    },
    arrays.map(avalOf),
  );
  return { text: printJaxpr(closed), weak: closed.jaxpr.outvars.map((atom) => atom.aval.weakType) };
}

const describe = ({ operands, params }: Golden): string => JSON.stringify(operands) + JSON.stringify(params);

/** What differs from JAX, or undefined. */
function differenceOf(golden: Golden): string | undefined {
  try {
    const { text, weak } = trace(golden);
    if (golden.jaxpr === undefined) return `no error, in JAX a ${golden.error}`;
    const [got, wanted] = [normalizeJaxpr(text), normalizeJaxpr(golden.jaxpr)];
    if (got !== wanted) return `\n${got}\nin JAX\n${wanted}`;
    return String(weak) === String(golden.weak) ? undefined : `weak types ${weak}, in JAX ${golden.weak}`;
  } catch (error) {
    const isOurs = error instanceof jax.DTypeError || error instanceof jax.ShapeError;
    return golden.error && isOurs ? undefined : String(error instanceof Error ? error.stack : error);
  }
}

/** One test an op of the namespace. */
export function checkAgainstJax(namespace: "lax" | "jnp" | "nn"): void {
  const path = new URL("../fixtures/jax-functions/jaxprs.json", import.meta.url);
  const goldens = (JSON.parse(readFileSync(path, "utf8")) as Golden[]).filter(({ op }) =>
    op.startsWith(`${namespace}.`),
  );
  for (const op of new Set(goldens.map((golden) => golden.op)))
    test(`${op} makes JAX's equations`, () => {
      const wrong = goldens
        .filter((golden) => golden.op === op)
        .map((golden) => [describe(golden), differenceOf(golden)] as const)
        .filter(([, difference]) => difference !== undefined);
      const [first] = wrong;
      assert.ok(!first, first && `${wrong.length} calls differ, the first: ${first[0]}: ${first[1]}`);
    });
}
