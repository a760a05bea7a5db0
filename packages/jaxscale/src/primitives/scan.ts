/** scan: a body applied once for each slice of its inputs, passing a carry along. */
import { invariant } from "../base/errors.ts";
import { sizeOf } from "../base/shapes.ts";
import { allocateValues, type HostTensor, hostTensor } from "../base/tensor-data.ts";
import { interpret } from "../jaxpr/interpret.ts";
import { type Atom, type ClosedJaxpr, type ShapedArray, shapedArray } from "../jaxpr/ir.ts";
import { type JaxprWriter, writeJaxpr } from "../jaxpr/write.ts";
import { addAny, sub } from "./arithmetic.ts";
import { checkCarriesVary, spread } from "./call.ts";
import { dynamicSlice } from "./dynamic-slice.ts";
import { dynamicUpdateSlice } from "./dynamic-update-slice.ts";
import { replicatedRule } from "./factors.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";
import { definePrimitive, type Edge, type LoopPlan, type PrimitiveRules } from "./primitive.ts";
import { bool } from "./python-text.ts";
import { reshape } from "./shape.ts";

export type ScanParams = {
  /** Arguments: constants, carries, one slice of each input. Results: carries, one slice of each output. */
  readonly jaxpr: ClosedJaxpr;
  readonly length: number;
  readonly numConsts: number;
  readonly numCarry: number;
  readonly reverse: boolean;
  readonly unroll: number;
};

const stacked = (length: number, { shape, ...type }: ShapedArray): ShapedArray => ({
  ...type,
  shape: [length, ...shape],
});

type Flags = readonly boolean[];
type Maybe = readonly (Operand | null)[];
const isSet = <T>(x: T | null): x is T => x !== null;
const where = <T>(list: readonly T[], flags: Flags): T[] => list.filter((_, i) => flags[i]);
const not = (flags: Flags): boolean[] => flags.map((f) => !f);

/** Operands or arguments by their part. */
function parts<T>({ numConsts, numCarry }: ScanParams, list: readonly T[]): readonly [T[], T[], T[]] {
  return [list.slice(0, numConsts), list.slice(numConsts, numConsts + numCarry), list.slice(numConsts + numCarry)];
}

/** A jaxpr with arguments and results in another order, or more of them. */
const rearranged = (
  { jaxpr, consts }: ClosedJaxpr,
  invars: typeof jaxpr.invars,
  outvars: readonly Atom[],
): ClosedJaxpr => ({
  jaxpr: { ...jaxpr, invars, outvars },
  consts,
});

/** Grows the flags of carries until an iteration does not add to them. */
function settle(first: Flags, next: (carry: Flags) => Flags): Flags {
  let carry = first;
  for (;;) {
    const out = next(carry);
    const grown = carry.map((flag, i) => flag || out[i]);
    if (grown.every((flag, i) => flag === carry[i])) return carry;
    carry = grown;
  }
}

/** Tangents of carries: zeros where a carry begins without one but gets one. */
const carryTangents = (ops: OpBuilder, primals: readonly Operand[], tangents: Maybe, nonzero: Flags): Operand[] =>
  where(
    primals.map((x, i) => tangents[i] ?? ops.zeros(x.aval)),
    nonzero,
  );

