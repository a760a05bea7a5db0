/** Prefix folds: each invocation walks a row; rows that are few and long are walked in chunks, after a pass that folds each chunk. */

import { computeType } from "../../base/dtypes.ts";
import { invariant } from "../../base/errors.ts";
import type { JaxprEqn, Params } from "../../jaxpr/ir.ts";
import { Index } from "../../kernel/index-space.ts";
import type { Value, Variable } from "../../kernel/ir.ts";
import { runLength } from "../../kernel/packed.ts";
import type { PrefixLowering } from "../../primitives/primitive.ts";
import { type Domain, fullPosition, isTrailing, makeDomain } from "../domain.ts";
import type { Emitter, Scratch } from "../emitter.ts";
import { contextOf, rules } from "../graph.ts";
import { ceilDivide, invocationNumber } from "../grid.ts";
import type { Group } from "../group.ts";
import { emitterFor, gridFor, kernelName, type Launch, type ScheduleContext } from "../schedule.ts";
import { fillsWords, storeRun } from "./store.ts";

/** Shorter chunks are not worth a second pass over the elements. */
const shortestChunk = 64;
/** More chunks would make finding where each begins the longer work. */
const mostChunks = 512;

interface PrefixFold {
  readonly eqn: JaxprEqn;
  readonly lowering: PrefixLowering<Params>;
  readonly domain: Domain;
  /** Consecutive elements that one iteration of a loop takes. */
  readonly step: number;
  /** Iterations of a row. */
  readonly iterations: number;
  /** Parts that a row is walked in, and the iterations of each but the last. */
  readonly chunks: number;
  readonly chunkIterations: number;
}

export function schedulePrefix(group: Group, context: ScheduleContext): readonly Launch[] {
  const [eqn] = group.members;
  const { lowering } = rules(eqn);
  invariant(lowering.kind === "prefix", "a prefix group has a prefix fold");
  const domain = makeDomain(eqn.outputs[0].aval.shape, [lowering.axis(contextOf(eqn))]);
  const { rows, columns } = domain;
  if (rows * columns === 0) return [];
  // A long formula is written once rather than once for each element of a run.
  const isLong = rules(eqn).cost(contextOf(eqn)).transcendentals > 0;
  const step = isTrailing(domain) && columns % runLength === 0 && !isLong ? runLength : 1;
  const iterations = columns / step;
  const lanes = context.target.traits.parallelInvocations;
  const wanted = Math.min(ceilDivide(lanes, rows), Math.floor(columns / shortestChunk), mostChunks);
  const chunkIterations = ceilDivide(iterations, Math.max(1, wanted));
  const fold: PrefixFold = {
    eqn,
    lowering,
    domain,
    step,
    iterations,
    chunkIterations,
    chunks: ceilDivide(iterations, chunkIterations),
  };
  if (fold.chunks === 1) return [foldPrefixes(group, context, fold, undefined)];
  const sizeBytes = 16 * ceilDivide(rows * fold.chunks, 4);
  const totals: Scratch = { kind: "scratch", name: "totals", sizeBytes };
  return [foldChunks(group, context, fold, totals), foldPrefixes(group, context, fold, totals)];
}

/** Where an invocation is: its row, and its chunk as iterations. */
interface Place {
  readonly row: Value;
  readonly chunk: Value;
  readonly start: Value;
  readonly end: Value;
}

