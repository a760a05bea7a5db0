/** Jitted functions with static arguments: traced once for each value of them, so that equal calls share a jaxpr. */
import type { Array } from "../../trace/array.ts";
import { innerJit } from "../inner-jit.ts";

type Traceable = (...args: readonly Array[]) => Array | readonly Array[];

const mostKept = 1000;

/**
 * `staticJit("_flip", (axes) => (x) => …)(axes)(x)`.
 * @param make the function for static values, which must be JSON
 */
export function staticJit<S extends readonly unknown[], F extends Traceable>(
  name: string,
  make: (...statics: S) => F,
): (...statics: S) => F {
  const kept = new Map<string, F>();
  return (...statics) => {
    const key = JSON.stringify(statics, keepNumbers);
    let f = kept.get(key);
    if (!f) {
      if (kept.size >= mostKept) kept.clear();
      kept.set(key, (f = innerJit(name, make(...statics))));
    }
    return f;
  };
}

// JSON has no NaN, infinities or -0.
const keepNumbers = (_: string, value: unknown): unknown =>
  typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0))
    ? `number ${Object.is(value, -0) ? "-0" : value}`
    : value;
