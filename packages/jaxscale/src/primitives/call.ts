/** Calls of a jaxpr from a jaxpr. */
import { invariant, ShardingError } from "../base/errors.ts";
import { interpret } from "../jaxpr/interpret.ts";
import { type ClosedJaxpr, formatAval } from "../jaxpr/ir.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import { type BatchAxis, definePrimitive, type Linearized, type PrimitiveRules } from "./primitive.ts";

export type JitParams = {
  readonly name: string;
  /** Has no constants: what the function closed over are leading arguments. */
  readonly jaxpr: ClosedJaxpr;
};

/** Parameters of an op that calls its `jaxpr`, which has no constants. */
export type CallParams = { readonly jaxpr: ClosedJaxpr };

const isSet = <T>(x: T | null): x is T => x !== null;

/** A list with the next of `given` wherever `flags` is set, else null. */
export function spread<T>(flags: readonly boolean[], given: readonly T[]): (T | null)[] {
  let next = 0;
  return flags.map((flag) => (flag ? given[next++] : null));
}

type CallRules<P extends CallParams> = Pick<PrimitiveRules<P>, "differentiate" | "transpose" | "batch" | "prune">;

/** All rules but that for linearization. */
export function callRules<P extends CallParams>(name: string): CallRules<P> {
  return {
    differentiate: ({ bind, transforms }, primals, tangents, { params }) => {
      const { jaxpr, nonzero } = transforms.jvpJaxpr(params.jaxpr, tangents.map(isSet));
      const out = bind(name, [...primals, ...tangents.filter(isSet)], { ...params, jaxpr });
      return { results: out.slice(0, nonzero.length), tangents: spread(nonzero, out.slice(nonzero.length)) };
    },
    transpose: ({ bind, transforms }, cotangents, operands, { params }) => {
      const linear = operands.map((x) => x === null);
      const { jaxpr, nonzero } = transforms.transposeJaxpr(params.jaxpr, linear, cotangents.map(isSet));
      const out = bind(name, [...operands.filter(isSet), ...cotangents.filter(isSet)], { ...params, jaxpr });
      return spread(linear, spread(nonzero, out));
    },
    batch: ({ bind, transforms }, operands, dims, { params, axis }) => {
      const batched = transforms.batchJaxpr(params.jaxpr, axis, dims);
      return { results: bind(name, operands, { ...params, jaxpr: batched.jaxpr }), dims: batched.dims };
    },
    prune: (params, usedResults, pruneJaxpr) => {
      const { jaxpr, usedArguments } = pruneJaxpr(params.jaxpr, usedResults);
      return { params: { ...params, jaxpr }, usedOperands: usedArguments };
    },
  };
}

/** Linearizes into two calls: of the function, which also returns residuals, and of its derivative. */
function linearizeCall<P extends CallParams>(
  name: string,
  { bind, transforms }: OpBuilder,
  primals: readonly Operand[],
  nonzero: readonly boolean[],
  params: P,
): Linearized {
  const { primal, tangent, residuals, nonzero: nonzeroOut } = transforms.linearizeJaxpr(params.jaxpr, nonzero);
  const { jaxpr } = primal;
  // A result that is an argument need not be computed.
  const forwarded = jaxpr.outvars.map((v) => (v.kind === "var" ? jaxpr.invars.indexOf(v) : -1));
  const computed = forwarded.map((argument) => argument < 0);
  const called = computed.every(Boolean)
    ? primal
    : { jaxpr: { ...jaxpr, outvars: jaxpr.outvars.filter((_, i) => computed[i]) }, consts: primal.consts };
  const out = bind(name, primals, { ...params, jaxpr: called });
  const all = spread(computed, out).map((x, i) => x ?? primals[forwarded[i]]);
  const values = residuals.map(({ from, index }) => (from === "argument" ? primals[index] : all[index]));
  return {
    results: all.slice(0, nonzeroOut.length),
    linear: (tangents) =>
      spread(nonzeroOut, bind(name, [...values, ...tangents.filter(isSet)], { ...params, jaxpr: tangent })),
  };
}

/** A jitted function called while another one is traced; inlined before anything is scheduled. */
export const jitCall = definePrimitive<JitParams>("jit", {
  abstractEval(inputs, { jaxpr: { jaxpr } }) {
    invariant(inputs.length === jaxpr.invars.length, "a call passes one operand for each argument");
    return jaxpr.outvars.map((a) => a.aval);
  },
  varying: "bodies",
  reference: (inputs, { jaxpr }) => interpret(jaxpr, inputs),
  printParams: ({ name, jaxpr }) => ({ name, jaxpr }),
  subJaxprs: ({ jaxpr }) => [jaxpr],
  withSubJaxprs: (params, [jaxpr]) => ({ ...params, jaxpr }),
  sharesNames: true,
  ...callRules<JitParams>("jit"),
  linearize: (ops, primals, nonzero, { params }) => linearizeCall("jit", ops, primals, nonzero, params),
  lowering: { kind: "call" },
  // Only its body is ever sharded.
  sharding: ({ inputs, outputs }) => ({
    operands: inputs.map((a) => a.shape.map(() => [])),
    results: outputs.map((a) => a.shape.map(() => [])),
    factors: {},
  }),
});

/**
 * Within `shardMap`, a carry has one type in all iterations: whether it varies over an axis of the mesh is part of it.
 * @throws ShardingError for a carry that starts equal on all devices and becomes varying
 */
export function checkCarriesVary(
  op: string,
  { name, checksVarying }: BatchAxis,
  before: readonly boolean[],
  after: readonly boolean[],
  carries: readonly Operand[],
): void {
  if (!checksVarying) return;
  const wrong = after.findIndex((varies, i) => varies && !before[i]);
  if (wrong < 0) return;
  throw new ShardingError(
    `${op}: a carry must vary over the same mesh axes in all iterations; got carry ${wrong}, ${formatAval(carries[wrong].aval)}, which starts equal along ${name} and varies after an iteration. Start it with lax.pcast(x, ${JSON.stringify(name)}, { to: "varying" })`,
  );
}
