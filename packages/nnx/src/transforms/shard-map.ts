/** `shardMap` for functions of modules: each device of a mesh runs the function on its parts of modules and arrays. */
import * as jax from "jaxscale";
import { type Filter, type Predicate, toPredicates } from "../filters.ts";
import { formatPath, type Path, pathOf } from "../path.ts";
import { State } from "../state.ts";
import { Variable } from "../variable.ts";
import { EnteredCall, GraphCall, outKey } from "./graph-call.ts";
import { type AnyFunction, jit } from "./jit.ts";

/**
 * Specs by filter, for the state of a module, `new StateSharding([[nnx.PathContains("kernel"), P("x")], [true, P()]])`, or
 * a State of specs such as `getPartitionSpec` gives.
 */
export class StateSharding {
  readonly #specOf: (path: Path, value: unknown) => unknown;

  constructor(specs: State | readonly (readonly [Filter, jax.PartitionSpec])[]) {
    if (specs instanceof State) {
      this.#specOf = (path) => {
        const leaf = specs.has(...path) ? specs.get(...path) : undefined;
        return leaf instanceof Variable ? leaf.get() : leaf;
      };
      return;
    }
    const predicates: readonly Predicate[] = toPredicates(
      "nnx.StateSharding",
      specs.map(([filter]) => filter),
    );
    this.#specOf = (path, value) => specs[predicates.findIndex((predicate) => predicate(path, value))]?.[1];
  }

  /** The spec of a variable. @throws TypeError if there is none */
  specOf(path: Path, value: unknown): jax.PartitionSpec {
    const spec = this.#specOf(path, value);
    if (spec instanceof jax.PartitionSpec) return spec;
    throw new TypeError(`nnx.StateSharding: there must be a spec for every leaf; got none for ${formatPath(path)}`);
  }
}

/** A spec for everything below, or one for each item. */
export type StateSpecTree =
  | jax.PartitionSpec
  | StateSharding
  | readonly StateSpecTree[]
  | { readonly [key: string]: StateSpecTree };

/** Options of `nnx.shardMap`. */
export interface ShardMapOptions extends Omit<jax.ShardMapOptions, "inSpecs" | "outSpecs"> {
  /** One for all arguments, or one for each. Variables that are set are put together as their argument was split. */
  readonly inSpecs: StateSpecTree;
  readonly outSpecs: StateSpecTree;
}

/**
 * Runs `f` on every device of a mesh, on its parts of modules, arrays and trees of them. Updated Variables are written back, put
 * together as they were split.
 * @throws ShardingError as `jax.shardMap`; TypeError for a leaf without a spec
 * @see https://flax.readthedocs.io/en/latest/api_reference/flax.nnx/transforms.html#flax.nnx.shard_map
 */
export function shardMap<F extends AnyFunction>(
  f: F,
  { inSpecs, outSpecs, ...options }: ShardMapOptions,
): (...args: Parameters<F>) => ReturnType<F> {
  const mapped = (...args: unknown[]): unknown => {
    const call = new GraphCall(args);
    const specs = call.leaves.map(({ trail, value }) => specAt("inSpecs", inSpecs, pathOf(trail), value));
    let def = call.def;
    let resultSpecs: readonly jax.PartitionSpec[] = [];
    const body = (...values: unknown[]): readonly unknown[] => {
      const entered = new EnteredCall(call.def, values, { trails: call.trails });
      const outcome = entered.outcome(f(...entered.args));
      def = outcome.def;
      resultSpecs = outcome.leaves.map(({ trail, value }, i) => {
        const origin = outcome.origins[i];
        if (origin !== undefined) return specs[origin];
        const [first, ...below] = pathOf(trail);
        return first === outKey
          ? specAt("outSpecs", outSpecs, below, value)
          : specAt("inSpecs", inSpecs, [first, ...below], value);
      });
      return outcome.values;
    };
    Object.defineProperty(body, "name", { value: f.name });
    const run = jax.shardMap(body, { ...options, inSpecs: specs, outSpecs: () => resultSpecs });
    const values = run(...call.values);
    return call.leave({ def, values });
  };
  return jit(Object.defineProperty(mapped, "name", { value: f.name })) as unknown as (
    ...args: Parameters<F>
  ) => ReturnType<F>;
}

/** The spec of a leaf: that of the first part of its path that has one. @throws TypeError if none has */
function specAt(option: string, specs: StateSpecTree, path: Path, value: unknown): jax.PartitionSpec {
  if (specs instanceof jax.PartitionSpec) return specs;
  if (specs instanceof StateSharding) return specs.specOf(path, value);
  const [key, ...below] = path;
  const inner = (specs as Readonly<Record<string | number, StateSpecTree | undefined>>)[key];
  if (key === undefined || inner === undefined)
    throw new TypeError(`nnx.shardMap: ${option} must have a spec for every leaf; got none for ${formatPath(path)}`);
  return specAt(option, inner, below, value);
}
