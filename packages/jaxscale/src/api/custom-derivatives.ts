/** Functions with derivatives of the user's own. */
import { DTypeError, ShapeError } from "../base/errors.ts";
import { flattenUpTo, formatTreedef, sameStatic, sameTreedef, type TreeDef, unflatten } from "../base/pytree.ts";
import { sameShape } from "../base/shapes.ts";
import { formatAval, type ShapedArray } from "../jaxpr/ir.ts";
import { jitCall } from "../primitives/call.ts";
import { customJvpCall } from "../primitives/custom-jvp.ts";
import { customVjpCall } from "../primitives/custom-vjp.ts";
import type { Operand } from "../primitives/op-builder.ts";
import type { Array } from "../trace/array.ts";
import { refusePromise } from "../trace/operand.ts";
import { traceToJaxpr } from "../trace/staging.ts";
import { bind, isEvaluating } from "../trace/trace.ts";
import { hasTangent } from "../transforms/differentiate.ts";
import { ops } from "../transforms/jaxpr-transforms.ts";
import { functionOf, optionsOf } from "./arguments.ts";
import type { BackwardRule, ForwardRule, JvpRule, PartialJvpRules, Residuals } from "./derivative-types.ts";
import { type AnyFunction, flattenArrays, leafArray, Once } from "./flat-function.ts";
import { hoistConstants } from "./inner-jit.ts";

/** Options of `customJvp` and `customVjp`. */
export interface CustomDerivativeOptions<N extends readonly number[] = readonly number[]> {
  /** Positions of arguments that are no arrays, or constants to differentiation; rules get them first. */
  readonly nondiffArgnums?: N;
  /** Name in jaxprs; the function's own by default. */
  readonly name?: string;
}

/** A call taken apart: what is differentiated, and what is not. */
interface Call {
  readonly name: string;
  readonly leaves: readonly Array[];
  /** Of the differentiable arguments, a list. */
  readonly tree: TreeDef;
  readonly constants: readonly unknown[];
  /** Calls a function of the same arguments with other leaves. */
  readonly apply: (g: AnyFunction, leaves: readonly Operand[]) => unknown;
}

function openCall(own: string, args: readonly unknown[], nondiffArgnums: readonly number[]): Call {
  const constants = nondiffArgnums.map((i) => args[i]);
  const { leaves, treedef } = flattenArrays(
    own,
    args.filter((_, i) => !nondiffArgnums.includes(i)),
  );
  const apply = (g: AnyFunction, given: readonly Operand[]): unknown => {
    const rest = unflatten<unknown[]>(treedef, given);
    return g(...args.map((arg, i) => (nondiffArgnums.includes(i) ? arg : rest.shift())));
  };
  return { name: own, leaves, tree: treedef, constants, apply };
}

/** The function as a jaxpr over the call's leaves, preceded by what it closes over. */
function traceCall(f: AnyFunction, { name, leaves, apply }: Call) {
  const outTree = new Once<TreeDef>();
  const closed = traceToJaxpr(
    name,
    (...args) => {
      const flat = flattenArrays(name, apply(f, args));
      outTree.set(flat.treedef);
      return flat.leaves;
    },
    leaves.map((x) => x.aval),
  );
  const { jaxpr, operands } = hoistConstants(closed, leaves);
  return { jaxpr, operands, numConsts: closed.consts.length, outTree: outTree.value };
}

/** The rules made for each tree of arguments: one object for equal calls, so that what they become is compiled once. */
class RuleCache<R> {
  readonly #known: { readonly tree: TreeDef; readonly constants: readonly unknown[]; readonly rule: R }[] = [];
  get({ tree, constants }: Call, make: () => R): R {
    const found = this.#known.find((e) => sameTreedef(e.tree, tree) && sameStatic(e.constants, constants));
    if (found) return found.rule;
    const rule = make();
    this.#known.push({ tree, constants, rule });
    return rule;
  }
}

function checkLike(op: string, what: string, x: Array, { shape, dtype }: ShapedArray): Array {
  const message = `${op}: ${what} has the type of its value, ${formatAval({ shape, dtype, weakType: false })}; got ${formatAval(x.aval)}`;
  if (x.dtype !== dtype) throw new DTypeError(message);
  if (!sameShape(x.shape, shape)) throw new ShapeError(message);
  return x;
}

/** A rule as it is kept: its types hold where it is given. */
// biome-ignore lint/suspicious/noExplicitAny: parameters of a generic function are contravariant
type AnyRule = (...args: any[]) => readonly unknown[];

