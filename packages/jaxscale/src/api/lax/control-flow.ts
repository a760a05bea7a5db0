/** Loops and branches on the device: a body compiles once, whatever the number of iterations. */

import { describe } from "../../base/describe.ts";
import { isInteger } from "../../base/dtypes.ts";
import { ShapeError } from "../../base/errors.ts";
import { formatTreedef, sameTreedef, unflatten } from "../../base/pytree.ts";
import { formatAval, newVar } from "../../jaxpr/ir.ts";
import { cond as condPrimitive } from "../../primitives/cond.ts";
import { scan as scanPrimitive } from "../../primitives/scan.ts";
import { whileLoop as whilePrimitive } from "../../primitives/while.ts";
import type { Array, ArrayLike } from "../../trace/array.ts";
import { asArray, scalarOf } from "../../trace/operand.ts";
import { bind, varyAlong } from "../../trace/trace.ts";
import { functionOf, listOf, optionsOf } from "../arguments.ts";
import type { AsArrays, Next, Seed, WithNumbers } from "../tree-types.ts";
import { clamp, convertElementType } from "./convert.ts";
import { add, lt, ne } from "./elementwise.ts";
import {
  avalsOf,
  checkCarry,
  type Flat,
  flattenArrays,
  isSameType,
  promoteWeak,
  sliceAval,
  traceBody,
} from "./trace-body.ts";
import { varyAlike } from "./vary-alike.ts";

/** An initial carry: numbers are accepted as arrays. */
type First<Carry> = Carry | (Array extends Carry ? number | boolean : never);

/** Options of `lax.scan`. */
export interface ScanOptions {
  /** Iterations; needed only without inputs. */
  readonly length?: number;
  /** From the last slice to the first. */
  readonly reverse?: boolean;
  /** Accepted for JAX's sake: the loop runs on the device in any case. */
  readonly unroll?: number;
}

/**
 * Applies `f(carry, x) → [carry, y]` to the slices of `xs` along axis 0, and stacks the ys.
 * @throws TypeError if the carry changes its structure, shape or dtype; ShapeError if inputs differ in length
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.scan.html
 */
export function scan<Init extends Seed, X, Y>(
  f: (carry: AsArrays<Init>, x: X) => readonly [Next<NoInfer<Init>>, Y],
  init: WithNumbers<Init>,
  xs: X,
  options?: ScanOptions,
): [AsArrays<Init>, Y];
export function scan<Carry extends Seed, X, Y>(
  f: (carry: Carry, x: X) => readonly [NoInfer<Carry>, Y],
  init: Carry,
  xs: X,
  options?: ScanOptions,
): [Carry, Y];
export function scan<Carry, X, Y>(
  f: (carry: Carry, x: X) => readonly [Carry, Y],
  init: First<Carry>,
  xs: X,
  options?: ScanOptions,
): [Carry, Y];
export function scan<Carry, X, Y>(
  f: (carry: Carry, x: X) => readonly [Carry, Y],
  init: First<Carry>,
  xs: X,
  options?: ScanOptions,
): [Carry, Y] {
  const { length, reverse, unroll } = optionsOf("scan", options, { length: undefined, reverse: false, unroll: 1 });
  functionOf("scan", "the body", f);
  let carry = flattenArrays("scan", init);
  const inputs = flattenArrays("scan", xs);
  const iterations = lengthOf(inputs, length);
  const traced = (first: Flat): { body: ReturnType<typeof traceBody>; outTree: ReturnType<typeof splitPair> } => {
    const body = traceBody(
      "scan",
      f,
      [first.treedef, inputs.treedef],
      [avalsOf(first), inputs.leaves.map((x) => sliceAval(x.aval))],
    );
    return { body, outTree: splitPair(body.outTree) };
  };
  let { body, outTree } = traced(carry);
  const promoted = promoteWeak(
    carry,
    body.jaxpr.jaxpr.outvars.slice(0, outTree.carry.numLeaves).map((a) => a.aval),
  );
  if (promoted) {
    carry = promoted;
    ({ body, outTree } = traced(carry));
  }
  const numCarry = carry.leaves.length;
  const outputs = body.jaxpr.jaxpr.outvars.map((a) => a.aval);
  checkCarry("scan", carry, outTree.carry, outputs.slice(0, outTree.carry.numLeaves));
  const results = bind(scanPrimitive, [...body.constants, ...carry.leaves, ...inputs.leaves], {
    jaxpr: body.jaxpr,
    length: iterations,
    numConsts: body.constants.length,
    numCarry,
    reverse,
    unroll,
  });
  return [
    unflatten<Carry>(outTree.carry, results.slice(0, numCarry)),
    unflatten<Y>(outTree.ys, results.slice(numCarry)),
  ];
}

