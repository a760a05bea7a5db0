/** jit: trace once for each signature, then launch. */
import { calledAt } from "../base/call-site.ts";
import { describe } from "../base/describe.ts";
import { DTypeError } from "../base/errors.ts";
import { hostRecorder, recorded } from "../base/host-recorder.ts";
import {
  copyStatic,
  flatten,
  flattenWithPath,
  formatKeyPath,
  pathOfLeaf,
  sameStatic,
  sameTreedef,
  type TreeDef,
  unflatten,
} from "../base/pytree.ts";
import { isPlainObject } from "../base/treedef.ts";
import type { Donation } from "../compile.ts";
import { type ClosedJaxpr, type ShapedArray, sameAval } from "../jaxpr/ir.ts";
import type { NamedSharding } from "../partition/named-sharding.ts";
import type { Placement } from "../partition/partition.ts";
import { jitCall } from "../primitives/call.ts";
import { Array } from "../trace/array.ts";
import { boundAxes } from "../trace/axis-names.ts";
import { asArray, handleRejections, refusePromise } from "../trace/operand.ts";
import { outsideScopes } from "../trace/scope.ts";
import { traceToJaxpr } from "../trace/staging.ts";
import { bind, isEvaluating } from "../trace/trace.ts";
import { functionOf, optionsOf, wholesOf } from "./arguments.ts";
import { type Leaf, pairByPlace, typeOf } from "./donation.ts";
import { forget, launch, makeRunnable, type Runnable } from "./evaluate.ts";
import { closesOverTracers, hoistConstants } from "./inner-jit.ts";
import { Lowered } from "./lowered.ts";
import { avalOf, ShapeDtypeStruct } from "./make-jaxpr.ts";
import {
  constrained,
  ownSharding,
  ownShardings,
  placementKey,
  placementOf,
  type ShardingTree,
  shardingsOf,
} from "./placement.ts";
import type { OrShapes } from "./tree-types.ts";

/** Options of `jit`. */
export interface JitOptions {
  /** Positions of arguments that are compile-time constants, compared by value (functions and class instances by identity). */
  readonly staticArgnums?: number | readonly number[];
  /** Keys of the last argument, an options object, that are compile-time constants. */
  readonly staticArgnames?: string | readonly string[];
  /**
   * Positions of arguments whose buffers the call may reuse; they are deleted by it. A leaf gives its memory to the result at
   * the same place: of the whole result, if one argument is donated, or of the element at the argument's position or at its
   * position among the donated ones. Donations that match no result's shape and dtype are ignored.
   */
  readonly donateArgnums?: number | readonly number[];
  /** Elements of the result that take the memory of the donated arguments, one for each, where those at the same place are not meant. */
  readonly donateTo?: number | readonly number[];
  /** How arguments lie on a mesh: a prefix of the list of arguments (static ones left out). Arrays that lie nowhere yet are split so. */
  readonly inShardings?: ShardingTree;
  /** How results are to lie: a prefix of the result. What is left open follows from the arguments. */
  readonly outShardings?: ShardingTree;
  /** Within another jitted function, leave no call in the jaxpr. */
  readonly inline?: boolean;
  /** Name in jaxprs, profiles and messages; the function's own by default. */
  readonly name?: string;
}

// biome-ignore lint/suspicious/noExplicitAny: parameters of a generic function are contravariant
type AnyFunction = (...args: any[]) => unknown;

/** A jitted function: call it, or look at what it becomes. */
export type Jitted<F extends AnyFunction> = F & {
  /** Traces for these arguments (arrays, numbers or `ShapeDtypeStruct`s) without running. */
  readonly lower: (...args: Parameters<F> | OrShapes<Parameters<F>>) => Lowered;
  /** Forgets what was traced and compiled. */
  readonly clearCache: () => void;
};

/** Signatures that a function is kept compiled for; for one more, the one not used for longest is forgotten. */
const maxSignatures = 512;
const nearEntries = 8;

/** One signature, traced. */
interface Entry {
  readonly treedef: TreeDef;
  readonly avals: readonly ShapedArray[];
  readonly statics: readonly unknown[];
  /** Mapped axes that the function could name. */
  readonly axes: string;
  readonly closed: ClosedJaxpr;
  readonly outTree: TreeDef;
  readonly donation: Donation;
  /** By where arguments lie. */
  readonly runnables: Map<string, Runnable>;
}