/** A kernel with an invocation for each chunk of each row. */
function chunkKernel(
  group: Group,
  context: ScheduleContext,
  { domain, iterations, chunks, chunkIterations }: PrefixFold,
  suffix: string,
  write: (emit: Emitter) => (place: Place) => void,
): Launch {
  const items = domain.rows * chunks;
  const { rowWorkgroup, mapWorkgroup } = context.parameters;
  const workgroup = Math.min(items, chunks > 1 ? rowWorkgroup : mapWorkgroup);
  const grid = gridFor(items, workgroup, context.target, context.part);
  const emit = emitterFor(group, context);
  const { k } = emit;
  const body = write(emit);
  const number = invocationNumber(k, grid, workgroup);
  k.if(k.lt(number, k.i32(items)), () => {
    const own = k.assume(number, { min: 0, max: items - 1 });
    const chunk = k.rem(own, k.i32(chunks));
    const start = k.mul(chunk, k.i32(chunkIterations));
    const end = k.min(k.add(start, k.i32(chunkIterations)), k.i32(iterations));
    body({ row: k.div(own, k.i32(chunks)), chunk, start, end });
  });
  const kernel = k.finish(kernelName(group, suffix), [workgroup, 1, 1]);
  return { kernel, bindings: emit.bindings, workgroups: grid };
}

/** Folds the elements of a chunk into `sum` in their order; `visit` gets the sums of each run, in memory order, and the place of the first. */
function walk(
  emit: Emitter,
  { eqn, lowering, domain, step, iterations }: PrefixFold,
  { row, start, end }: Place,
  sum: Variable,
  visit?: (position: Value, sums: readonly Value[]) => void,
): void {
  const { k } = emit;
  const at = contextOf(eqn);
  const reverse = lowering.reverse(at);
  k.loop(start, end, k.i32(1), (index) => {
    const iteration = k.assume(index, { min: 0, max: iterations - 1 });
    const run = reverse ? k.sub(k.i32(iterations - 1), iteration) : iteration;
    const position = fullPosition(k, domain, row, k.mul(run, k.i32(step)));
    const sums = new Array<Value>(step);
    let current = k.get(sum);
    for (let i = 0; i < step; i++) {
      const lane = reverse ? step - 1 - i : i;
      const index = Index.fromLinear(k, eqn.inputs[0].aval.shape, k.add(position, k.i32(lane)));
      current = lowering.combine(k, current, emit.read(eqn.inputs[0], index), at);
      sums[lane] = current;
    }
    k.set(sum, current);
    visit?.(position, sums);
  });
}

const wordType = ({ eqn }: PrefixFold): "f32" | "i32" | "u32" => {
  const type = computeType(eqn.outputs[0].aval.dtype);
  invariant(type !== "bool", "prefix folds are of numbers");
  return type;
};

const foldChunks = (group: Group, context: ScheduleContext, fold: PrefixFold, totals: Scratch): Launch =>
  chunkKernel(group, context, fold, "_chunks", (emit) => {
    const { k } = emit;
    const out = emit.scratch(totals, wordType(fold), "read_write");
    return (place) => {
      const sum = k.variable(fold.lowering.initial(k, contextOf(fold.eqn)), "sum");
      walk(emit, fold, place, sum);
      k.store(out, k.add(k.mul(place.row, k.i32(fold.chunks)), place.chunk), k.get(sum));
    };
  });

/** @param totals of the chunks, where rows have several */
const foldPrefixes = (group: Group, context: ScheduleContext, fold: PrefixFold, totals: Scratch | undefined): Launch =>
  chunkKernel(group, context, fold, "", (emit) => {
    const { k } = emit;
    const { eqn, lowering, step, chunks } = fold;
    const at = contextOf(eqn);
    const [result] = eqn.outputs;
    const before = totals && emit.scratch(totals, wordType(fold), "read");
    const view = emit.output(result, "out0", !fillsWords(result.aval.dtype, step));
    return (place) => {
      const sum = k.variable(lowering.initial(k, at), "sum");
      if (before)
        k.loop(k.i32(0), place.chunk, k.i32(1), (index) => {
          const earlier = k.assume(index, { min: 0, max: chunks - 1 });
          const total = k.load(before, k.add(k.mul(place.row, k.i32(chunks)), earlier));
          k.set(sum, lowering.combine(k, k.get(sum), total, at));
        });
      walk(emit, fold, place, sum, (position, sums) => {
        const rounded = sums.map((value) => emit.round(result, value));
        storeRun(k, view, position, rounded);
      });
    };
  });
