/** cond: one of several branches, chosen on the device. */
import { invariant } from "../base/errors.ts";
import { interpret } from "../jaxpr/interpret.ts";
import {
  type Atom,
  type ClosedJaxpr,
  type JaxprEqn,
  newLiteral,
  newVar,
  type ShapedArray,
  shapedArray,
  type Var,
  varyingAlong,
  varyingOfAny,
} from "../jaxpr/ir.ts";
import { writeJaxpr } from "../jaxpr/write.ts";
import { broadcastInDim } from "./broadcast.ts";
import { spread } from "./call.ts";
import { replicatedRule } from "./factors.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import {
  type BatchAxis,
  type Batched,
  definePrimitive,
  type Edge,
  type Linearized,
  type PrimitiveRules,
} from "./primitive.ts";

export type CondParams = {
  /** All of one type; without constants. */
  readonly branches: readonly ClosedJaxpr[];
};

type Flags = readonly boolean[];
type Dims = readonly (number | null)[];
const isSet = <T>(x: T | null): x is T => x !== null;
const either = (lists: readonly Flags[]): Flags => lists[0].map((_, i) => lists.some((list) => list[i]));

/** Residuals of all branches side by side: a branch gives its own, and zeros for the others'. */
function linearize(
  ops: OpBuilder,
  [index, ...primals]: readonly Operand[],
  nonzero: Flags,
  { branches }: CondParams,
): Linearized {
  const { linearizeJaxpr } = ops.transforms;
  const set = nonzero.slice(1);
  const nonzeroOut = either(branches.map((b) => linearizeJaxpr(b, set).nonzero));
  const parts = branches.map((b) => linearizeJaxpr(b, set, nonzeroOut));
  const total = branches[0].jaxpr.outvars.length;
  const argumentAvals = primals.map((x) => x.aval);
  // What each branch keeps beyond arguments and results.
  const kept = parts.map(({ primal }) => primal.jaxpr.outvars.slice(total).map((a) => a.aval));
  const primalBranches = parts.map(({ primal }, i) =>
    writeJaxpr(argumentAvals, (w, args) => {
      const out = w.call(primal, args);
      const zeros = (aval: ShapedArray): Atom => {
        const zero = newLiteral(0, shapedArray([], aval.dtype, aval.weakType));
        return w.bind(broadcastInDim, [zero], { shape: aval.shape, broadcastDimensions: [] })[0];
      };
      return [...out.slice(0, total), ...kept.flatMap((avals, j) => (i === j ? out.slice(total) : avals.map(zeros)))];
    }),
  );
  const out = ops.bind("cond", [index, ...primals], { branches: primalBranches });
  const [results, residuals] = [out.slice(0, total), out.slice(total)];
  const tangentAvals = argumentAvals.filter((_, i) => set[i]);
  const shared = [...primals, ...results, ...residuals];
  const tangentBranches = parts.map(({ tangent, residuals: origins }, i) => {
    const before = kept.slice(0, i).reduce((n, avals) => n + avals.length, 0);
    return writeJaxpr([...shared.map((x) => x.aval), ...tangentAvals], (w, args) => {
      const own = origins.map(({ from, index: at }) => {
        if (from === "argument") return args[at];
        return args[primals.length + (at < total ? at : at + before)];
      });
      return w.call(tangent, [...own, ...args.slice(shared.length)]);
    });
  });
  return {
    results,
    linear: ([, ...tangents]) =>
      spread(
        nonzeroOut,
        ops.bind("cond", [index, ...shared, ...tangents.filter(isSet)], { branches: tangentBranches }),
      ),
  };
}

/** With the choice the same for all rows, one branch runs on all; else all run, and each row takes its own. */
function batch(
  ops: OpBuilder,
  operands: readonly Operand[],
  dims: Dims,
  { branches }: CondParams,
  axis: BatchAxis,
): Batched {
  const [indexDim, ...argDims] = dims;
  const { batchJaxpr } = ops.transforms;
  const mapped = either(branches.map((b) => batchJaxpr(b, axis, argDims).dims.map((d) => d !== null)));
  if (indexDim === null) {
    const batched = branches.map((b) => batchJaxpr(b, axis, argDims, mapped).jaxpr);
    return { results: ops.bind("cond", operands, { branches: batched }), dims: mapped.map((m) => (m ? 0 : null)) };
  }
  const all = branches[0].jaxpr.outvars.map(() => true);
  const batched = branches.map((b) => batchJaxpr(b, axis, argDims, all).jaxpr);
  const results = everyBranch(ops, operands, batched);
  return { results, dims: results.map(() => 0) };
}

/** Runs all branches and takes the results of one, by an index that is a scalar or has an element for each row. */
function everyBranch(
  ops: OpBuilder,
  [index, ...args]: readonly Operand[],
  branches: readonly ClosedJaxpr[],
): readonly Operand[] {
  const outs = branches.map((b) => ops.transforms.evalJaxpr(b, args));
  return outs[0].map((first, i) => {
    const which = ops.broadcastInDim(index, first.aval.shape, [...index.aval.shape.keys()]);
    const cases = outs.map((out) => out[i]);
    const chosen = cases.length === 2 ? ops.ne(which, 0) : which;
    return ops.bind1("select_n", [chosen, ...cases]);
  });
}

