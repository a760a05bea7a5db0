// Node 20 lacks the iterator helpers that jax-js uses.
if (typeof Iterator === "undefined") {
  const prototype = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));
  const helpers = {
    *map(f) {
      let i = 0;
      for (const x of this) yield f(x, i++);
    },
    *filter(f) {
      let i = 0;
      for (const x of this) if (f(x, i++)) yield x;
    },
    toArray() {
      return [...this];
    },
    some(f) {
      for (const x of this) if (f(x)) return true;
      return false;
    },
    every(f) {
      for (const x of this) if (!f(x)) return false;
      return true;
    },
    reduce(f, initial) {
      let at = initial;
      for (const x of this) at = f(at, x);
      return at;
    },
    forEach(f) {
      for (const x of this) f(x);
    },
  };
  for (const [name, helper] of Object.entries(helpers)) prototype[name] ??= helper;
}
