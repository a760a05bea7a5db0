/** Sorting rows: short ones in one kernel, each element going to the place of its rank; long ones by their order, then a gather. */

import { invariant } from "../../base/errors.ts";
import type { JaxprEqn, Params } from "../../jaxpr/ir.ts";
import type { KernelBuilder } from "../../kernel/builder.ts";
import { Index } from "../../kernel/index-space.ts";
import type { Value } from "../../kernel/ir.ts";
import { runLength } from "../../kernel/packed.ts";
import type { SortLowering } from "../../primitives/primitive.ts";
import { type Domain, fullPosition, isTrailing, makeDomain } from "../domain.ts";
import type { Emitter, Scratch } from "../emitter.ts";
import { contextOf, rules } from "../graph.ts";
import { invocationNumber } from "../grid.ts";
import type { Group } from "../group.ts";
import { emitterFor, gridFor, kernelName, type Launch, type ScheduleContext } from "../schedule.ts";
import { orderRows, type RowBatch, rowBatches } from "./row-order.ts";
import { fillsWords, storeRun } from "./store.ts";

/** Rows so short that each element looks at all the others. */
const directColumns = 64;

interface Sorting {
  readonly eqn: JaxprEqn;
  readonly lowering: SortLowering<Params>;
  readonly domain: Domain;
  readonly keyCount: number;
}

export function scheduleSort(group: Group, context: ScheduleContext): readonly Launch[] {
  const [eqn] = group.members;
  const { lowering } = rules(eqn);
  invariant(lowering.kind === "sort", "a sort group has a sort");
  const at = contextOf(eqn);
  const domain = makeDomain(eqn.outputs[0].aval.shape, [lowering.axis(at)]);
  const { rows, columns } = domain;
  if (rows * columns === 0) return [];
  const sorting: Sorting = { eqn, lowering, domain, keyCount: lowering.keyCount(at) };
  if (columns <= directColumns) return [sortDirectly(group, context, sorting)];
  return rowBatches(eqn.primitive.name, rows, columns, context).flatMap((batch) => {
    const { launches, order } = orderRows(group, context, batch, {
      count: sorting.keyCount,
      at: (emit, key, row, column) => keyAt(emit, sorting, key, row, column),
    });
    return [...launches, gatherOrdered(group, context, sorting, batch, order)];
  });
}

const operandAt = (emit: Emitter, { eqn, domain }: Sorting, operand: number, row: Value, column: Value): Value =>
  emit.read(eqn.inputs[operand], Index.fromLinear(emit.k, domain.shape, fullPosition(emit.k, domain, row, column)));

const keyAt = (emit: Emitter, sorting: Sorting, key: number, row: Value, column: Value): Value =>
  sorting.lowering.key(emit.k, operandAt(emit, sorting, key, row, column), key, contextOf(sorting.eqn));

/** Whether the element with keys `others` comes before the one with keys `own`; `earlier` decides among equals. */
const comesBefore = (k: KernelBuilder, others: readonly Value[], own: readonly Value[], earlier: Value): Value =>
  others.reduceRight((rest, other, i) => k.or(k.lt(other, own[i]), k.and(k.eq(other, own[i]), rest)), earlier);

/** The results that are wanted, written in runs of `run` elements. */
function outputsOf(emit: Emitter, group: Group, sorting: Sorting, run: number) {
  const { k } = emit;
  const outputs = group.writes.map((v, i) => ({
    operand: sorting.eqn.outputs.indexOf(v),
    view: emit.output(v, `out${i}`, !fillsWords(v.aval.dtype, run)),
  }));
  /** Puts the elements at columns `from` of a row to the columns from `to` on. */
  return (row: Value, from: readonly Value[], to: Value): void => {
    const position = fullPosition(k, sorting.domain, row, to);
    for (const { operand, view } of outputs) {
      const values = from.map((column) => operandAt(emit, sorting, operand, row, column));
      storeRun(k, view, position, values);
    }
  };
}

/** One invocation an element: how many come before it is its place. */
function sortDirectly(group: Group, context: ScheduleContext, sorting: Sorting): Launch {
  const { rows, columns } = sorting.domain;
  const items = rows * columns;
  const workgroup = Math.min(context.parameters.mapWorkgroup, items);
  const grid = gridFor(items, workgroup, context.target, context.part);
  const emit = emitterFor(group, context);
  const { k } = emit;
  const move = outputsOf(emit, group, sorting, 1);
  const number = invocationNumber(k, grid, workgroup);
  k.if(k.lt(number, k.i32(items)), () => {
    const own = k.assume(number, { min: 0, max: items - 1 });
    const [row, column] = [k.div(own, k.i32(columns)), k.rem(own, k.i32(columns))];
    const keys = Array.from({ length: sorting.keyCount }, (_, key) => key);
    const keysAt = (c: Value): Value[] => keys.map((key) => keyAt(emit, sorting, key, row, c));
    const mine = keysAt(column);
    const rank = k.variable(k.i32(0), "rank");
    k.loop(k.i32(0), k.i32(columns), k.i32(1), (j) => {
      const before = comesBefore(k, keysAt(j), mine, k.lt(j, column));
      k.set(rank, k.add(k.get(rank), k.select(before, k.i32(1), k.i32(0))));
    });
    move(row, [column], k.clamp(k.get(rank), k.i32(0), k.i32(columns - 1)));
  });
  return { kernel: k.finish(kernelName(group), [workgroup, 1, 1]), bindings: emit.bindings, workgroups: grid };
}

/** One invocation a run of elements of the batch's results. */
function gatherOrdered(
  group: Group,
  context: ScheduleContext,
  sorting: Sorting,
  { first, rows, columns, stride }: RowBatch,
  order: Scratch,
): Launch {
  const run = isTrailing(sorting.domain) && columns % runLength === 0 ? runLength : 1;
  const perRow = columns / run;
  const items = rows * perRow;
  const workgroup = Math.min(context.parameters.mapWorkgroup, items);
  const grid = gridFor(items, workgroup, context.target, context.part);
  const emit = emitterFor(group, context);
  const { k } = emit;
  const places = emit.scratch(order, "i32", "read");
  const move = outputsOf(emit, group, sorting, run);
  const number = invocationNumber(k, grid, workgroup);
  k.if(k.lt(number, k.i32(items)), () => {
    const own = k.assume(number, { min: 0, max: items - 1 });
    const row = k.div(own, k.i32(perRow));
    const to = k.mul(k.rem(own, k.i32(perRow)), k.i32(run));
    const loaded = k.load(places, k.add(k.mul(row, k.i32(stride)), to), run === 4 ? 4 : 1);
    const from = Array.from({ length: run }, (_, i) => k.clamp(k.lane(loaded, i), k.i32(0), k.i32(columns - 1)));
    move(k.add(row, k.i32(first)), from, to);
  });
  const kernel = k.finish(kernelName(group, "_gather"), [workgroup, 1, 1]);
  return { kernel, bindings: emit.bindings, workgroups: grid };
}
