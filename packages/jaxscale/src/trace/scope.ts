/** Provenance: where in the user's program an equation was made. */
import type { SourceInfo } from "../jaxpr/ir.ts";

let scope = "";

/** Runs `f` with `name` added to the path that its equations and kernels carry. */
export function namedScope<T>(name: string, f: () => T): T {
  const outer = scope;
  scope = outer ? `${outer}/${name}` : name;
  try {
    return f();
  } finally {
    scope = outer;
  }
}

/** The call site, captured raw: V8 formats the stack only when it is read. */
export function captureSource(above: (...args: never[]) => unknown): SourceInfo {
  const site: { stack?: string } = {};
  Error.captureStackTrace?.(site, above);
  return { site, scope };
}