interface Typed {
  readonly aval: ShapedArray;
}
interface Signature<Leaf = Array> {
  readonly leaves: readonly Leaf[];
  readonly treedef: TreeDef;
  readonly statics: readonly unknown[];
  readonly donated: readonly number[];
}

const asList = <T>(x: T | readonly T[] | undefined): readonly T[] =>
  x === undefined ? [] : globalThis.Array.isArray(x) ? x : [x as T];

/**
 * Compiles a function of arrays (in any pytrees) into one program for the device.
 * Traced anew for each new combination of tree, shapes, dtypes, weak types and static values; the 512 used last are kept.
 * @throws TracerError where `f` needs a traced array's value
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.jit.html
 */
export function jit<F extends AnyFunction>(f: F, options?: JitOptions): Jitted<F> {
  const jitted = new JittedFunction(f, options);
  const call = (...args: unknown[]): unknown => jitted.call(args);
  Object.defineProperty(call, "name", { value: jitted.name });
  return Object.assign(call, {
    lower: (...args: unknown[]) => jitted.lower(args),
    clearCache: () => jitted.clear(),
  }) as unknown as Jitted<F>;
}

class JittedFunction {
  readonly name: string;
  readonly #f: AnyFunction;
  readonly #inline: boolean;
  readonly #staticArgnums: readonly number[];
  readonly #staticArgnames: readonly string[];
  readonly #donateArgnums: readonly number[];
  readonly #donateTo: readonly number[] | undefined;
  readonly #inShardings: ShardingTree | undefined;
  readonly #outShardings: ShardingTree | undefined;
  #entries: Entry[] = [];

