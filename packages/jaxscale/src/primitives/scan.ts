/** scan: a body applied once for each slice of its inputs, passing a carry along. */
import { invariant } from "../base/errors.ts";
import { sizeOf } from "../base/shapes.ts";
import { allocateValues, type HostTensor, hostTensor } from "../base/tensor-data.ts";
import { interpret } from "../jaxpr/interpret.ts";
import { type ClosedJaxpr, type ShapedArray, shapedArray } from "../jaxpr/ir.ts";
import { type JaxprWriter, writeJaxpr } from "../jaxpr/write.ts";
import { sub } from "./arithmetic.ts";
import { dynamicSlice } from "./dynamic-slice.ts";
import { dynamicUpdateSlice } from "./dynamic-update-slice.ts";
import { definePrimitive, type LoopPlan } from "./primitive.ts";
import { bool } from "./python-text.ts";
import { scanRules } from "./scan-rules.ts";
import { reshape } from "./shape.ts";
import { replicatedRule } from "./sharding-free.ts";

export type ScanParams = {
  /** Arguments: constants, carries, one slice of each input. Results: carries, one slice of each output. */
  readonly jaxpr: ClosedJaxpr;
  readonly length: number;
  readonly numConsts: number;
  readonly numCarry: number;
  readonly reverse: boolean;
  readonly unroll: number;
};

const stacked = (length: number, { shape, dtype, weakType }: ShapedArray): ShapedArray =>
  shapedArray([length, ...shape], dtype, weakType);

/** Operands: constants, first carries, inputs stacked along axis 0. Results: last carries, outputs stacked. @see https://docs.jax.dev/en/latest/_autosummary/jax.lax.scan.html */
export const scan = definePrimitive<ScanParams>("scan", {
  abstractEval(inputs, { jaxpr: { jaxpr }, length, numCarry }) {
    invariant(inputs.length === jaxpr.invars.length, "scan passes one operand for each argument of its body");
    return jaxpr.outvars.map(({ aval }, i) => (i < numCarry ? aval : stacked(length, aval)));
  },
  reference(inputs, { jaxpr, length, numConsts, numCarry, reverse }) {
    const constants = inputs.slice(0, numConsts);
    let carries = inputs.slice(numConsts, numConsts + numCarry);
    const xs = inputs.slice(numConsts + numCarry);
    const outputs = jaxpr.jaxpr.outvars
      .slice(numCarry)
      .map(({ aval }) => hostTensor(stacked(length, aval).shape, aval.dtype));
    for (let turn = 0; turn < length; turn++) {
      const i = reverse ? length - 1 - turn : turn;
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
      for (let turn = 0; turn < length; turn++)
        ran(
          0,
          stacks.map((stack) => row(stack, reverse ? length - 1 - turn : turn)),
        );
    },
  }),
  lowering: { kind: "loop", loop: ({ params, inputs, outputs }) => planScan(params, inputs, outputs) },
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

/** Inputs are read, and outputs written in place, at the turn's index: they are constants and carries of the loop. */
function planScan(params: ScanParams, inputs: readonly ShapedArray[], outputs: readonly ShapedArray[]): LoopPlan {
  const { jaxpr, length, numConsts, numCarry, reverse } = params;
  const constants = inputs.map((_, i) => i).filter((i) => i < numConsts || i >= numConsts + numCarry);
  const carries = outputs.map((_, i) => (i < numCarry ? numConsts + i : null));
  // No turn, no body: there is nothing to slice.
  if (length === 0) return { trips: 0, body: jaxpr, constants, carries };
  const body = writeJaxpr(
    [shapedArray([], "int32"), ...constants.map((i) => inputs[i]), ...outputs],
    (w, [turn, ...rest]) => {
      const index = reverse ? w.bind(sub, [w.int(length - 1), turn], {})[0] : turn;
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
