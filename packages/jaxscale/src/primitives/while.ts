/** while: a body applied as long as a predicate of the carries holds. */
import { invariant, TracerError } from "../base/errors.ts";
import { interpret } from "../jaxpr/interpret.ts";
import { type ClosedJaxpr, newVar, shapedArray, varyingAlong, varyingOfAny } from "../jaxpr/ir.ts";
import { writeJaxpr } from "../jaxpr/write.ts";
import { broadcastInDim } from "./broadcast.ts";
import { checkCarriesVary, spread } from "./call.ts";
import { replicatedRule } from "./factors.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import {
  type BatchContext,
  type Batched,
  type Differentiated,
  definePrimitive,
  type Edge,
  type PrimitiveRules,
} from "./primitive.ts";
import { reduceOr } from "./reduction.ts";
import { selectN } from "./select.ts";

export type WhileParams = {
  /** Arguments: its constants, the carries. Result: bool[]. */
  readonly condJaxpr: ClosedJaxpr;
  readonly condNconsts: number;
  /** Arguments: its constants, the carries. Results: the carries. */
  readonly bodyJaxpr: ClosedJaxpr;
  readonly bodyNconsts: number;
  /** The most iterations that can happen, where that is known. */
  readonly maxTrips?: number;
};

type Flags = readonly boolean[];
type Maybe = readonly (Operand | null)[];
const isSet = <T>(x: T | null): x is T => x !== null;

function parts<T>({ condNconsts, bodyNconsts }: WhileParams, list: readonly T[]): readonly [T[], T[], T[]] {
  const count = condNconsts + bodyNconsts;
  return [list.slice(0, condNconsts), list.slice(condNconsts, count), list.slice(count)];
}

/** The predicate of the same values, with more arguments that it ignores. */
const ignoring = ({ jaxpr, consts }: ClosedJaxpr, more: readonly Operand[]): ClosedJaxpr => ({
  jaxpr: { ...jaxpr, invars: [...jaxpr.invars, ...more.map((x) => newVar(x.aval))] },
  consts,
});

function grow(first: Flags, next: (carry: Flags) => Flags): Flags {
  let carry = first;
  for (;;) {
    const out = next(carry);
    const grown = carry.map((flag, i) => flag || out[i]);
    if (grown.every((flag, i) => flag === carry[i])) return carry;
    carry = grown;
  }
}

function differentiate(
  ops: OpBuilder,
  primals: readonly Operand[],
  tangents: Maybe,
  params: WhileParams,
): Differentiated {
  const [pt, pb, px] = parts(params, primals);
  const [, tb, tx] = parts(params, tangents);
  const constsSet = tb.map(isSet);
  const transformed = (carry: Flags) => ops.transforms.jvpJaxpr(params.bodyJaxpr, [...constsSet, ...carry], carry);
  const carrySet = grow(tx.map(isSet), (carry) => transformed(carry).nonzero);
  const { jaxpr: body } = transformed(carrySet);
  const { invars } = body.jaxpr;
  const count = pb.length + px.length;
  const nc = constsSet.filter(Boolean).length;
  const dots = px.map((x, i) => tx[i] ?? ops.zeros(x.aval)).filter((_, i) => carrySet[i]);
  const jaxpr = {
    ...body.jaxpr,
    invars: [
      ...invars.slice(0, pb.length),
      ...invars.slice(count, count + nc),
      ...invars.slice(pb.length, count),
      ...invars.slice(count + nc),
    ],
  };
  const out = ops.bind("while", [...pt, ...pb, ...tb.filter(isSet), ...px, ...dots], {
    ...params,
    condJaxpr: ignoring(params.condJaxpr, dots),
    bodyJaxpr: { jaxpr, consts: body.consts },
    bodyNconsts: pb.length + nc,
  });
  return { results: out.slice(0, px.length), tangents: spread(carrySet, out.slice(px.length)) };
}

function batch(
  ops: OpBuilder,
  operands: readonly Operand[],
  dims: readonly (number | null)[],
  { params, axis, varies }: BatchContext<WhileParams>,
): Batched {
  const { batchJaxpr } = ops.transforms;
  const [testDims, bodyDims, firstDims] = parts(params, dims);
  const [tests, bodies, carries] = parts(params, operands);
  const asDims = (carry: Flags) => carry.map((b) => (b ? 0 : null));
  const predicate = (carry: Flags) => batchJaxpr(params.condJaxpr, axis, [...testDims, ...asDims(carry)]);
  const body = (carry: Flags) => batchJaxpr(params.bodyJaxpr, axis, [...bodyDims, ...asDims(carry)], carry);
  const all = carries.map(() => true);
  const carrySet = grow(
    firstDims.map((d) => d !== null),
    (carry) => (predicate(carry).dims[0] === null ? body(carry).dims.map((d) => d !== null) : all),
  );
  checkCarriesVary("while_loop", axis, parts(params, varies)[2], carrySet, carries);
  const first = carries.map((c, i) => (carrySet[i] ? ops.batchToFront(c, firstDims[i], axis.size) : c));
  const results = (condJaxpr: ClosedJaxpr, bodyJaxpr: ClosedJaxpr, constants: readonly Operand[]) =>
    ops.bind("while", [...tests, ...constants, ...first], {
      ...params,
      condJaxpr,
      bodyJaxpr,
      bodyNconsts: constants.length,
    });
  const test = predicate(carrySet);
  const iteration = body(carrySet).jaxpr;
  const outDims = asDims(carrySet);
  if (test.dims[0] === null) return { results: results(test.jaxpr, iteration, bodies), dims: outDims };

  // Rows end at different iterations: the loop goes on for any of them, and those that are done keep what they have.
  const avals = (list: readonly Operand[]) => list.map((x) => x.aval);
  const any = writeJaxpr([...avals(tests), ...avals(first)], (w, args) =>
    w.bind(reduceOr, w.call(test.jaxpr, args), { axes: [0] }),
  );
  const frozen = writeJaxpr([...avals(tests), ...avals(bodies), ...avals(first)], (w, args) => {
    const [t, b] = [args.slice(0, tests.length), args.slice(tests.length, tests.length + bodies.length)];
    const carry = args.slice(tests.length + bodies.length);
    const [going] = w.call(test.jaxpr, [...t, ...carry]);
    const next = w.call(iteration, [...b, ...carry]);
    return carry.map((old, i) => {
      const rows = { shape: old.aval.shape, broadcastDimensions: [0] };
      const which = old.aval.shape.length === 1 ? going : w.bind(broadcastInDim, [going], rows)[0];
      return w.bind(selectN, [which, old, next[i]], {})[0];
    });
  });
  return { results: results(any, frozen, [...tests, ...bodies]), dims: outDims };
}