const nameOf = (f: AnyFunction, { name }: CustomDerivativeOptions): string => name ?? (f.name || "<lambda>");

const noRule = (kind: string, method: string, name: string): TypeError =>
  new TypeError(
    `${kind}: a rule must be given before the function is called; got none for ${name}. Call ${method} first`,
  );

/** A function with a forward-mode rule; `defJvp` sets it. */
export type CustomJvp<F extends AnyFunction, N extends readonly number[] = []> = F & {
  /** Sets the rule: `(primals, tangents) => [value, tangent]`. */
  readonly defJvp: (rule: JvpRule<F, N>) => CustomJvp<F, N>;
  /** Sets the rule as one for each argument (null: no tangent), whose results are added. @throws TypeError with `nondiffArgnums` */
  readonly defJvps: (...rules: PartialJvpRules<F>) => CustomJvp<F, N>;
};

/**
 * `f` with a forward-mode derivative of its own, from which the reverse mode follows.
 * @example const log1pexp = customJvp((x) => jnp.log(jnp.exp(x).add(1))).defJvps((dx, _, x) => dx.mul(nn.sigmoid(x)));
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.custom_jvp.html
 */
export function customJvp<F extends AnyFunction, const N extends readonly number[] = []>(
  f: F,
  given?: CustomDerivativeOptions<N>,
): CustomJvp<F, N> {
  functionOf("customJvp", "the first argument", f);
  const options = optionsOf("customJvp", given, { name: undefined, nondiffArgnums: undefined });
  let rule: AnyRule | undefined;
  const rules = new RuleCache<ReturnType<typeof flatJvp>>();
  const called = (...args: unknown[]): unknown => {
    const call = openCall(nameOf(f, options), args, options.nondiffArgnums ?? []);
    if (!rule) throw noRule("customJvp", "defJvp", call.name);
    const { jaxpr, operands, numConsts, outTree } = traceCall(f, call);
    // Outside a trace nothing asks for the rule.
    if (isEvaluating()) return unflatten(outTree, bind(jitCall, operands, { name: call.name, jaxpr }));
    const given = rule;
    const jvp = rules.get(call, () => flatJvp(call, given, outTree));
    return unflatten(outTree, bind(customJvpCall, operands, { name: call.name, jaxpr, numConsts, jvp }));
  };
  const define = (given: AnyRule): CustomJvp<F, N> => {
    rule = given;
    return result;
  };
  const result: CustomJvp<F, N> = Object.assign(called as unknown as F, {
    defJvp: (given: JvpRule<F, N>) => define(functionOf("customJvp", "a rule", given)),
    defJvps: (...parts: PartialJvpRules<F>) => {
      if (options.nondiffArgnums?.length)
        throw new TypeError("customJvp: defJvps must have no nondiffArgnums; got some. Call defJvp instead");
      return define(sumOfParts(result, parts as readonly (AnyFunction | null)[]));
    },
  });
  return Object.defineProperty(result, "name", { value: options.name ?? f.name });
}

function sumOfParts(f: AnyFunction, parts: readonly (AnyFunction | null)[]): AnyRule {
  return function jvp(primals: readonly unknown[], tangents: readonly unknown[]): readonly [unknown, unknown] {
    const value = f(...primals);
    const { treedef, leaves } = flattenArrays("customJvp", value);
    const terms = parts.flatMap((part, i) =>
      part ? [flattenUpTo(treedef, part(tangents[i], value, ...primals), "customJvp: a tangent")] : [],
    );
    const sums = leaves.map((_, i) =>
      terms.map((term) => leafArray("customJvp", term[i])).reduce<Operand | null>(ops.addAny, null),
    );
    return [value, unflatten(treedef, sums)];
  };
}

function flatJvp({ tree, constants, name }: Call, rule: AnyRule, outTree: TreeDef) {
  const run = (primals: readonly Operand[], tangents: readonly Operand[]) => {
    const out = rule(...constants, unflatten(tree, primals), unflatten(tree, tangents));
    refusePromise("customJvp", out, `the rule of ${name}`);
    if (!globalThis.Array.isArray(out) || out.length !== 2)
      throw new TypeError(
        `customJvp: a rule must return a pair [value, tangent]; got ${typeof out} from the rule of ${name}`,
      );
    const value = flattenArrays("customJvp", out[0]);
    if (!sameTreedef(value.treedef, outTree))
      throw new TypeError(
        `customJvp: the value of a rule must have the tree of the function's, ${formatTreedef(outTree)}; got ${formatTreedef(value.treedef)} from the rule of ${name}`,
      );
    const given = flattenUpTo(outTree, out[1], "customJvp: the tangent of a rule");
    const tangentsOut = value.leaves.map((x, i) => {
      if (given[i] === null || given[i] === undefined || !hasTangent(x)) return null;
      return checkLike("customJvp", "the tangent of a rule", leafArray("customJvp", given[i]), x.aval);
    });
    return { results: value.leaves, tangents: tangentsOut };
  };
  return { name: rule.name || "<lambda>", run };
}