function checkIterations(what: string, iterations: number): void {
  if (!Number.isInteger(iterations) || iterations < 0)
    throw new ShapeError(`${what} must be a whole number, 0 or more; got ${describe(iterations)}`);
}

function lengthOf(inputs: Flat, length: number | undefined): number {
  if (length !== undefined) checkIterations("scan: the length", length);
  for (const x of inputs.leaves)
    if (x.ndim === 0) throw new ShapeError(`scan: inputs must have an axis to scan over; got ${formatAval(x.aval)}`);
  const lengths = [...new Set([...(length === undefined ? [] : [length]), ...inputs.leaves.map((x) => x.shape[0])])];
  if (lengths.length === 0) throw new ShapeError("scan: needs inputs or a length; got neither");
  if (lengths.length > 1)
    throw new ShapeError(`scan: inputs must have equal leading sizes; got ${lengths.join(" and ")}`);
  return lengths[0];
}

function splitPair(treedef: ReturnType<typeof traceBody>["outTree"]): { carry: typeof treedef; ys: typeof treedef } {
  if (treedef.kind !== "list" || treedef.children.length !== 2)
    throw new TypeError(`scan: the body must return [carry, y]; got ${formatTreedef(treedef)}`);
  return { carry: treedef.children[0], ys: treedef.children[1] };
}

/** Options of `lax.whileLoop`. */
export interface WhileOptions {
  /** The most iterations that can happen; with it the loop needs no round trip to the host. Iterations after it do not happen. */
  readonly maxTrips?: number;
}

/**
 * Applies `body` to the carry while `condition` of it holds; the decision is taken on the device.
 * @throws TypeError if the carry changes its type, or the condition is no bool scalar
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.while_loop.html
 */
export function whileLoop<Init extends Seed>(
  condition: (carry: AsArrays<Init>) => ArrayLike,
  body: (carry: AsArrays<Init>) => Next<NoInfer<Init>>,
  init: WithNumbers<Init>,
  options?: WhileOptions,
): AsArrays<Init>;
export function whileLoop<Carry extends Seed>(
  condition: (carry: Carry) => ArrayLike,
  body: (carry: Carry) => NoInfer<Carry>,
  init: Carry,
  options?: WhileOptions,
): Carry;
export function whileLoop<Carry>(
  condition: (carry: Carry) => ArrayLike,
  body: (carry: Carry) => Carry,
  init: First<Carry>,
  options?: WhileOptions,
): Carry;
export function whileLoop<Carry>(
  condition: (carry: Carry) => ArrayLike,
  body: (carry: Carry) => Carry,
  init: First<Carry>,
  options?: WhileOptions,
): Carry {
  const { maxTrips } = optionsOf("while_loop", options, { maxTrips: undefined });
  if (maxTrips !== undefined) checkIterations("while_loop: maxTrips", maxTrips);
  functionOf("while_loop", "the condition", condition);
  functionOf("while_loop", "the body", body);
  let carry = flattenArrays("while_loop", init);
  let traced = traceBody("body_fun", body, [carry.treedef], [avalsOf(carry)]);
  const promoted = promoteWeak(
    carry,
    traced.jaxpr.jaxpr.outvars.map((a) => a.aval),
  );
  if (promoted) {
    carry = promoted;
    traced = traceBody("body_fun", body, [carry.treedef], [avalsOf(carry)]);
  }
  checkCarry(
    "while_loop",
    carry,
    traced.outTree,
    traced.jaxpr.jaxpr.outvars.map((a) => a.aval),
  );
  const test = traceBody("cond_fun", condition, [carry.treedef], [avalsOf(carry)]);
  const rule = "while_loop: cond_fun must return a boolean scalar";
  if (test.outTree.kind !== "leaf") throw new TypeError(`${rule}; got ${formatTreedef(test.outTree)}`);
  const [{ aval }] = test.jaxpr.jaxpr.outvars;
  if (aval.dtype !== "bool" || aval.shape.length > 0) throw new TypeError(`${rule}; got ${formatAval(aval)}`);
  const results = bind(whilePrimitive, [...test.constants, ...traced.constants, ...carry.leaves], {
    condJaxpr: test.jaxpr,
    condNconsts: test.constants.length,
    bodyJaxpr: traced.jaxpr,
    bodyNconsts: traced.constants.length,
    ...(maxTrips !== undefined && { maxTrips }),
  });
  return unflatten<Carry>(traced.outTree, results);
}

