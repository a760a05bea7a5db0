/** Results remembered as long as the object they were made of lives: a body that is called twice stays one jaxpr. */
const results = new WeakMap<object, Map<string, unknown>>();

export function memoized<T>(of: object, key: string, make: () => T): T {
  let known = results.get(of);
  if (!known) results.set(of, (known = new Map()));
  if (!known.has(key)) known.set(key, make());
  return known.get(key) as T;
}
