/** Anything that a user may pass, in a few words of an error message. */

interface Typed {
  readonly shape: readonly number[];
  readonly dtype: string;
}
const isTyped = (x: object): x is Typed => "shape" in x && "dtype" in x && Array.isArray(x.shape);

/** `"text"`, `1.5`, `float32[4,8]`, `[1, 2]`, `{ axis, keepdims }`, `a function`, `a Map`; never asks an array for its value. */
export function describe(x: unknown, depth = 0): string {
  if (typeof x === "string") return JSON.stringify(x);
  if (typeof x === "function") return "a function";
  if (typeof x !== "object" || x === null) return String(x);
  if (Array.isArray(x))
    return x.length > 8 || depth > 3 ? `a list of ${x.length}` : `[${x.map((y) => describe(y, depth + 1)).join(", ")}]`;
  if (isTyped(x)) return `${x.dtype}[${x.shape.join(",")}]`;
  const prototype: unknown = Object.getPrototypeOf(x);
  // Generators and anonymous classes have a constructor without a name.
  if (prototype !== Object.prototype && prototype !== null)
    return `a ${x.constructor?.name || Object.prototype.toString.call(x).slice(8, -1)}`;
  const names = Object.keys(x);
  return names.length === 0 ? "{}" : `{ ${names.join(", ")} }`;
}