/**
 * `for (i = lower; i < upper; i++) x = body(i, x)`: a scan for bounds known on the host, else a while loop.
 * @throws TypeError if the bounds are not numbers of one dtype, or the carry changes its type
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.fori_loop.html
 */
export function foriLoop<Init extends Seed>(
  lower: ArrayLike,
  upper: ArrayLike,
  body: (i: Array, carry: AsArrays<Init>) => Next<NoInfer<Init>>,
  init: WithNumbers<Init>,
): AsArrays<Init>;
export function foriLoop<Carry extends Seed>(
  lower: ArrayLike,
  upper: ArrayLike,
  body: (i: Array, carry: Carry) => NoInfer<Carry>,
  init: Carry,
): Carry;
export function foriLoop<Carry>(
  lower: ArrayLike,
  upper: ArrayLike,
  body: (i: Array, carry: Carry) => Carry,
  init: First<Carry>,
): Carry;
export function foriLoop<Carry>(
  lower: ArrayLike,
  upper: ArrayLike,
  body: (i: Array, carry: Carry) => Carry,
  init: First<Carry>,
): Carry {
  functionOf("fori_loop", "the body", body);
  const [low, high] = [asArray("fori_loop", lower), asArray("fori_loop", upper)];
  if (low.dtype !== high.dtype || low.dtype === "bool" || low.ndim > 0 || high.ndim > 0)
    throw new TypeError(
      `fori_loop: lower and upper must be scalar numbers of one dtype; got ${formatAval(low.aval)} and ${formatAval(high.aval)}`,
    );
  const after = (i: Array): Array => add(i, scalarOf(1, i.dtype, i.weakType));
  if (low.literal !== undefined && high.literal !== undefined && isInteger(low.dtype)) {
    const step = ([i, x]: [Array, Carry]): readonly [[Array, Carry], null] => [[after(i), body(i, x)], null];
    const length = Math.max(0, high.literal - low.literal);
    const [[, result]] = scan(step, [low, init] as [Array, Carry], null, { length });
    return result;
  }
  const [, , result] = whileLoop<[Array, Array, Carry]>(
    ([i, end]) => lt(i, end),
    ([i, end, x]) => [after(i), end, body(i, x)],
    [low, high, init as Carry],
  );
  return result;
}

/**
 * `onTrue(...operands)` where `predicate` is not 0, else `onFalse(...operands)`; only one branch runs.
 * @throws TypeError if the branches differ in structure, shape or dtype
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.cond.html
 */
