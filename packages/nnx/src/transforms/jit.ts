/** `jit` for functions of modules: updates are written back, and sharing is preserved. */
import * as jax from "jaxscale";
import { Any, type Filter, Nothing, toPredicate } from "../filters.ts";
import { canonical, type Def, type GraphDef } from "../graph-def.ts";
import type { GraphLeaf } from "../graph-walk.ts";
import { pathOf } from "../path.ts";
import { EnteredCall, GraphCall } from "./graph-call.ts";

// biome-ignore lint/suspicious/noExplicitAny: parameters of a generic function are contravariant
export type AnyFunction = (...args: any[]) => unknown;

/** Options of `nnx.jit`. */
export interface JitOptions extends Pick<jax.JitOptions, "staticArgnums" | "donateArgnums" | "name"> {
  /** Filter of the Variables to donate, in all arguments, such as `nnx.Cache`. */
  readonly donate?: Filter;
}

/** Result of the compiled function: values and their structure. */
class Returned {
  readonly def: GraphDef;
  readonly values: readonly unknown[];
  constructor(def: GraphDef, values: readonly unknown[]) {
    this.def = def;
    this.values = values;
  }
}
jax.registerPytreeNode(Returned, {
  flatten: (returned: Returned) => [returned.values, returned.def],
  unflatten: (def: GraphDef, values) => new Returned(def, values),
});

const positions = (op: string, argnums: number | readonly number[] | undefined, count: number): ReadonlySet<number> =>
  new Set(
    [argnums ?? []].flat().map((i) => {
      const at = i < 0 ? i + count : i;
      if (at < 0 || at >= count) throw new TypeError(`${op}: there must be such an argument; got ${i} of ${count}`);
      return at;
    }),
  );

/**
 * Compiles a function of modules, arrays and trees of them. Variables that it sets, and attributes that it adds or removes,
 * are changed in the modules of the caller; unchanged ones are not copied. A change in the structure of an argument causes retracing.
 * @see https://flax.readthedocs.io/en/latest/api_reference/flax.nnx/transforms.html#flax.nnx.jit
 */
export function jit<F extends AnyFunction>(
  f: F,
  options: JitOptions = {},
): F & { readonly lower: (...args: Parameters<F>) => jax.Lowered } {
  const name = options.name ?? (f.name || "<lambda>");
  const compiled = jax.jit(
    (call: StaticCall, donated: readonly unknown[], kept: readonly unknown[]): Returned => {
      const [def, donates, statics] = call;
      let [nextDonated, nextKept] = [0, 0];
      const values = donates.map((isDonated) => (isDonated ? donated[nextDonated++] : kept[nextKept++]));
      const entered = new EnteredCall(def, values, { isTaken: donates });
      const outcome = entered.outcome(f(...withStatics(entered.args, statics)));
      return new Returned(outcome.def, outcome.values);
    },
    { staticArgnums: 0, donateArgnums: 1, name },
  );
  let lastDef: GraphDef | undefined;
  const donations = new WeakMap<GraphDef, readonly boolean[]>();

  const flat = (args: readonly unknown[]) => {
    const staticAt = positions("nnx.jit: staticArgnums", options.staticArgnums, args.length);
    const statics = [...staticAt].sort((a, b) => a - b).map((i): Static => [i, args[i]]);
    const dynamic = args.map((arg, i) => (staticAt.has(i) ? null : arg));
    const call = new GraphCall(dynamic, { like: lastDef });
    const def = call.def === lastDef ? lastDef : canonical(call.def);
    lastDef = def;
    let donates = donations.get(def);
    if (donates === undefined) {
      refuseStatics(name, def.root);
      const donatedAt = positions("nnx.jit: donateArgnums", options.donateArgnums, args.length);
      donates = call.leaves.map(donatedBy(donatedAt, options.donate));
      donations.set(def, donates);
    }
    const donated: unknown[] = [];
    const kept: unknown[] = [];
    call.values.forEach((value, i) => {
      (donates[i] ? donated : kept).push(value);
    });
    return { call, flatArgs: [[def, donates, statics], donated, kept] as const };
  };

  const jitted = (...args: unknown[]): unknown => {
    const { call, flatArgs } = flat(args);
    return call.leave(compiled(...flatArgs));
  };
  Object.defineProperty(jitted, "name", { value: name });
  return Object.assign(jitted, {
    lower: (...args: unknown[]) => compiled.lower(...flat(args).flatArgs),
  }) as unknown as F & { readonly lower: (...args: Parameters<F>) => jax.Lowered };
}

type Static = readonly [position: number, value: unknown];
/** The part of the key of the compilation cache besides types. */
type StaticCall = readonly [def: GraphDef, donates: readonly boolean[], statics: readonly Static[]];

function withStatics(args: readonly unknown[], statics: readonly Static[]): unknown[] {
  const all = [...args];
  for (const [i, value] of statics) all[i] = value;
  return all;
}

function donatedBy(argnums: ReadonlySet<number>, filter: Filter | undefined): (leaf: GraphLeaf) => boolean {
  const wanted = toPredicate(filter === undefined ? Nothing : Any(filter));
  return ({ trail, value }) => {
    const [argument, ...path] = pathOf(trail);
    return argnums.has(argument as number) || wanted(path, value);
  };
}

/** @throws DTypeError for arguments that are neither modules nor arrays */
function refuseStatics(name: string, def: Def): void {
  if (def.kind === "static" && def.value !== null && def.value !== undefined)
    throw new jax.DTypeError(
      `nnx.jit: arguments must be modules, arrays, numbers, booleans or trees of them; got ${typeof def.value === "object" ? def.value.constructor.name : typeof def.value} for ${name}. Pass it through staticArgnums`,
    );
  if (def.kind === "tree") for (const child of def.children) refuseStatics(name, child);
}
