/** Looking into programs while they run. */
import type { HostTensor } from "../base/tensor-data.ts";
import { debugPrint, Printer } from "../primitives/debug-print.ts";
import type { ArrayLike } from "../trace/array.ts";
import { asArray } from "../trace/operand.ts";
import { bind } from "../trace/trace.ts";
import { setWatcher, withWatcher } from "./config.ts";
import { debugging } from "./dump.ts";
import { watchForNans } from "./find-nan.ts";
import { inspectArraySharding } from "./inspect-sharding.ts";
import { formatElements } from "./print-array.ts";
import { visualizeArraySharding, visualizeSharding } from "./visualize-sharding.ts";

const places = /\{\{|\}\}|\{(\d*)\}/g;

/** The format with values in its places. */
function filled(format: string, values: readonly HostTensor[]): string {
  let next = 0;
  return format.replace(places, (place, index: string) => {
    if (place === "{{" || place === "}}") return place[0];
    return formatElements(values[index === "" ? next++ : Number(index)]);
  });
}

const printer = new Printer((format, values) => console.log(filled(format, values)));

/**
 * Prints a line with the values of arrays, also from inside `jit`, `scan`, `cond` and `vmap` (a line for each index). Lines appear
 * in the order of the program, when the values have come from the device; `effectsBarrier()` waits for them.
 * @param format text with a place `{}`, or `{0}`, `{1}` …, for each array; `{{` and `}}` stand for braces
 * @throws TypeError unless the places fit the arrays, or in a loop of which only the device knows how often it turns
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.debug.print.html
 */
function print(format: string, ...arrays: readonly ArrayLike[]): void {
  const found = [...format.matchAll(places)].flatMap(([, index]) => (index === undefined ? [] : [index]));
  let next = 0;
  const used = new Set(found.map((index) => (index === "" ? next++ : Number(index))));
  if (used.size !== arrays.length || [...used].some((i) => i >= arrays.length))
    throw new TypeError(
      `debug.print: the format must have a place {} for each array; got ${used.size} places in "${format}" for ${arrays.length} arrays`,
    );
  bind(
    debugPrint,
    arrays.map((x) => asArray("debug.print", x)),
    { format, printer },
  );
}

// biome-ignore lint/suspicious/noExplicitAny: parameters of a generic function are contravariant
type AnyFunction = (...args: any[]) => unknown;

/** Looks for NaNs in everything that runs from now on (`true`), or no longer. */
function nans(on: boolean): void;
/**
 * The function with its results checked: where one has a NaN, `data()` and the like reject with a DeviceError that names the first
 * operation that made one, and the line that called it. Costs a read of every result, and where there is one a second run, step
 * by step; donated arguments are copied.
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.debug_nans.html
 */
function nans<F extends AnyFunction>(f: F): F;
function nans(what: boolean | AnyFunction): unknown {
  if (typeof what === "boolean") return setWatcher(what ? watchForNans : undefined);
  const checked = (...args: unknown[]): unknown => withWatcher(watchForNans, () => what(...args));
  return Object.defineProperty(checked, "name", { value: what.name });
}

if (debugging()) nans(true);

/** Values of a program while it runs (`debug.print`, `debug.nans`), and where its arrays lie. */
export const debug = { print, nans, inspectArraySharding, visualizeArraySharding, visualizeSharding };

/** Refused: a program on the device cannot wait for JavaScript. @throws TypeError always */
export function pureCallback(..._given: readonly unknown[]): never {
  throw new TypeError(
    "pureCallback: a kernel must not wait for JavaScript, which WebGPU cannot call while the device works; got a callback. Return the array from the jitted function, compute on the host with await x.data(), and pass the result to the next one; or write the operation as WGSL with customKernel",
  );
}