export function cond<Args extends unknown[], R>(
  predicate: ArrayLike,
  onTrue: (...args: Args) => R,
  onFalse: (...args: Args) => R,
  ...operands: Args
): R {
  functionOf("cond", "onTrue", onTrue);
  functionOf("cond", "onFalse", onFalse);
  const p = asArray("cond", predicate);
  if (p.ndim > 0) throw new TypeError(`cond: the predicate must be a scalar; got ${formatAval(p.aval)}`);
  const holds = p.dtype === "bool" ? p : ne(p, convertElementType(asArray("cond", 0), p.dtype));
  return branch("cond", convertElementType(holds, "int32"), [onFalse, onTrue], operands);
}

/**
 * `branches[index](...operands)`, with the index clamped to the branches.
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.switch.html
 */
export function switchBranch<Args extends unknown[], R>(
  index: ArrayLike,
  branches: readonly ((...args: Args) => R)[],
  ...operands: Args
): R {
  for (const f of listOf("switch", "branches", branches)) functionOf("switch", "a branch", f);
  if (branches.length === 0) throw new TypeError("switch: needs at least one branch; got none");
  const i = asArray("switch", index);
  if (i.ndim > 0 || !isInteger(i.dtype))
    throw new TypeError(`switch: the index must be an integer scalar; got ${formatAval(i.aval)}`);
  if (branches.length === 1) return branches[0](...operands);
  const as32 = i.dtype === "int32" ? i : convertElementType(i, "int32");
  return branch(
    "switch",
    clamp(scalarOf(0, "int32"), as32, scalarOf(branches.length - 1, "int32")),
    branches,
    operands,
  );
}
export { switchBranch as switch };

function branch<Args extends unknown[], R>(
  op: string,
  index: Array,
  functions: readonly ((...args: Args) => R)[],
  operands: Args,
): R {
  const { varying = [] } = index.aval;
  const { leaves: given, treedef } = flattenArrays(op, operands);
  const leaves = given.map((x) => varyAlong(x, varying));
  const avals = leaves.map((x) => x.aval);
  const traced = functions.map((f) => traceBody(op, (args: Args) => f(...args), [treedef], [avals]));
  const [first] = traced;
  traced.forEach((body, i) => checkBranch(op, first, body, i));
  const bodies = varyAlike(traced, varying);
  // Every branch takes the constants of all branches.
  const constants = bodies.flatMap((b) => b.constants);
  let before = 0;
  const branches = bodies.map(({ jaxpr: { jaxpr }, constants: own }) => {
    const mine = jaxpr.invars.slice(0, own.length);
    const unused = constants.map((x) => newVar(x.aval));
    unused.splice(before, own.length, ...mine);
    before += own.length;
    return { jaxpr: { ...jaxpr, invars: [...unused, ...jaxpr.invars.slice(own.length)] }, consts: [] };
  });
  return unflatten<R>(first.outTree, bind(condPrimitive, [index, ...constants, ...leaves], { branches }));
}

function checkBranch(
  op: string,
  first: ReturnType<typeof traceBody>,
  other: ReturnType<typeof traceBody>,
  i: number,
): void {
  const [one, another] = op === "cond" ? ["onFalse", "onTrue"] : ["branch 0", `branch ${i}`];
  if (!sameTreedef(first.outTree, other.outTree))
    throw new TypeError(
      `${op}: branches must return trees of one structure; got ${formatTreedef(first.outTree)} from ${one} and ${formatTreedef(other.outTree)} from ${another}`,
    );
  const [a, b] = [first, other].map(({ jaxpr }) => jaxpr.jaxpr.outvars.map((v) => v.aval));
  const wrong = a.findIndex((aval, j) => !isSameType(aval, b[j]));
  if (wrong >= 0)
    throw new TypeError(
      `${op}: branches must have equal output types; got ${formatAval(a[wrong])} from ${one} and ${formatAval(b[wrong])} from ${another}`,
    );
}

/**
 * `f` of each slice of `xs` along axis 0, stacked: a scan without a carry.
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.map.html
 */
export function map<X, Y>(f: (x: X) => Y, xs: X): Y {
  functionOf("map", "the first argument", f);
  const [, ys] = scan((carry: null, x: X): readonly [null, Y] => [carry, f(x)], null, xs);
  return ys;
}
