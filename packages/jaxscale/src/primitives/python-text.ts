/** Parameters written as Python writes them, for printed jaxprs. */

/** `(1, 2)`, `(1,)`, `()`. Nested arrays become nested tuples. */
export function tuple(values: readonly unknown[]): string {
  const items = values.map((v) => (Array.isArray(v) ? tuple(v) : String(v)));
  return items.length === 1 ? `(${items[0]},)` : `(${items.join(", ")})`;
}

/** `[1, 2]` */
export const list = (values: readonly unknown[]): string => `[${values.join(", ")}]`;

/** `True`, `False` */
export const bool = (value: boolean): string => (value ? "True" : "False");