const whileRules: Pick<PrimitiveRules<WhileParams>, "differentiate" | "linearize" | "transpose" | "batch"> = {
  differentiate: (ops, primals, tangents, { params }) => differentiate(ops, primals, tangents, params),
  // Tangents run beside the values once more: nothing is kept from iterations whose number is not known.
  linearize: (ops, primals, _, { params }) => ({
    results: ops.bind("while", primals, params),
    linear: (tangents) => differentiate(ops, primals, tangents, params).tangents,
  }),
  transpose() {
    throw new TracerError(
      "while: no transpose rule: reverse-mode differentiation does not work for lax.whileLoop or lax.foriLoop with dynamic start/stop values; got a gradient through one. Use lax.scan, or foriLoop with bounds known while tracing",
    );
  },
  batch,
};

/** Operands: constants of the condition, constants of the body, first carries. Results: last carries. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.while_loop.html */
export const whileLoop = definePrimitive<WhileParams>("while", {
  abstractEval(inputs, { condJaxpr, bodyJaxpr: { jaxpr }, condNconsts, bodyNconsts }) {
    invariant(inputs.length === condNconsts + jaxpr.invars.length && bodyNconsts >= 0, "while passes each argument");
    const [test] = condJaxpr.jaxpr.outvars;
    // Where devices differ in when they end, they differ in what they end with.
    return jaxpr.outvars.map(({ aval }) => varyingAlong(aval, varyingOfAny([aval, test.aval])));
  },
  varying: "bodies",
  reference(inputs, { condJaxpr, condNconsts, bodyJaxpr, bodyNconsts, maxTrips = Number.POSITIVE_INFINITY }) {
    const condConsts = inputs.slice(0, condNconsts);
    const bodyConsts = inputs.slice(condNconsts, condNconsts + bodyNconsts);
    let carries = inputs.slice(condNconsts + bodyNconsts);
    const goesOn = (): boolean => interpret(condJaxpr, [...condConsts, ...carries])[0].values[0] !== 0;
    for (let iteration = 0; iteration < maxTrips && goesOn(); iteration++)
      carries = interpret(bodyJaxpr, [...bodyConsts, ...carries]);
    return carries;
  },
  printParams: ({ bodyJaxpr, bodyNconsts, condJaxpr, condNconsts, maxTrips }) => ({
    body_jaxpr: bodyJaxpr,
    body_nconsts: `${bodyNconsts}`,
    cond_jaxpr: condJaxpr,
    cond_nconsts: `${condNconsts}`,
    ...(maxTrips !== undefined && { max_trips: `${maxTrips}` }),
  }),
  subJaxprs: ({ bodyJaxpr, condJaxpr }) => [bodyJaxpr, condJaxpr],
  withSubJaxprs: (params, [bodyJaxpr, condJaxpr]) => ({ ...params, bodyJaxpr, condJaxpr }),
  edges: (params) => {
    const { bodyJaxpr, condNconsts, bodyNconsts } = params;
    const [tests, bodies, carries] = parts(
      params,
      Array.from({ length: condNconsts + bodyJaxpr.jaxpr.invars.length }, (_, i) => i),
    );
    return [
      ...tests.map((operand, i): Edge => ({ operand, arguments: [[1, i]], outputs: [] })),
      ...bodies.map((operand, i): Edge => ({ operand, arguments: [[0, i]], outputs: [] })),
      ...carries.map((operand, i): Edge => {
        const arguments_ = [[0, bodyNconsts + i] as const, [1, condNconsts + i] as const];
        return { operand, arguments: arguments_, outputs: [[0, i]], result: i };
      }),
    ];
  },
  lowering: {
    kind: "loop",
    loop({ params: { condJaxpr, condNconsts, bodyJaxpr, bodyNconsts, maxTrips }, inputs }) {
      const count = condNconsts + bodyNconsts;
      const constants = inputs.slice(0, count).map((_, i) => i);
      const carries = inputs.slice(count).map((_, i) => count + i);
      return {
        trips: null,
        maxTrips,
        constants,
        carries,
        body: writeJaxpr([shapedArray([], "int32"), ...inputs], (w, [, ...args]) =>
          w.call(bodyJaxpr, [...args.slice(condNconsts, count), ...args.slice(count)]),
        ),
        condition: writeJaxpr(inputs, (w, args) =>
          w.call(condJaxpr, [...args.slice(0, condNconsts), ...args.slice(count)]),
        ),
      };
    },
  },
  sharding: replicatedRule,
  ...whileRules,
});
