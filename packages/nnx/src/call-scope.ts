/** Calls of modules are named scopes: their equations and kernels carry the path of the module, `layers/3/mlp`. */
import * as jax from "jaxscale";
import type { Path } from "./path.ts";
import { attributesOf, Pytree } from "./pytree.ts";

type Call = (this: Pytree, ...args: never[]) => unknown;

/** The module whose `call` runs now. */
let calling: Pytree | undefined;

const scoped = new WeakSet<object>();

/** Makes `call` of a class, and of those that it extends, a named scope; once a class. */
export function scopeCalls(prototype: object): void {
  if (prototype === Pytree.prototype || scoped.has(prototype)) return;
  scoped.add(prototype);
  scopeCalls(Object.getPrototypeOf(prototype));
  const own = Object.getOwnPropertyDescriptor(prototype, "call");
  if (typeof own?.value !== "function") return;
  const call = own.value as Call;
  const value = {
    call(this: Pytree, ...args: never[]): unknown {
      return inScope(this, () => call.apply(this, args));
    },
  }.call;
  Object.defineProperty(prototype, "call", { ...own, value });
}

/** The outermost module has no name, and `super.call` is within the scope of its module already. */
function inScope<T>(module: Pytree, f: () => T): T {
  const caller = calling;
  if (caller === module) return f();
  calling = module;
  try {
    if (!caller) return f();
    return jax.namedScope(pathTo(module, caller)?.join("/") ?? module.constructor.name, f);
  } finally {
    calling = caller;
  }
}

/** The shortest path of attributes from one node to another; undefined if there is none, as to a module made on the way. */
function pathTo(node: Pytree, from: Pytree): Path | undefined {
  const seen = new Set([from]);
  const reached: (readonly [path: Path, node: Pytree])[] = [[[], from]];
  for (const [path, holder] of reached)
    for (const [name, value] of Object.entries(attributesOf(holder))) {
      if (value === node) return [...path, name];
      if (!(value instanceof Pytree) || seen.has(value)) continue;
      seen.add(value);
      reached.push([[...path, name], value]);
    }
  return undefined;
}