  constructor(f: AnyFunction, given: JitOptions | undefined) {
    this.#f = functionOf("jit", "the first argument", f);
    const options = optionsOf("jit", given, {
      staticArgnums: undefined,
      staticArgnames: undefined,
      donateArgnums: undefined,
      donateTo: undefined,
      inline: false,
      name: f.name || "<lambda>",
      inShardings: undefined,
      outShardings: undefined,
    });
    this.#inShardings = options.inShardings;
    this.#outShardings = options.outShardings;
    this.name = options.name;
    this.#inline = options.inline;
    this.#staticArgnums = wholesOf("jit", "staticArgnums", options.staticArgnums ?? []);
    this.#staticArgnames = asList(options.staticArgnames);
    this.#donateArgnums = wholesOf("jit", "donateArgnums", options.donateArgnums ?? []);
    this.#donateTo = options.donateTo === undefined ? undefined : wholesOf("jit", "donateTo", options.donateTo);
    if (this.#donateTo !== undefined && this.#donateTo.length !== this.#donateArgnums.length)
      throw new TypeError(
        `jit: donateTo must name an element of the result for each donated argument; got ${this.#donateTo.length} for ${this.#donateArgnums.length}`,
      );
    const both = this.#donateArgnums.filter((i) => this.#staticArgnums.includes(i));
    if (both.length > 0)
      throw new TypeError(`jit: an argument cannot be both static and donated; got argument ${both[0]}`);
  }

  clear(): void {
    for (const entry of this.#entries) entry.runnables.forEach(forget);
    this.#entries = [];
  }

  call(args: readonly unknown[]): unknown {
    if (hostRecorder() === undefined || !isEvaluating()) return this.#call(args);
    return recorded("call", this.name, () => this.#call(args));
  }

  #call(args: readonly unknown[]): unknown {
    if (this.#inline && !isEvaluating()) return this.#callInline(args);
    const signature = this.#signature(args, this.#leaf);
    const entry = this.#entryFor(args, signature);
    if (isEvaluating()) {
      const runnable = this.#runnable(entry, ownShardings(signature.leaves));
      return unflatten(entry.outTree, launch(runnable, signature.leaves));
    }
    const { asked, wanted } = this.#shardings(entry);
    const leaves = signature.leaves.map((x, i) => constrained(x, asked[i]));
    const { jaxpr, operands } = hoistConstants(entry.closed, leaves);
    const results = bind(jitCall, operands, { name: this.name, jaxpr });
    return unflatten(
      entry.outTree,
      results.map((x, i) => constrained(x, wanted[i])),
    );
  }

  lower(args: readonly unknown[]): Lowered {
    const signature = this.#signature(args, (x) =>
      x instanceof ShapeDtypeStruct ? { aval: avalOf("lower", x), sharding: x.sharding } : this.#leaf(x, args),
    );
    const entry = this.#entryFor(args, signature);
    const runnable = this.#runnable(entry, signature.leaves.map(ownSharding));
    return new Lowered(this.name, entry.closed, runnable, entry.donation);
  }

  #runnable(entry: Entry, own: readonly (NamedSharding | null)[]): Runnable {
    const key = placementKey(own);
    let runnable = entry.runnables.get(key);
    if (!runnable) {
      runnable = makeRunnable(this.name, entry.closed, entry.donation, this.#placement(entry, own));
      entry.runnables.set(key, runnable);
    }
    return runnable;
  }

  #placement(entry: Entry, own: readonly (NamedSharding | null)[]): Placement | undefined {
    const { asked, wanted } = this.#shardings(entry);
    return placementOf(this.name, entry.closed, own, asked, wanted);
  }

  /** What the options say of each argument and result. */
  #shardings({ closed, treedef, avals, outTree }: Entry): {
    readonly asked: readonly (NamedSharding | null)[];
    readonly wanted: readonly (NamedSharding | null)[];
  } {
    const results = closed.jaxpr.outvars.map((a) => a.aval);
    return {
      asked: shardingsOf(this.#inShardings, treedef, avals, `${this.name}: inShardings`),
      wanted: shardingsOf(this.#outShardings, outTree, results, `${this.name}: outShardings`),
    };
  }

  #callInline(args: readonly unknown[]): unknown {
    const { leaves, treedef } = this.#signature(args, this.#leaf);
    const { leaves: results, treedef: outTree } = this.#apply(args, treedef, leaves);
    return unflatten(outTree, results);
  }

  /** What the cache compares. */
  #signature<Leaf>(args: readonly unknown[], leaf: (x: unknown, args: readonly unknown[]) => Leaf): Signature<Leaf> {
    if (this.#staticArgnums.length === 0 && this.#staticArgnames.length === 0 && this.#donateArgnums.length === 0) {
      // Arrays and nothing around them: the call that has to be quick.
      if (args.every(isArray)) return { leaves: args as readonly Leaf[], treedef: listOf(args.length), ...nothingElse };
      const { leaves, treedef } = flatten(args);
      return { leaves: leaves.map((x) => leaf(x, args)), treedef, ...nothingElse };
    }
    const rank = args.length;
    const staticAt = new Set(this.#staticArgnums.map((i) => (i < 0 ? i + rank : i)));
    const donatedAt = new Set(this.#donateArgnums.map((i) => (i < 0 ? i + rank : i)));
    const statics: unknown[] = [];
    const donated: number[] = [];
    const dynamic: unknown[] = [];
    let position = 0;
    args.forEach((arg, i) => {
      if (staticAt.has(i)) {
        statics.push(arg);
        return;
      }
      const kept = i === rank - 1 ? this.#withoutStaticNames(arg, statics) : arg;
      dynamic.push(kept);
      const { leaves } = flatten(kept);
      if (donatedAt.has(i)) leaves.forEach((_, j) => donated.push(position + j));
      position += leaves.length;
    });
    const { leaves, treedef } = flatten(dynamic);
    return { leaves: leaves.map((x) => leaf(x, args)), treedef, statics, donated };
  }

  #withoutStaticNames(arg: unknown, statics: unknown[]): unknown {
    if (this.#staticArgnames.length === 0 || typeof arg !== "object" || arg === null || arg instanceof Array)
      return arg;
    const dynamic: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(arg))
      if (this.#staticArgnames.includes(key)) statics.push([key, value]);
      else dynamic[key] = value;
    return dynamic;
  }

  readonly #leaf = (x: unknown, args: readonly unknown[]): Array => {
    if (x instanceof Array) return x;
    if (typeof x === "number" || typeof x === "boolean") return asArray(this.name, x);
    throw new DTypeError(
      `jit: arguments must be arrays, numbers, booleans or trees of them; got ${describe(x)} for ${this.#placeOf(x, args)} of ${this.name}. Pass it through staticArgnums, make an array of it with jnp.array, or register its class with registerPytreeNode`,
    );
  };

  /** Such as `argument 0['layers'][1]`. */
  #placeOf(x: unknown, args: readonly unknown[]): string {
    const staticAt = this.#staticArgnums.map((i) => (i < 0 ? i + args.length : i));
    const dynamic = args.map((arg, i) => (staticAt.includes(i) ? null : arg));
    const found = flattenWithPath(dynamic).leaves.find(({ leaf }) => leaf === x);
    const [first, ...rest] = found?.path ?? [];
    return first?.kind === "index" ? `argument ${first.index}${formatKeyPath(rest)}` : "an argument";
  }

