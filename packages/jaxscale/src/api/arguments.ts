/** What functions take besides arrays, checked where it is read: options, whole numbers, lists, functions. */

import { describe } from "../base/describe.ts";
import { knownDType } from "../base/dtypes.ts";
import { DTypeError, ShapeError } from "../base/errors.ts";
import { isPlainObject } from "../base/treedef.ts";
import type { DotDimensionNumbers } from "../primitives/dot-general.ts";

/** Stands for the default of an option that must be given. */
export const required: unique symbol = Symbol("required");

/** Every option with its default; undefined for one that may stay absent. */
export type Defaults<T> = { readonly [K in keyof Required<T>]: T[K] | undefined | typeof required };
export type Resolved<T, D> = {
  readonly [K in keyof T]-?: K extends keyof D ? (undefined extends D[K] ? T[K] : Exclude<T[K], undefined>) : never;
};

const namesOfDTypes = new Set(["dtype", "indexDtype", "preferredElementType"]);

/**
 * Options with their defaults, which also say what options there are.
 * @throws TypeError for what is no object of options, or has others; DTypeError for a dtype that is none
 */
export function optionsOf<T extends object, const D extends Defaults<T>>(
  op: string,
  given: T | undefined,
  defaults: D,
): Resolved<T, D> {
  const options: unknown = given === undefined ? {} : given;
  if (typeof options !== "object" || options === null || !isPlainObject(options))
    throw new TypeError(`${op}: options must be an object such as ${exampleOf(defaults)}; got ${describe(given)}`);
  for (const name of Object.keys(options))
    if (!Object.hasOwn(defaults, name))
      throw new TypeError(`${op}: options must be among ${Object.keys(defaults).join(", ")}; got ${name}`);
  const resolved: Record<string, unknown> = {};
  for (const [name, otherwise] of Object.entries(defaults)) {
    const isDType = namesOfDTypes.has(name);
    // As None in JAX.
    const value = isDType ? (options[name] ?? undefined) : options[name];
    if (value === undefined && otherwise === required)
      throw new TypeError(`${op}: the option ${name} must be given; got ${describe(given)}`);
    if (value !== undefined && isDType) knownDType(op, value);
    resolved[name] = value === undefined ? otherwise : value;
  }
  return resolved as Resolved<T, D>;
}

function exampleOf(defaults: object): string {
  const [[name, value]] = Object.entries(defaults);
  if (name === "axis") return "{ axis: 1 }";
  if (name.toLowerCase().includes("dtype")) return `{ ${name}: "float32" }`;
  return `{ ${name}: ${typeof value === "symbol" || value === undefined ? "…" : describe(value)} }`;
}

/** @throws DTypeError unless it is one of the names */
export function oneOf<T extends string>(op: string, what: string, x: T, names: readonly T[]): T {
  if (names.includes(x)) return x;
  throw new DTypeError(
    `${op}: ${what} must be one of ${names.join(", ")}; got ${typeof x === "string" ? x : describe(x)}`,
  );
}

/** @throws ShapeError unless it is a whole number, of at least `least` */
export function wholeOf(op: string, what: string, x: number, least = Number.NEGATIVE_INFINITY): number {
  if (Number.isInteger(x) && x >= least) return x;
  throw new ShapeError(
    `${op}: ${what} must be a whole number${least === Number.NEGATIVE_INFINITY ? "" : ` of at least ${least}`}; got ${describe(x)}`,
  );
}

/** @throws DTypeError unless it is a number */
export function numberOf(op: string, what: string, x: number): number {
  if (typeof x === "number") return x;
  throw new DTypeError(`${op}: ${what} must be a number; got ${describe(x)}`);
}

/** @throws TypeError unless it is a list */
export function listOf<T>(op: string, what: string, x: readonly T[]): readonly T[] {
  if (Array.isArray(x)) return x;
  throw new TypeError(`${op}: ${what} must be a list; got ${describe(x)}`);
}

/** A list of whole numbers, or one of them. @throws ShapeError for anything else */
export function wholesOf(op: string, what: string, x: number | readonly number[]): readonly number[] {
  const list: readonly number[] = typeof x === "number" ? [x] : x;
  if (Array.isArray(list) && list.every(Number.isInteger)) return list;
  throw new ShapeError(`${op}: ${what} must be whole numbers; got ${describe(x)}`);
}

/** @throws TypeError unless it is a function */
export function functionOf<F>(op: string, what: string, f: F): F {
  if (typeof f === "function") return f;
  throw new TypeError(`${op}: ${what} must be a function; got ${describe(f)}`);
}

/** Dimension numbers of products, as callers write them. @throws TypeError unless they are lists of axes, nested as JAX nests them */
export function dotNumbers(op: string, numbers: DotDimensionNumbers): DotDimensionNumbers {
  const isPair = (x: unknown): x is readonly unknown[] => Array.isArray(x) && x.length === 2;
  const isAxes = (x: unknown): boolean => Array.isArray(x);
  if (isPair(numbers) && numbers.every((pair) => isPair(pair) && pair.every(isAxes))) return numbers;
  throw new TypeError(
    `${op}: dimension numbers must be [[lhs contracting, rhs contracting], [lhs batch, rhs batch]], lists of axes; got ${describe(numbers)}`,
  );
}