function differentiate(ops: OpBuilder, primals: readonly Operand[], tangents: Maybe, params: ScanParams) {
  const { jvpJaxpr } = ops.transforms;
  const { numCarry } = params;
  const [constsSet, firstSet, xsSet] = parts(params, tangents.map(isSet));
  const force = (carry: Flags): Flags => [...carry, ...params.jaxpr.jaxpr.outvars.slice(numCarry).map(() => false)];
  const transformed = (carry: Flags) => jvpJaxpr(params.jaxpr, [...constsSet, ...carry, ...xsSet], force(carry));
  const carrySet = settle(firstSet, (carry) => transformed(carry).nonzero.slice(0, numCarry));
  const { jaxpr: body, nonzero } = transformed(carrySet);

  const count = params.jaxpr.jaxpr.invars.length;
  const [c, x, s] = parts(params, body.jaxpr.invars.slice(0, count));
  const dots = body.jaxpr.invars.slice(count);
  const [nc, nx] = [constsSet.filter(Boolean).length, carrySet.filter(Boolean).length];
  const outs = body.jaxpr.outvars;
  const total = params.jaxpr.jaxpr.outvars.length;
  const both = rearranged(
    body,
    [...c, ...dots.slice(0, nc), ...x, ...dots.slice(nc, nc + nx), ...s, ...dots.slice(nc + nx)],
    [
      ...outs.slice(0, numCarry),
      ...outs.slice(total, total + nx),
      ...outs.slice(numCarry, total),
      ...outs.slice(total + nx),
    ],
  );
  const [pc, px, ps] = parts(params, primals);
  const [tc, tx, ts] = parts(params, tangents);
  const operands = [
    ...pc,
    ...tc.filter(isSet),
    ...px,
    ...carryTangents(ops, px, tx, carrySet),
    ...ps,
    ...ts.filter(isSet),
  ];
  const out = ops.bind("scan", operands, {
    ...params,
    jaxpr: both,
    numConsts: pc.length + nc,
    numCarry: px.length + nx,
  });
  const ys = total - numCarry;
  const [carries, carryDots] = [out.slice(0, numCarry), out.slice(numCarry, numCarry + nx)];
  const [stacks, stackDots] = [out.slice(numCarry + nx, numCarry + nx + ys), out.slice(numCarry + nx + ys)];
  return {
    results: [...carries, ...stacks],
    tangents: [...spread(carrySet, carryDots), ...spread(nonzero.slice(numCarry), stackDots)],
  };
}

function linearize(ops: OpBuilder, primals: readonly Operand[], nonzero: Flags, params: ScanParams) {
  const { numConsts, numCarry } = params;
  const total = params.jaxpr.jaxpr.outvars.length;
  const [constsSet, firstSet, xsSet] = parts(params, nonzero);
  const force = (carry: Flags): Flags => [...carry, ...params.jaxpr.jaxpr.outvars.slice(numCarry).map(() => false)];
  const transformed = (carry: Flags) =>
    ops.transforms.linearizeJaxpr(params.jaxpr, [...constsSet, ...carry, ...xsSet], force(carry));
  const carrySet = settle(firstSet, (carry) => transformed(carry).nonzero.slice(0, numCarry));
  const { primal, tangent, residuals, nonzero: nonzeroOut } = transformed(carrySet);

  // A residual that differs from iteration to iteration is stacked: as an input or output that there is already, or as one more output.
  const outvars = [...primal.jaxpr.outvars];
  const stackOf = (value: Atom): number => outvars.push(value) - 1;
  const varying = residuals.map(({ from, index }) => !(from === "argument" && index < numConsts));
  const places = residuals.map(({ from, index }) => {
    if (from === "argument") {
      if (index < numConsts || index >= numConsts + numCarry) return { operand: index };
      return { output: stackOf(primal.jaxpr.invars[index]) };
    }
    return { output: index < numCarry ? stackOf(outvars[index]) : index };
  });
  const out = ops.bind("scan", primals, { ...params, jaxpr: rearranged(primal, primal.jaxpr.invars, outvars) });
  const values = places.map((p) => (p.operand === undefined ? out[p.output] : primals[p.operand]));

  const linear = (tangents: Maybe): Maybe => {
    const [tc, tx, ts] = parts(params, tangents);
    const [, px] = parts(params, primals);
    const given = tangent.jaxpr.invars;
    const [res, dots] = [given.slice(0, residuals.length), given.slice(residuals.length)];
    const [nc, nx] = [constsSet.filter(Boolean).length, carrySet.filter(Boolean).length];
    const body = rearranged(
      tangent,
      [...where(res, not(varying)), ...dots.slice(0, nc + nx), ...where(res, varying), ...dots.slice(nc + nx)],
      tangent.jaxpr.outvars,
    );
    const operands = [
      ...where(values, not(varying)),
      ...tc.filter(isSet),
      ...carryTangents(ops, px, tx, carrySet),
      ...where(values, varying),
      ...ts.filter(isSet),
    ];
    const dotsOut = ops.bind("scan", operands, {
      ...params,
      jaxpr: body,
      numConsts: varying.filter((v) => !v).length + nc,
      numCarry: nx,
    });
    return spread(nonzeroOut, dotsOut);
  };
  return { results: out.slice(0, total), linear };
}

