/** Modules: the building blocks of models. */
import { scopeCalls } from "./call-scope.ts";
import { Captures } from "./captures.ts";
import { type Filter, toPredicate } from "./filters.ts";
import type { Key, Path, Trail } from "./path.ts";
import { attributesOf, isData, layoutOf, Pytree } from "./pytree.ts";
import type { Variable, VariableMetadata } from "./variable.ts";

/** The Variable type for lists of sown values. */
export type SowKind = new (value: unknown, metadata?: VariableMetadata) => Variable<unknown>;

/**
 * A part of a model. Attributes that hold Variables, arrays or other modules are its state, all others are static:
 *
 * ```ts
 * class Block extends nnx.Module {
 *   readonly norm: nnx.RMSNorm;
 *   readonly linear: nnx.Linear;
 *   constructor(features: number, { rngs }: { rngs: nnx.Rngs }) {
 *     super();
 *     this.norm = new nnx.RMSNorm(features, { rngs });
 *     this.linear = new nnx.Linear(features, features, { rngs });
 *   }
 *   call(x: jax.Array): jax.Array {
 *     return x.add(this.linear.call(this.norm.call(x)));
 *   }
 * }
 * ```
 * A pytree. Lists of modules are `nnx.List`s; subclasses keep no `#private` fields. A method `call` is a `jax.namedScope`: kernels of
 * a module that another one calls carry its path from there, such as `layers/3/norm`.
 */
export abstract class Module extends Pytree {
  /** The sown values, which `capture` attaches while it runs. */
  declare captures?: Captures;

  constructor() {
    super();
    scopeCalls(new.target.prototype);
  }

  /**
   * Stores an intermediate value for `capture`, if the model runs under it; otherwise does nothing.
   * @returns whether the value was stored
   */
  sow(kind: SowKind, name: string, value: unknown): boolean {
    return this.captures instanceof Captures && this.captures.take(kind, name, value);
  }

  /** Sets training mode: `deterministic` and `useRunningAverage` become false in all modules that have them. */
  train(attributes: Readonly<Record<string, unknown>> = {}): void {
    setWhereFound(this, { deterministic: false, useRunningAverage: false, ...attributes }, toPredicate(true));
  }
  /** Sets evaluation mode: `deterministic` and `useRunningAverage` become true in all modules that have them. */
  eval(attributes: Readonly<Record<string, unknown>> = {}): void {
    setWhereFound(this, { deterministic: true, useRunningAverage: true, ...attributes }, toPredicate(true));
  }
  /**
   * Sets attributes of this module and its submodules, where they exist.
   * @param filters select modules by class or path; all if absent
   * @throws TypeError if no module has one of the attributes
   */
  setAttributes(attributes: Readonly<Record<string, unknown>>, ...filters: readonly Filter[]): void {
    const missing = setWhereFound(this, attributes, toPredicate(filters.length === 0 ? true : filters));
    if (missing.length > 0)
      throw new TypeError(
        `setAttributes: at least one module must have each attribute; got none with ${missing.join(", ")} in ${this.constructor.name}`,
      );
  }
}

/** @returns attributes that no module has */
function setWhereFound(
  root: Module,
  attributes: Readonly<Record<string, unknown>>,
  predicate: (path: Path, module: Module) => boolean,
): readonly string[] {
  const missing = new Set(Object.keys(attributes));
  for (const [path, module] of iterModules(root)) {
    if (!predicate(path, module)) continue;
    for (const [name, value] of Object.entries(attributes)) {
      if (!(name in module)) continue;
      attributesOf(module)[name] = value;
      missing.delete(name);
    }
  }
  return [...missing];
}

/** All modules of a graph with their paths, each once, submodules first. */
export function* iterModules(root: Pytree): Generator<readonly [path: Path, module: Module]> {
  for (const [path, node] of iterNodes(root, [], new Set())) if (node instanceof Module) yield [path, node];
}

/** Like `iterModules`, for all nodes. */
export function* iterNodes(
  node: Pytree,
  path: Path,
  seen: Set<Pytree>,
): Generator<readonly [path: Path, node: Pytree]> {
  if (seen.has(node)) return;
  seen.add(node);
  for (const [key, child] of childrenOf(node, path))
    if (child instanceof Pytree) yield* iterNodes(child, [...path, key], seen);
  yield [path, node];
}

/** Attributes that hold data, in order. */
export function childrenOf(node: Pytree, path: Path = []): readonly (readonly [Key, unknown])[] {
  const trail = path.reduce<Trail | null>((up, key) => ({ key, up }), null);
  const attributes = attributesOf(node);
  return layoutOf(node, trail).names.map((name) => [name, attributes[name]]);
}

/** Direct submodules: attributes of a module, or items of a list. */
export function* iterChildren(node: Pytree): Generator<readonly [key: Key, module: Module]> {
  for (const [key, child] of childrenOf(node)) if (child instanceof Module && isData(child)) yield [key, child];
}
