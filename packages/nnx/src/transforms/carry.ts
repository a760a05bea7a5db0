/** The carry of a scan, which may hold modules: these stay the same objects, and only arrays are carried. */
import * as jax from "jaxscale";
import type { Def } from "../graph-def.ts";
import { openTree } from "../graph-walk.ts";
import { formatPath, type Path } from "../path.ts";
import { Pytree } from "../pytree.ts";
import { Variable } from "../variable.ts";

interface Objects {
  readonly object: (index: number) => object;
}

/** Arrays of a returned carry that are not in modules. @throws TypeError unless the carry has the structure of the initial one */
export function matchCarry(def: Def, value: unknown, entered: Objects, path: Path = []): unknown[] {
  const differs = (wanted: string): TypeError =>
    new TypeError(
      `nnx.scan: the carry must keep its structure; got ${describe(value)} at ${formatPath(path) || "its root"}, where ${wanted} came in`,
    );
  switch (def.kind) {
    case "node":
    case "variable":
    case "shared":
    case "same": {
      const object = entered.object(numberOf(def));
      if (value !== object) throw differs(`${object.constructor.name}, which must be returned itself,`);
      return [];
    }
    case "leaf":
      return [value];
    case "static":
      if (value !== def.value && (value ?? null) !== (def.value ?? null)) throw differs(String(def.value));
      return [];
    case "tree": {
      const { leaves, treedef } = openTree(Object(value));
      if (!jax.tree.sameStructure(treedef, def.treedef)) throw differs(`a tree of ${def.keys.join(", ") || "nothing"}`);
      return def.children.flatMap((child, i) => matchCarry(child, leaves[i].child, entered, [...path, def.keys[i]]));
    }
  }
}

/** Builds the carry with the modules of the caller. @param arrays those that are not in modules */
export function rebuildCarry(def: Def, arrays: readonly unknown[], call: Objects): unknown {
  let next = 0;
  const make = (at: Def): unknown => {
    switch (at.kind) {
      case "node":
      case "variable":
      case "shared":
      case "same":
        return call.object(numberOf(at));
      case "leaf":
        return arrays[next++];
      case "static":
        return at.value;
      case "tree":
        return jax.tree.unflatten(at.treedef, at.children.map(make));
    }
  };
  return make(def);
}

const numberOf = (def: { readonly index: number } | { readonly origin: number }): number =>
  "index" in def ? def.index : def.origin;

function describe(value: unknown): string {
  if (value instanceof Pytree || value instanceof Variable) return `another ${value.constructor.name}`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === "object" && value !== null ? value.constructor.name : String(value);
}