/** The linear scan run backwards: carries are cotangents, and those of linear constants are summed on the way. */
function transpose(
  ops: OpBuilder,
  cotangents: Maybe,
  operands: Maybe,
  params: ScanParams,
  outputs: readonly Operand["aval"][],
): Maybe {
  const { jaxpr, numCarry, reverse } = params;
  const [linearConsts, , linearXs] = parts(
    params,
    operands.map((x) => x === null),
  );
  const [consts, , xs] = parts(params, operands);
  const linear = [...linearConsts, ...new Array<boolean>(numCarry).fill(true), ...linearXs];
  const transposed = ops.transforms.transposeJaxpr(
    jaxpr,
    linear,
    jaxpr.jaxpr.outvars.map(() => true),
    true,
  ).jaxpr;

  const [constAvals, carryAvals, xAvals] = parts(
    params,
    jaxpr.jaxpr.invars.map((v) => v.aval),
  );
  const sums = where(constAvals, linearConsts);
  const [resConsts, resXs] = [where(constAvals, not(linearConsts)), where(xAvals, not(linearXs))];
  const stackAvals = jaxpr.jaxpr.outvars.slice(numCarry).map((a) => a.aval);
  const body = writeJaxpr([...resConsts, ...sums, ...carryAvals, ...stackAvals, ...resXs], (w, args) => {
    let next = 0;
    const take = (n: number): readonly Atom[] => args.slice(next, (next += n));
    const [rc, acc, ct, cy, rx] = [resConsts, sums, carryAvals, stackAvals, resXs].map((list) => take(list.length));
    const found = w.call(transposed, [...rc, ...rx, ...ct, ...cy]);
    const added = acc.map((sum, i) => w.bind(addAny, [sum, found[i]], {})[0]);
    return [...added, ...found.slice(acc.length)];
  });
  const given = cotangents.map((ct, i) => ct ?? ops.zeros(outputs[i]));
  const out = ops.bind(
    "scan",
    [
      ...consts.filter(isSet),
      ...sums.map((aval) => ops.zeros(aval)),
      ...given.slice(0, numCarry),
      ...given.slice(numCarry),
      ...xs.filter(isSet),
    ],
    { ...params, jaxpr: body, numConsts: resConsts.length, numCarry: sums.length + numCarry, reverse: !reverse },
  );
  const [ofConsts, ofCarry] = [out.slice(0, sums.length), out.slice(sums.length, sums.length + numCarry)];
  return [...spread(linearConsts, ofConsts), ...ofCarry, ...spread(linearXs, out.slice(sums.length + numCarry))];
}

