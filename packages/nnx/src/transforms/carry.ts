/** The carry of a scan, which may hold modules: they stay the same objects, and their arrays and those beside them go on. */
import type { Def } from "../graph-def.ts";
import { formatPath, type Key, type Path } from "../path.ts";
import { Pytree } from "../pytree.ts";
import { Variable } from "../variable.ts";

interface Objects {
  readonly object: (index: number) => object;
}

/** Arrays of a returned carry that stand beside modules. @throws TypeError unless it has the structure of the carry that came in */
export function matchCarry(def: Def, value: unknown, entered: Objects, path: Path = []): unknown[] {
  const differs = (wanted: string): TypeError =>
    new TypeError(
      `nnx.scan: the carry must keep its structure; got ${describe(value)} at ${formatPath(path) || "its root"}, where ${wanted} came in`,
    );
  switch (def.kind) {
    case "node":
    case "variable":
    case "shared":
      if (value !== entered.object(def.index))
        throw differs(`${entered.object(def.index).constructor.name}, which must be returned itself,`);
      return [];
    case "leaf":
      return [value];
    case "static":
      if (value !== def.value && (value ?? null) !== (def.value ?? null)) throw differs(String(def.value));
      return [];
    default: {
      const items = itemsOf(def.keys, value);
      if (!items || items.length !== def.children.length) throw differs(`a ${def.kind} of ${def.keys.join(", ")}`);
      return def.children.flatMap((child, i) => matchCarry(child, items[i], entered, [...path, def.keys[i] as Key]));
    }
  }
}

/** The carry around the caller's modules. @param arrays those that stand beside modules */
export function rebuildCarry(def: Def, arrays: readonly unknown[], call: Objects): unknown {
  let next = 0;
  const make = (at: Def): unknown => {
    switch (at.kind) {
      case "node":
      case "variable":
      case "shared":
        return call.object(at.index);
      case "leaf":
        return arrays[next++];
      case "static":
        return at.value;
      case "list":
        return at.children.map(make);
      case "dict":
        return Object.fromEntries(at.children.map((child, i) => [at.keys[i], make(child)]));
      case "map":
        return new Map(at.children.map((child, i) => [at.keys[i], make(child)]));
    }
  };
  return make(def);
}

function itemsOf(keys: readonly unknown[], value: unknown): readonly unknown[] | undefined {
  if (Array.isArray(value)) return value;
  if (value instanceof Map) return keys.map((key) => value.get(key));
  if (typeof value !== "object" || value === null) return undefined;
  if (Object.keys(value).length !== keys.length) return undefined;
  return keys.map((key) => (value as Record<string, unknown>)[String(key)]);
}

function describe(value: unknown): string {
  if (value instanceof Pytree || value instanceof Variable) return `another ${value.constructor.name}`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === "object" && value !== null ? value.constructor.name : String(value);
}
