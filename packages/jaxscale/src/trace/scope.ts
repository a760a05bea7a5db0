/** Provenance: where in the user's program an equation was made. */
import { captureSite } from "../base/call-site.ts";
import { joinScopes, type SourceInfo } from "../jaxpr/ir.ts";

let scope = "";

/** Runs `f` with `name` added to the path that its equations and kernels carry. */
export function namedScope<T>(name: string, f: () => T): T {
  return inScope(scope ? `${scope}/${name}` : name, f);
}

/** Runs `f` outside all scopes, as what is traced once for calls in several: each call's scope comes before those within. */
export const outsideScopes = <T>(f: () => T): T => inScope("", f);

function inScope<T>(path: string, f: () => T): T {
  const outer = scope;
  scope = path;
  try {
    return f();
  } finally {
    scope = outer;
  }
}

/** A source within one more scope; the same if it is in that one already. */
export const within = (source: SourceInfo, name: string): SourceInfo =>
  source.scope.split("/").at(-1) === name ? source : { ...source, scope: joinScopes(source.scope, name) };

let inherited: SourceInfo | undefined;

/** Runs `f` with the equations that it makes said to come from where another one did, as a derivative's do. */
export function withSource<T>(source: SourceInfo, f: () => T): T {
  const outer = inherited;
  inherited = outer ? { ...source, scope: joinScopes(outer.scope, source.scope) } : source;
  try {
    return f();
  } finally {
    inherited = outer;
  }
}

/** The call site, captured raw: V8 formats the stack only when it is read. */
export function captureSource(above: (...args: never[]) => unknown): SourceInfo {
  if (inherited) return inherited;
  return { site: captureSite(above), scope };
}