  #entryFor(args: readonly unknown[], { leaves, treedef, statics, donated }: Signature<Typed>): Entry {
    const axes = boundAxes();
    const entries = this.#entries;
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i];
      if (
        entry.axes !== axes ||
        !sameAvals(entry.avals, leaves) ||
        !(entry.treedef === treedef || sameTreedef(entry.treedef, treedef)) ||
        !sameStatic(entry.statics, statics)
      )
        continue;
      // Most recently used first, but for a few that take turns.
      if (i >= nearEntries) entries.unshift(...entries.splice(i, 1));
      return entry;
    }
    const avals = leaves.map((x) => x.aval);
    this.#refuseStaticArrays(args);
    const { closed, out, outTree } = this.#trace(args, avals, treedef);
    const pairs = donated.length === 0 ? new Map<number, number>() : this.#donationsByPlace(args, avals, out, closed);
    const entry: Entry = {
      treedef,
      avals,
      // The caller may change them later.
      statics: copyStatic(statics) as readonly unknown[],
      axes,
      closed,
      outTree,
      donation: { donated: this.#usableDonations(closed, donated, pairs), takers: pairs },
      runnables: new Map(),
    };
    // What closes over an outer trace's values is good for this call only.
    if (!closesOverTracers(closed)) this.#keep(entry);
    return entry;
  }

  /** As many as are allowed: the program of the one not used for longest goes when nothing else holds it. */
  #keep(entry: Entry): void {
    this.#entries.unshift(entry);
    while (this.#entries.length > maxSignatures) this.#entries.pop()?.runnables.forEach(forget);
  }

  #trace(
    args: readonly unknown[],
    avals: readonly ShapedArray[],
    treedef: TreeDef,
  ): { closed: ClosedJaxpr; out: unknown; outTree: TreeDef } {
    let outTree: TreeDef | undefined;
    let out: unknown;
    const apply = (...tracers: readonly Array[]): readonly Array[] => {
      const flat = this.#apply(args, treedef, tracers);
      outTree = flat.treedef;
      out = flat.out;
      return flat.leaves;
    };
    const closed = recorded("trace", this.name, () => outsideScopes(() => traceToJaxpr(this.name, apply, avals)));
    return { closed, out, outTree: outTree as TreeDef };
  }

  /** The user's function on flat arrays, with flat results. */
  #apply(
    args: readonly unknown[],
    treedef: TreeDef,
    arrays: readonly Array[],
  ): { leaves: Array[]; treedef: TreeDef; out: unknown } {
    const out = this.#f(...this.#rebuild(args, unflatten<unknown[]>(treedef, arrays)));
    refusePromise("jit", out, this.name);
    const flat = flatten(out);
    handleRejections(flat.leaves);
    return { leaves: flat.leaves.map((x, i) => this.#result(x, out, i)), treedef: flat.treedef, out };
  }

  #donationsByPlace(
    args: readonly unknown[],
    avals: readonly ShapedArray[],
    out: unknown,
    { jaxpr }: ClosedJaxpr,
  ): ReadonlyMap<number, number> {
    const rank = args.length;
    const positions = this.#donateArgnums.map((i) => (i < 0 ? i + rank : i));
    const dynamic = args.map((arg, i) =>
      this.#staticArgnums.some((at) => at === i || at === i - rank)
        ? null
        : i === rank - 1
          ? this.#withoutStaticNames(arg, [])
          : arg,
    );
    const given = flattenWithPath(dynamic).leaves.map(({ path }, i) => ({ path, aval: avals[i] }));
    const leavesOf = (position: number): ReadonlyMap<number, Leaf> =>
      new Map(
        given.flatMap(({ path: [first, ...path], aval }, i) =>
          first.kind === "index" && first.index === position ? [[i, { path, aval }] as const] : [],
        ),
      );
    const results = flattenWithPath(out).leaves.map(({ path }, i) => ({ path, aval: jaxpr.outvars[i].aval }));
    const donated = positions.map((position, i) => ({
      position,
      leaves: leavesOf(position),
      to: this.#donateTo?.[i],
    }));
    return pairByPlace(donated, results);
  }

  /** Donated arguments for each of which there is a result of its shape and dtype. */
  #usableDonations(
    { jaxpr }: ClosedJaxpr,
    donated: readonly number[],
    pairs: ReadonlyMap<number, number>,
  ): readonly number[] {
    const paired = new Set(pairs.values());
    const results = jaxpr.outvars.flatMap((a, i) => (paired.has(i) ? [] : [typeOf(a.aval)]));
    const usable = donated.filter((i) => {
      if (pairs.has(i)) return true;
      const at = results.indexOf(typeOf(jaxpr.invars[i].aval));
      if (at >= 0) results.splice(at, 1);
      return at >= 0;
    });
    if (usable.length < donated.length && isEvaluating())
      console.warn(
        `jit: donated arrays must have the shape and dtype of a result; got ${donated
          .filter((i) => !usable.includes(i))
          .map((i) => typeOf(jaxpr.invars[i].aval))
          .join(", ")} for ${this.name}, which stay alive`,
      );
    return usable;
  }

  #result(x: unknown, out: unknown, index: number): Array {
    if (x instanceof Array) return x;
    if (typeof x === "number" || typeof x === "boolean") return asArray(this.name, x);
    const path = pathOfLeaf(out, index);
    throw new DTypeError(
      `jit: results must be arrays, numbers, booleans or trees of them; got ${describe(x)}${path && ` at ${path}`} from ${this.name}${calledAt()}`,
    );
  }

  /** What the host cannot compare would never be found in the cache. */
  #refuseStaticArrays(args: readonly unknown[]): void {
    const rank = args.length;
    for (const i of this.#staticArgnums)
      refuseStaticArray(args.at(i), `argument ${i < 0 ? i + rank : i} of ${this.name}`);
    const options = args.at(-1);
    if (this.#staticArgnames.length === 0 || !isPlainObject(options)) return;
    for (const name of this.#staticArgnames) refuseStaticArray(options[name], `${name} of ${this.name}`);
  }

  /** The user's arguments with tracers in the place of arrays, and static ones as they are. */
  #rebuild(args: readonly unknown[], dynamic: readonly unknown[]): unknown[] {
    const rank = args.length;
    const staticAt = new Set(this.#staticArgnums.map((i) => (i < 0 ? i + rank : i)));
    let next = 0;
    return args.map((arg, i) => {
      if (staticAt.has(i)) return arg;
      const traced = dynamic[next++];
      if (i !== rank - 1 || this.#staticArgnames.length === 0 || typeof arg !== "object" || arg === null) return traced;
      const named = Object.entries(arg).filter(([key]) => this.#staticArgnames.includes(key));
      return named.length === 0 ? traced : { ...(traced as object), ...Object.fromEntries(named) };
    });
  }
}

const isPlain = (x: unknown): boolean => globalThis.Array.isArray(x) || isPlainObject(x);

/** @throws TypeError for an array, or a plain list or object with one in it */
function refuseStaticArray(value: unknown, what: string): void {
  const { leaves } = flattenWithPath(value, { isLeaf: (at) => !isPlain(at) });
  const found = leaves.find(({ leaf }) => leaf instanceof Array || ArrayBuffer.isView(leaf));
  if (found)
    throw new TypeError(
      `jit: static arguments must be values that the host can compare; got ${describe(found.leaf)} for ${what}${formatKeyPath(found.path)}. Pass arrays as ordinary arguments`,
    );
}

const isArray = (x: unknown): boolean => x instanceof Array;
const nothingElse = { statics: [], donated: [] } as const;

const lists: TreeDef[] = [];
/** The treedef of a list of that many leaves. */
function listOf(count: number): TreeDef {
  lists[count] ??= flatten(new globalThis.Array(count).fill(0)).treedef;
  return lists[count];
}

function sameAvals(avals: readonly ShapedArray[], leaves: readonly Typed[]): boolean {
  if (avals.length !== leaves.length) return false;
  for (let i = 0; i < avals.length; i++) {
    const aval = leaves[i].aval;
    if (aval !== avals[i] && !sameAval(aval, avals[i])) return false;
  }
  return true;
}