const condRules: Pick<PrimitiveRules<CondParams>, "differentiate" | "linearize" | "transpose" | "batch" | "prune"> = {
  differentiate({ bind, transforms }, [index, ...primals], [, ...tangents], { params: { branches } }) {
    const set = tangents.map(isSet);
    const nonzero = either(branches.map((b) => transforms.jvpJaxpr(b, set).nonzero));
    const both = branches.map((b) => transforms.jvpJaxpr(b, set, nonzero).jaxpr);
    const out = bind("cond", [index, ...primals, ...tangents.filter(isSet)], { branches: both });
    return { results: out.slice(0, nonzero.length), tangents: spread(nonzero, out.slice(nonzero.length)) };
  },
  linearize: (ops, primals, nonzero, { params }) => linearize(ops, primals, nonzero, params),
  transpose({ bind, transforms }, cotangents, [index, ...operands], { params: { branches } }) {
    const linear = operands.map((x) => x === null);
    const given = cotangents.map(isSet);
    const back = branches.map((b) => transforms.transposeJaxpr(b, linear, given, true).jaxpr);
    const values = [index, ...operands].filter(isSet);
    return [null, ...spread(linear, bind("cond", [...values, ...cotangents.filter(isSet)], { branches: back }))];
  },
  batch: (ops, operands, dims, { params, axis }) => batch(ops, operands, dims, params, axis),
  prune({ branches }, usedResults, pruneJaxpr) {
    const used = either(branches.map((b) => pruneJaxpr(b, usedResults).usedArguments));
    const pruned = branches.map((b): ClosedJaxpr => {
      const { jaxpr, usedArguments } = pruneJaxpr(b, usedResults);
      const own = spread(usedArguments, jaxpr.jaxpr.invars);
      const invars = b.jaxpr.invars.flatMap((v, i) => (used[i] ? [own[i] ?? v] : []));
      return { jaxpr: { ...jaxpr.jaxpr, invars }, consts: jaxpr.consts };
    });
    return { params: { branches: pruned }, usedOperands: [true, ...used] };
  },
};

/** Operands: the branch's number (int32[], in range), the arguments of every branch. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.switch.html */
export const cond = definePrimitive<CondParams>("cond", {
  abstractEval([index, ...args], { branches }) {
    const [{ jaxpr }] = branches;
    invariant(args.length === jaxpr.invars.length, "cond passes one operand for each argument of its branches");
    return jaxpr.outvars.map(({ aval }, i) =>
      varyingAlong(aval, varyingOfAny([index, ...branches.map((branch) => branch.jaxpr.outvars[i].aval)])),
    );
  },
  varying: "bodies",
  reference: ([index, ...args], { branches }) => interpret(branches[index.values[0]], args),
  printParams: ({ branches }) => ({ branches }),
  subJaxprs: ({ branches }) => branches,
  withSubJaxprs: (params, branches) => ({ ...params, branches }),
  withEffects: (params, branches, extra) => {
    const before = branches.map((_, i) => extra.slice(0, i).reduce((sum, n) => sum + n, 0));
    return {
      params: { ...params, branches: branches.map((branch, i) => tellsAll(branch, i, branches, extra)) },
      replay: ([{ values: number }, ...results], ran) => {
        const chosen = number[0];
        ran(chosen, results.slice(before[chosen], before[chosen] + extra[chosen]));
      },
    };
  },
  edges: ({ branches }) => {
    const inAll = (i: number) => branches.map((_, branch) => [branch, i] as const);
    const [{ jaxpr }] = branches;
    return [
      ...jaxpr.invars.map((_, i): Edge => ({ operand: i + 1, arguments: inAll(i), outputs: [] })),
      ...jaxpr.outvars.map((_, i): Edge => ({ arguments: [], outputs: inAll(i), result: i })),
    ];
  },
  everyBranch: (ops, operands, { branches }) => everyBranch(ops, operands, branches),
  lowering: { kind: "branch", branches: ({ params }) => params.branches },
  sharding: replicatedRule,
  ...condRules,
});

/** A branch whose further results are its number, and those of all branches: its own, and zeros for the others. */
function tellsAll(
  branch: ClosedJaxpr,
  number: number,
  branches: readonly ClosedJaxpr[],
  extra: readonly number[],
): ClosedJaxpr {
  const { jaxpr } = branch;
  const zeros: JaxprEqn[] = [];
  const zero = ({ shape, dtype }: ShapedArray): Var => {
    const result = newVar(shapedArray(shape, dtype));
    const params = { shape, broadcastDimensions: [] };
    const inputs = [newLiteral(0, shapedArray([], dtype))];
    const primitive = broadcastInDim as unknown as JaxprEqn["primitive"];
    zeros.push({ primitive, inputs, outputs: [result], params, source: { scope: "" } });
    return result;
  };
  const told = branches.flatMap(({ jaxpr: { outvars } }, i) => {
    const own = outvars.slice(outvars.length - extra[i]);
    return i === number ? own : own.map((a) => zero(a.aval));
  });
  const kept = jaxpr.outvars.slice(0, jaxpr.outvars.length - extra[number]);
  const outvars = [...kept, newLiteral(number, shapedArray([], "int32")), ...told];
  return { ...branch, jaxpr: { ...jaxpr, eqns: [...jaxpr.eqns, ...zeros], outvars } };
}