const scanRules: Pick<PrimitiveRules<ScanParams>, "differentiate" | "linearize" | "transpose" | "batch" | "prune"> = {
  differentiate: (ops, primals, tangents, { params }) => differentiate(ops, primals, tangents, params),
  linearize: (ops, primals, nonzero, { params }) => linearize(ops, primals, nonzero, params),
  transpose: (ops, cotangents, operands, { params, outputs }) => transpose(ops, cotangents, operands, params, outputs),
  batch(ops, operands, dims, { params, axis, varies }) {
    const { numCarry } = params;
    const [constDims, firstDims, xDims] = parts(params, dims);
    const [consts, carries, xs] = parts(params, operands);
    const ys = params.jaxpr.jaxpr.outvars.slice(numCarry);
    const transformed = (carry: Flags) =>
      ops.transforms.batchJaxpr(
        params.jaxpr,
        axis,
        [...constDims, ...carry.map((b) => (b ? 0 : null)), ...xDims.map((d) => (d === null ? null : 0))],
        [...carry, ...ys.map(() => false)],
      );
    const carrySet = settle(
      firstDims.map((d) => d !== null),
      (carry) =>
        transformed(carry)
          .dims.slice(0, numCarry)
          .map((d) => d !== null),
    );
    checkCarriesVary("scan", axis, parts(params, varies)[1], carrySet, carries);
    const { jaxpr, dims: outDims } = transformed(carrySet);
    const results = ops.bind(
      "scan",
      [
        ...consts,
        ...carries.map((c, i) => (carrySet[i] ? ops.batchToFront(c, firstDims[i], axis.size) : c)),
        // Slices are along axis 0, so the mapped axis comes next.
        ...xs.map((x, i) => (xDims[i] === null ? x : ops.moveAxis(x, xDims[i] as number, 1))),
      ],
      { ...params, jaxpr },
    );
    const resultDims = outDims.map((d, i) => (i < numCarry ? (carrySet[i] ? 0 : null) : d === null ? null : d + 1));
    return { results, dims: resultDims };
  },
  prune(params, usedResults, pruneJaxpr) {
    const { numConsts, numCarry } = params;
    const usedYs = usedResults.slice(numCarry);
    const pruned = (carry: Flags) => pruneJaxpr(params.jaxpr, [...carry, ...usedYs]);
    const carry = settle(usedResults.slice(0, numCarry), (flags) =>
      pruned(flags).usedArguments.slice(numConsts, numConsts + numCarry),
    );
    const { jaxpr: body, usedArguments } = pruned(carry);
    const [usedConsts, usedCarry, usedXs] = parts(params, usedArguments);
    // A carry whose last value is wanted stays an argument, whether the body reads it or not.
    const missing = carry.map((kept, i) => kept && !usedCarry[i]);
    const invars = body.jaxpr.invars;
    const at = usedConsts.filter(Boolean).length;
    const own = spread(usedCarry, invars.slice(at, at + usedCarry.filter(Boolean).length));
    const carryVars = params.jaxpr.jaxpr.invars.slice(numConsts, numConsts + numCarry).flatMap((v, i) => {
      const kept = own[i] ?? (missing[i] ? v : null);
      return kept ? [kept] : [];
    });
    const jaxpr = rearranged(
      body,
      [...invars.slice(0, at), ...carryVars, ...invars.slice(at + usedCarry.filter(Boolean).length)],
      body.jaxpr.outvars,
    );
    return {
      params: { ...params, jaxpr, numConsts: at, numCarry: carry.filter(Boolean).length },
      usedOperands: [...usedConsts, ...carry, ...usedXs],
      keptResults: [...carry, ...usedYs],
    };
  },
};