/** A function with a reverse-mode rule; `defVjp` sets it. */
export type CustomVjp<F extends AnyFunction, N extends readonly number[] = []> = F & {
  /** Sets the rules. `forward` computes the value and what `backward` needs to know. */
  readonly defVjp: <R extends Residuals>(
    forward: ForwardRule<F, R>,
    backward: BackwardRule<F, R, N>,
  ) => CustomVjp<F, N>;
};

/**
 * `f` with a reverse-mode derivative of its own; it has no forward mode then.
 * @see https://docs.jax.dev/en/latest/_autosummary/jax.custom_vjp.html
 */
export function customVjp<F extends AnyFunction, const N extends readonly number[] = []>(
  f: F,
  given?: CustomDerivativeOptions<N>,
): CustomVjp<F, N> {
  functionOf("customVjp", "the first argument", f);
  const options = optionsOf("customVjp", given, { name: undefined, nondiffArgnums: undefined });
  let rules: { readonly forward: AnyRule; readonly backward: AnyRule } | undefined;
  const cache = new RuleCache<ReturnType<typeof flatVjp>>();
  const called = (...args: unknown[]): unknown => {
    const call = openCall(nameOf(f, options), args, options.nondiffArgnums ?? []);
    if (!rules) throw noRule("customVjp", "defVjp", call.name);
    const { jaxpr, operands, numConsts, outTree } = traceCall(f, call);
    if (isEvaluating()) return unflatten(outTree, bind(jitCall, operands, { name: call.name, jaxpr }));
    const { forward, backward } = rules;
    const flat = cache.get(call, () => flatVjp(call, forward, backward, outTree));
    return unflatten(outTree, bind(customVjpCall, operands, { name: call.name, jaxpr, numConsts, ...flat }));
  };
  const result: CustomVjp<F, N> = Object.assign(called as unknown as F, {
    defVjp: (forward: AnyRule, backward: AnyRule) => {
      rules = {
        forward: functionOf("customVjp", "the forward rule", forward),
        backward: functionOf("customVjp", "the backward rule", backward),
      };
      return result;
    },
  });
  return Object.defineProperty(result, "name", { value: options.name ?? f.name });
}

function flatVjp(call: Call, forward: AnyRule, backward: AnyRule, outTree: TreeDef) {
  const { tree, constants, name } = call;
  const residualTree = new Once<TreeDef>();
  const runForward = (primals: readonly Operand[]) => {
    const out = call.apply(forward, primals);
    refusePromise("customVjp", out, `the forward rule of ${name}`);
    if (!globalThis.Array.isArray(out) || out.length !== 2)
      throw new TypeError(
        `customVjp: a forward rule must return a pair [value, residuals]; got ${typeof out} from that of ${name}`,
      );
    const value = flattenArrays("customVjp", out[0]);
    if (!sameTreedef(value.treedef, outTree))
      throw new TypeError(
        `customVjp: the value of a forward rule must have the tree of the function's, ${formatTreedef(outTree)}; got ${formatTreedef(value.treedef)} from that of ${name}`,
      );
    const residuals = flattenArrays("customVjp", out[1]);
    residualTree.set(residuals.treedef);
    return { results: value.leaves, residuals: residuals.leaves };
  };
  const runBackward = (residuals: readonly Operand[], cotangents: readonly Operand[]) => {
    const out = backward(...constants, unflatten(residualTree.value, residuals), unflatten(outTree, cotangents));
    refusePromise("customVjp", out, `the backward rule of ${name}`);
    if (!globalThis.Array.isArray(out))
      throw new TypeError(
        `customVjp: a backward rule must return a list, one cotangent for each argument; got ${typeof out} from that of ${name}`,
      );
    return flattenUpTo(tree, out, "customVjp: the cotangents of a backward rule").map((ct) =>
      ct === null || ct === undefined ? null : leafArray("customVjp", ct),
    );
  };
  return {
    fwd: { name: forward.name || "<lambda>", run: runForward },
    bwd: { name: backward.name || "<lambda>", run: runBackward },
  };
}
