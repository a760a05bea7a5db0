/** Parameters written as Python writes them, for printed jaxprs. */
import { describe } from "../base/describe.ts";

// An array has no text of its own: where it stands wrongly, its type is shown.
const text = (value: unknown): string => (typeof value === "object" ? describe(value) : String(value));

/** `(1, 2)`, `(1,)`, `()`. Nested arrays become nested tuples. */
export function tuple(values: readonly unknown[]): string {
  const items = values.map((v) => (Array.isArray(v) ? tuple(v) : text(v)));
  return items.length === 1 ? `(${items[0]},)` : `(${items.join(", ")})`;
}

/** `[1, 2]` */
export const list = (values: readonly unknown[]): string => `[${values.map(text).join(", ")}]`;

/** `True`, `False` */
export const bool = (value: boolean): string => (value ? "True" : "False");
