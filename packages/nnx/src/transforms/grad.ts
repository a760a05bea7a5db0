/** Gradients with respect to the parameters of modules. */
import * as jax from "jaxscale";
import { type Filter, type Predicate, toPredicate } from "../filters.ts";
import type { Def } from "../graph-def.ts";
import type { GraphLeaf } from "../graph-walk.ts";
import type { Module } from "../module.ts";
import { type Path, pathOf } from "../path.ts";
import { State, type StateEntry } from "../state.ts";
import { Param, Variable } from "../variable.ts";
import { EnteredCall, GraphCall, type Outcome } from "./graph-call.ts";
import type { AnyFunction } from "./jit.ts";

/** Selects an argument to differentiate with respect to, and which of its Variables. */
export class DiffState<N extends number = number> {
  readonly argnum: N;
  readonly filter: Filter;
  constructor(argnum: N, filter: Filter) {
    this.argnum = argnum;
    this.filter = filter;
  }
}
type Argnum = number | DiffState;
type Argnums = Argnum | readonly Argnum[];

/** Options of `nnx.grad` and `nnx.valueAndGrad`. */
export interface GradOptions<N extends Argnums, HasAux extends boolean> {
  /** Positions of the arguments to differentiate with respect to; 0 if absent. In modules these are the Params, unless a `DiffState` selects others. */
  readonly argnums?: N;
  /** The function returns `[value, aux]`, of which only the value is differentiated. */
  readonly hasAux?: HasAux;
}

/** The gradient type: a State for a module, the same tree for arrays and trees of arrays. */
export type GradientOf<T> = T extends jax.Array | number ? jax.Array : T extends Module ? State : T;
type GradientAt<F extends AnyFunction, N> = N extends number
  ? GradientOf<Parameters<F>[N]>
  : N extends DiffState<infer At>
    ? GradientOf<Parameters<F>[At]>
    : never;
type Gradient<F extends AnyFunction, N extends Argnums> = N extends readonly Argnum[]
  ? { -readonly [K in keyof N]: GradientAt<F, N[K]> }
  : GradientAt<F, N>;
type AuxOf<F extends AnyFunction> = ReturnType<F> extends readonly [unknown, infer A] ? A : never;

/**
 * Creates a function that evaluates the gradient of `f`, a scalar-valued function of modules: a State of Params. Updates of Variables are written back.
 * @throws ShapeError unless the value is a scalar; TypeError if there is nothing to differentiate with respect to
 * @see https://flax.readthedocs.io/en/latest/api_reference/flax.nnx/transforms.html#flax.nnx.grad
 */
export function grad<F extends AnyFunction, const N extends Argnums = 0, HasAux extends boolean = false>(
  f: F,
  options: GradOptions<N, HasAux> = {},
): (...args: Parameters<F>) => HasAux extends true ? [Gradient<F, N>, AuxOf<F>] : Gradient<F, N> {
  const both = differentiated("nnx.grad", f, options);
  return ((...args: unknown[]) => {
    const [value, gradient] = both(args);
    return options.hasAux ? [gradient, (value as readonly unknown[])[1]] : gradient;
  }) as never;
}

/** Like `grad`, but also returns the value: `[value, gradient]`, or `[[value, aux], gradient]`. */
export function valueAndGrad<F extends AnyFunction, const N extends Argnums = 0, HasAux extends boolean = false>(
  f: F,
  options: GradOptions<N, HasAux> = {},
): (...args: Parameters<F>) => [HasAux extends true ? [jax.NumberArray, AuxOf<F>] : jax.NumberArray, Gradient<F, N>] {
  const both = differentiated("nnx.valueAndGrad", f, options);
  return ((...args: unknown[]) => both(args)) as never;
}

function differentiated(op: string, f: AnyFunction, { argnums = 0, hasAux = false }: GradOptions<Argnums, boolean>) {
  const list = Array.isArray(argnums) ? (argnums as readonly Argnum[]) : undefined;
  return (args: readonly unknown[]): [unknown, unknown] => {
    const wanted = predicatesByArgument(op, list ?? [argnums as Argnum], args.length);
    const call = new GraphCall(args);
    const isWanted = call.leaves.map((leaf) => differentiates(wanted, leaf));
    if (!isWanted.includes(true))
      throw new TypeError(
        `${op}: there must be a parameter to differentiate in; got none in argument ${[...wanted.keys()].join(", ")}`,
      );
    const values = call.values;
    let outcome: Outcome | undefined;
    const inner = (chosen: readonly unknown[]): [unknown, readonly unknown[]] => {
      let next = 0;
      const entered = new EnteredCall(
        call.def,
        values.map((value, i) => (isWanted[i] ? chosen[next++] : value)),
      );
      const out = f(...entered.args);
      if (hasAux && !(Array.isArray(out) && out.length === 2))
        throw new TypeError(`${op}: with hasAux the function must return a pair [value, aux]; got ${typeof out}`);
      const [value, aux] = hasAux ? (out as [unknown, unknown]) : [out, null];
      outcome = entered.outcome(aux);
      return [value, outcome.values];
    };
    const [[value, written], gradients] = jax.valueAndGrad(inner, { hasAux: true })(
      values.filter((_, i) => isWanted[i]),
    );
    const aux = call.leave({ def: (outcome as Outcome).def, values: written });
    const found = assignGradients(call, isWanted, gradients as readonly unknown[]);
    const perArgument = [...wanted.keys()].map((argument) => found(argument));
    return [hasAux ? [value, aux] : value, list ? perArgument : perArgument[0]];
  };
}

function predicatesByArgument(op: string, argnums: readonly Argnum[], count: number): ReadonlyMap<number, Predicate> {
  return new Map(
    argnums.map((given) => {
      const [argnum, filter] = given instanceof DiffState ? [given.argnum, given.filter] : [given, Param];
      const at = argnum < 0 ? argnum + count : argnum;
      if (!(at >= 0 && at < count))
        throw new TypeError(`${op}: argnums must name arguments of the call; got ${argnum} for ${count} arguments`);
      return [at, toPredicate(filter)] as const;
    }),
  );
}

function differentiates(wanted: ReadonlyMap<number, Predicate>, { trail, value, inNode }: GraphLeaf): boolean {
  const [argument, ...path] = pathOf(trail);
  const predicate = wanted.get(argument as number);
  return predicate !== undefined && (!inNode || predicate(path, value));
}

/** The gradient of an argument, in the argument's structure: for each module a State. */
function assignGradients(call: GraphCall, isWanted: readonly boolean[], gradients: readonly unknown[]) {
  let next = 0;
  const byLeaf = isWanted.map((yes) => (yes ? gradients[next++] : undefined));
  const below = (path: Path): StateEntry[] =>
    call.leaves.flatMap(({ trail, value }, i): StateEntry[] => {
      const at = pathOf(trail);
      if (!isWanted[i] || !path.every((key, k) => key === at[k])) return [];
      return [[at.slice(path.length), value instanceof Variable ? value.replace(byLeaf[i]) : byLeaf[i]]];
    });
  const assemble = (def: Def, path: Path): unknown => {
    switch (def.kind) {
      case "node":
        return State.from(below(path));
      case "shared":
        return State.from([]);
      case "variable":
      case "leaf":
        return below(path)[0]?.[1] ?? null;
      case "static":
        return def.value;
      case "tree":
        return jax.tree.unflatten(
          def.treedef,
          def.children.map((child, i) => assemble(child, [...path, def.keys[i]])),
        );
    }
  };
  const { root } = call.def;
  return (argument: number): unknown => assemble("children" in root ? root.children[argument] : root, [argument]);
}