/** Operands: constants, first carries, inputs stacked along axis 0. Results: last carries, outputs stacked. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.scan.html */
export const scan = definePrimitive<ScanParams>("scan", {
  abstractEval(inputs, { jaxpr: { jaxpr }, length, numCarry }) {
    invariant(inputs.length === jaxpr.invars.length, "scan passes one operand for each argument of its body");
    return jaxpr.outvars.map(({ aval }, i) => (i < numCarry ? aval : stacked(length, aval)));
  },
  varying: "bodies",
  reference(inputs, { jaxpr, length, numConsts, numCarry, reverse }) {
    const constants = inputs.slice(0, numConsts);
    let carries = inputs.slice(numConsts, numConsts + numCarry);
    const xs = inputs.slice(numConsts + numCarry);
    const outputs = jaxpr.jaxpr.outvars
      .slice(numCarry)
      .map(({ aval }) => hostTensor(stacked(length, aval).shape, aval.dtype));
    for (let iteration = 0; iteration < length; iteration++) {
      const i = reverse ? length - 1 - iteration : iteration;
      const results = interpret(jaxpr, [...constants, ...carries, ...xs.map((x) => row(x, i))]);
      carries = results.slice(0, numCarry);
      results.slice(numCarry).forEach((y, j) => outputs[j].values.set(y.values, i * y.values.length));
    }
    return [...carries, ...outputs];
  },
  printParams: ({ jaxpr, length, numConsts, numCarry, reverse, unroll }) => ({
    jaxpr,
    length: `${length}`,
    num_carry: `${numCarry}`,
    num_consts: `${numConsts}`,
    reverse: bool(reverse),
    unroll: `${unroll}`,
  }),
  subJaxprs: ({ jaxpr }) => [jaxpr],
  withSubJaxprs: (params, [jaxpr]) => ({ ...params, jaxpr }),
  withEffects: (params, [jaxpr]) => ({
    params: { ...params, jaxpr },
    replay: (stacks, ran) => {
      const { length, reverse } = params;
      for (let iteration = 0; iteration < length; iteration++)
        ran(
          0,
          stacks.map((stack) => row(stack, reverse ? length - 1 - iteration : iteration)),
        );
    },
  }),
  lowering: { kind: "loop", loop: ({ params, inputs, outputs }) => planScan(params, inputs, outputs) },
  edges: ({ jaxpr: { jaxpr }, numConsts, numCarry }) => [
    ...jaxpr.invars.map((_, i): Edge => {
      const carry = i - numConsts;
      const isCarry = carry >= 0 && carry < numCarry;
      const own = { operand: i, arguments: [[0, i]] } as const;
      return isCarry
        ? { ...own, outputs: [[0, carry]], result: carry }
        : { ...own, outputs: [], stacked: i >= numConsts };
    }),
    ...jaxpr.outvars
      .map((_, i): Edge => ({ arguments: [], outputs: [[0, i]], result: i, stacked: true }))
      .slice(numCarry),
  ],
  sharding: replicatedRule,
  ...scanRules,
});

function row(x: HostTensor, i: number): HostTensor {
  const shape = x.shape.slice(1);
  const size = sizeOf(shape);
  const values = allocateValues(x.dtype, size);
  values.set(x.values.subarray(i * size, (i + 1) * size));
  return hostTensor(shape, x.dtype, values);
}

/** Inputs are read, and outputs written in place, at the iteration's index: they are constants and carries of the loop. */
function planScan(params: ScanParams, inputs: readonly ShapedArray[], outputs: readonly ShapedArray[]): LoopPlan {
  const { jaxpr, length, numConsts, numCarry, reverse } = params;
  const constants = inputs.map((_, i) => i).filter((i) => i < numConsts || i >= numConsts + numCarry);
  const carries = outputs.map((_, i) => (i < numCarry ? numConsts + i : null));
  // No iteration, no body: there is nothing to slice.
  if (length === 0) return { trips: 0, body: jaxpr, constants, carries };
  const body = writeJaxpr(
    [shapedArray([], "int32"), ...constants.map((i) => inputs[i]), ...outputs],
    (w, [iteration, ...rest]) => {
      const index = reverse ? w.bind(sub, [w.int(length - 1), iteration], {})[0] : iteration;
      const [consts, xs] = [rest.slice(0, numConsts), rest.slice(numConsts, constants.length)];
      const [carry, stacks] = [
        rest.slice(constants.length, constants.length + numCarry),
        rest.slice(constants.length + numCarry),
      ];
      const slices = xs.map((x) => sliceAt(w, x, index));
      const results = w.call(jaxpr, [...consts, ...carry, ...slices]);
      const written = stacks.map((stack, j) => {
        const y = results[numCarry + j];
        const [slab] = w.bind(reshape, [y], { newSizes: [1, ...y.aval.shape] });
        return w.bind(dynamicUpdateSlice, [stack, slab, index, ...y.aval.shape.map(() => w.int(0))], {})[0];
      });
      return [...results.slice(0, numCarry), ...written];
    },
  );
  return { trips: length, body, constants, carries };
}

function sliceAt(w: JaxprWriter, x: Parameters<JaxprWriter["bind"]>[1][number], index: typeof x): typeof x {
  const shape = x.aval.shape.slice(1);
  const [slab] = w.bind(dynamicSlice, [x, index, ...shape.map(() => w.int(0))], { sliceSizes: [1, ...shape] });
  return w.bind(reshape, [slab], { newSizes: shape })[0];
}
