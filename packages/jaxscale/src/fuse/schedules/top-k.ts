/**
 * The largest elements of rows. Each invocation lists the best of a chunk, in order; the lists of a row are chunked and thinned the
 * same way until one is left. Many elements of a row are found by sorting it. Where workgroups are cheap, invocations share a short
 * row: each counts what comes before its elements.
 */
import { invariant } from "../../base/errors.ts";
import type { JaxprEqn, Params } from "../../jaxpr/ir.ts";
import type { KernelBuilder } from "../../kernel/builder.ts";
import { Index } from "../../kernel/index-space.ts";
import type { BufferDecl, Value } from "../../kernel/ir.ts";
import type { TopKLowering } from "../../primitives/primitive.ts";
import { type Domain, fullPosition, isTrailing, makeDomain } from "../domain.ts";
import type { Emitter, Scratch } from "../emitter.ts";
import { contextOf, rules } from "../graph.ts";
import { ceilDivide, invocationNumber, workgroupNumber } from "../grid.ts";
import type { Group } from "../group.ts";
import { emitterFor, gridFor, kernelName, type Launch, type ScheduleContext } from "../schedule.ts";
import { orderRows, type RowBatch, rowBatches } from "./row-order.ts";
import { fillsWords, storeElement } from "./store.ts";

/** Elements that lists keep at most; more are found by sorting. */
const longestList = 64;
/** Elements that one load brings. */
const stride = 4;

interface Selection {
  readonly eqn: JaxprEqn;
  readonly lowering: TopKLowering<Params>;
  readonly domain: Domain;
  readonly count: number;
}

export function scheduleTopK(group: Group, context: ScheduleContext): readonly Launch[] {
  const [eqn] = group.members;
  const { lowering } = rules(eqn);
  invariant(lowering.kind === "topK", "a topK group has a topK");
  const at = contextOf(eqn);
  const domain = makeDomain(eqn.inputs[0].aval.shape, [lowering.axis(at)]);
  const selection: Selection = { eqn, lowering, domain, count: lowering.count(at) };
  if (domain.rows * selection.count === 0) return [];
  if (isTrailing(domain) && domain.columns <= context.parameters.rankedColumns)
    return [selectByRank(group, context, selection)];
  return selection.count <= longestList
    ? selectInChunks(group, context, selection)
    : selectBySorting(group, context, selection);
}

const elementAt = (emit: Emitter, { eqn, domain }: Selection, row: Value, column: Value): Value =>
  emit.read(eqn.inputs[0], Index.fromLinear(emit.k, domain.shape, fullPosition(emit.k, domain, row, column)));

/** Where results go: the element with a key, and its column, at a place of a row. */
function outputsOf(emit: Emitter, group: Group, { eqn, lowering, domain, count }: Selection) {
  const { k } = emit;
  const results = makeDomain(domain.shape.with(domain.axes[0], count), domain.axes);
  const outputs = group.writes.map((v, i) => ({
    isValue: v === eqn.outputs[0],
    view: emit.output(v, `out${i}`, !fillsWords(v.aval.dtype, 1)),
  }));
  return (row: Value, place: Value, key: Value, column: Value): void => {
    const position = fullPosition(k, results, row, place);
    for (const { isValue, view } of outputs)
      storeElement(k, view, position, isValue ? lowering.element(k, key, contextOf(eqn)) : column);
  };
}

// ---- by rank -----------------------------------------------------------------------

/** A team of invocations a row, as many teams in a workgroup as fit; the teams' rows lie in shared memory. */
function selectByRank(group: Group, context: ScheduleContext, selection: Selection): Launch {
  const { count, lowering, eqn } = selection;
  const { rows, columns } = selection.domain;
  const { rowWorkgroup } = context.parameters;
  const lanes = Math.min(columns, rowWorkgroup);
  const teams = Math.min(rows, Math.floor(rowWorkgroup / lanes));
  const workgroup = teams * lanes;
  const grid = gridFor(rows, teams, context.target, context.part);
  const emit = emitterFor(group, context);
  const { k } = emit;
  const write = outputsOf(emit, group, selection);
  const keys = k.shared("keys", "u32", teams * columns);
  const local = k.local(0, workgroup);
  const [team, lane] = [k.div(local, k.i32(lanes)), k.rem(local, k.i32(lanes))];
  const number = k.add(k.mul(workgroupNumber(k, grid), k.i32(teams)), team);
  // All invocations reach the barrier: teams beyond the last row read that row, and write nothing.
  const row = k.min(number, k.i32(rows - 1));
  const place = (column: Value): Value => k.add(k.mul(team, k.i32(columns)), column);
  const eachOwn = (visit: (column: Value) => void): void => {
    if (lanes === columns) return visit(lane);
    k.loop(lane, k.i32(columns), k.i32(lanes), visit);
  };
  eachOwn((column) =>
    k.storeShared(keys, place(column), lowering.key(k, elementAt(emit, selection, row, column), contextOf(eqn))),
  );
  k.barrier();
  eachOwn((column) => {
    const own = k.loadShared(keys, place(column));
    const before = k.variable(k.i32(0), "before");
    k.loop(k.i32(0), k.i32(columns), k.i32(1), (other) => {
      const key = k.loadShared(keys, place(other));
      const isBefore = k.or(k.gt(key, own), k.and(k.eq(key, own), k.lt(other, column)));
      k.set(before, k.add(k.get(before), k.select(isBefore, k.i32(1), k.i32(0))));
    });
    const rank = k.get(before);
    k.if(k.and(k.lt(number, k.i32(rows)), k.lt(rank, k.i32(count))), () =>
      write(row, k.assume(rank, { min: 0, max: count - 1 }), own, column),
    );
  });
  const kernel = k.finish(kernelName(group, "_ranks"), [workgroup, 1, 1]);
  return { kernel, bindings: emit.bindings, workgroups: grid };
}

// ---- in chunks ---------------------------------------------------------------------

/** Elements that one invocation looks through, so many that most are not among the best. */
const chunkLength = (count: number, { target }: ScheduleContext): number =>
  target.traits.costlyWorkgroups ? Math.max(64 * count, 1024) : Math.max(8 * count, 256);

/** The lists that one level makes, one after another: for each row `columns` elements, as keys and columns of the row. */
interface Lists {
  readonly keys: Scratch;
  readonly places: Scratch;
  readonly columns: number;
}

function selectInChunks(group: Group, context: ScheduleContext, selection: Selection): readonly Launch[] {
  const { domain, count, eqn } = selection;
  const chunk = chunkLength(count, context);
  const listed = ceilDivide(domain.columns, chunk) * count;
  return rowBatches(eqn.primitive.name, domain.rows, listed, context).flatMap((batch) =>
    selectInBatch(group, context, selection, chunk, batch),
  );
}

function selectInBatch(
  group: Group,
  context: ScheduleContext,
  selection: Selection,
  chunk: number,
  batch: RowBatch,
): readonly Launch[] {
  const { domain, count } = selection;
  const launches: Launch[] = [];
  let from: Lists | undefined;
  for (let level = 0; ; level++) {
    const columns: number = from?.columns ?? domain.columns;
    const lists = ceilDivide(columns, chunk);
    const sizeBytes = 16 * ceilDivide(batch.rows * lists * count, 4);
    const scratch = (name: string): Scratch => ({ kind: "scratch", name: `${name}${level}`, sizeBytes });
    const to = { keys: scratch("keys"), places: scratch("places"), columns: lists * count };
    launches.push(selectKernel(group, context, selection, { batch, chunk, columns, lists, from, to }));
    if (lists === 1) return launches;
    from = to;
  }
}

interface Level {
  readonly batch: RowBatch;
  readonly chunk: number;
  readonly columns: number;
  readonly lists: number;
  readonly from: Lists | undefined;
  readonly to: Lists;
}

/** One invocation a chunk. The last level writes the results. */
function selectKernel(
  group: Group,
  context: ScheduleContext,
  selection: Selection,
  { batch, chunk, columns, lists, from, to }: Level,
): Launch {
  const { domain, count, lowering, eqn } = selection;
  const items = batch.rows * lists;
  const workgroup = Math.min(context.parameters.rowWorkgroup, items);
  const grid = gridFor(items, workgroup, context.target, context.part);
  const emit = emitterFor(group, context);
  const { k } = emit;
  const source = from && [emit.scratch(from.keys, "u32", "read"), emit.scratch(from.places, "i32", "read")];
  const list: List = {
    keys: emit.scratch(to.keys, "u32", "read_write"),
    places: emit.scratch(to.places, "i32", "read_write"),
    count,
  };
  const write = lists === 1 ? outputsOf(emit, group, selection) : undefined;
  const number = invocationNumber(k, grid, workgroup);
  k.if(k.lt(number, k.i32(items)), () => {
    const own = k.assume(number, { min: 0, max: items - 1 });
    const local = k.div(own, k.i32(lists));
    const row = k.add(local, k.i32(batch.first));
    const rowStart = k.mul(local, k.i32(columns));
    const start = k.mul(k.rem(own, k.i32(lists)), k.i32(chunk));
    const first = k.mul(own, k.i32(count));
    const elements: Elements = {
      start,
      end: k.min(k.add(start, k.i32(chunk)), k.i32(columns)),
      columns,
      atOnce: (source || isTrailing(domain)) && columns % stride === 0 ? stride : 1,
      keyAt: (column) =>
        source
          ? k.load(source[0], k.add(rowStart, column))
          : lowering.key(k, elementAt(emit, selection, row, column), contextOf(eqn)),
      placeAt: (column) => (source ? k.load(source[1], k.add(rowStart, column)) : column),
    };
    keepBest(k, list, first, elements);
    if (write)
      k.loop(k.i32(0), k.i32(count), k.i32(1), (i) => {
        const at = k.add(first, i);
        write(row, i, k.load(list.keys, at), k.load(list.places, at));
      });
  });
  const name = kernelName(group, lists > 1 ? "_chunks" : "");
  return { kernel: k.finish(name, [workgroup, 1, 1]), bindings: emit.bindings, workgroups: grid };
}

/** Lists in falling order of keys, in memory: how long they are costs no compile time, and little else as insertions are few. */
interface List {
  readonly keys: BufferDecl;
  readonly places: BufferDecl;
  readonly count: number;
}
interface Elements {
  readonly start: Value;
  readonly end: Value;
  readonly columns: number;
  /** Elements that are compared with the least one kept at once. */
  readonly atOnce: number;
  readonly keyAt: (column: Value) => Value;
  readonly placeAt: (column: Value) => Value;
}

/** A place after every other: that of an entry that holds nothing. */
const nowhere = 2 ** 31 - 1;

/** Fills the list that begins at `first` with the best elements of a chunk; those seen before win over equal ones. */
function keepBest(k: KernelBuilder, list: List, first: Value, elements: Elements): void {
  const { start, end, columns, atOnce, keyAt, placeAt } = elements;
  const [zero, one, count] = [0, 1, list.count].map(k.i32);
  const kept = k.variable(zero, "kept");
  const least = k.variable(k.u32(0), "least");
  const isGood = (key: Value): Value => k.or(k.lt(k.get(kept), count), k.gt(key, k.get(least)));
  const entry = (i: Value): Value => k.add(first, k.clamp(i, zero, k.sub(count, one)));

  const insert = (key: Value, place: Value): void => {
    const at = k.variable(k.min(k.get(kept), k.sub(count, one)), "at");
    k.while(
      () => k.and(k.gt(k.get(at), zero), k.lt(k.load(list.keys, entry(k.sub(k.get(at), one))), key)),
      () => {
        const to = k.get(at);
        const above = entry(k.sub(to, one));
        k.store(list.keys, entry(to), k.load(list.keys, above));
        k.store(list.places, entry(to), k.load(list.places, above));
        k.set(at, k.sub(to, one));
      },
    );
    k.store(list.keys, entry(k.get(at)), key);
    k.store(list.places, entry(k.get(at)), place);
    k.set(kept, k.min(k.add(k.get(kept), one), count));
    k.set(least, k.load(list.keys, entry(k.sub(count, one))));
  };

  k.loop(start, end, k.i32(atOnce), (index) => {
    const column = k.assume(index, { min: 0, max: columns - atOnce });
    const keys = Array.from({ length: atOnce }, (_, i) => keyAt(k.add(column, k.i32(i))));
    k.if(isGood(keys.reduce((a, b) => k.max(a, b))), () => {
      if (atOnce === 1) return insert(keys[0], placeAt(column));
      k.loop(zero, k.i32(atOnce), one, (i) => {
        const at = k.add(column, i);
        const key = keyAt(at);
        k.if(isGood(key), () => insert(key, placeAt(at)));
      });
    });
  });
  k.loop(k.get(kept), count, one, (i) => {
    k.store(list.keys, entry(i), k.u32(0));
    k.store(list.places, entry(i), k.i32(nowhere));
  });
}

// ---- by sorting ----------------------------------------------------------------------

function selectBySorting(group: Group, context: ScheduleContext, selection: Selection): readonly Launch[] {
  const { eqn, lowering, domain } = selection;
  return rowBatches(eqn.primitive.name, domain.rows, domain.columns, context).flatMap((batch) => {
    const { launches, order } = orderRows(group, context, batch, {
      count: 1,
      // Rising order of the complements is falling order of the keys.
      at: (emit, _, row, column) =>
        emit.k.not(lowering.key(emit.k, elementAt(emit, selection, row, column), contextOf(eqn))),
    });
    return [...launches, gatherFirst(group, context, selection, batch, order)];
  });
}

function gatherFirst(
  group: Group,
  context: ScheduleContext,
  selection: Selection,
  { first, rows, columns, stride: rowStride }: RowBatch,
  order: Scratch,
): Launch {
  const { count, lowering, eqn } = selection;
  const items = rows * count;
  const workgroup = Math.min(context.parameters.mapWorkgroup, items);
  const grid = gridFor(items, workgroup, context.target, context.part);
  const emit = emitterFor(group, context);
  const { k } = emit;
  const places = emit.scratch(order, "i32", "read");
  const write = outputsOf(emit, group, selection);
  const number = invocationNumber(k, grid, workgroup);
  k.if(k.lt(number, k.i32(items)), () => {
    const own = k.assume(number, { min: 0, max: items - 1 });
    const [local, place] = [k.div(own, k.i32(count)), k.rem(own, k.i32(count))];
    const loaded = k.load(places, k.add(k.mul(local, k.i32(rowStride)), place));
    const column = k.clamp(loaded, k.i32(0), k.i32(columns - 1));
    const row = k.add(local, k.i32(first));
    write(row, place, lowering.key(k, elementAt(emit, selection, row, column), contextOf(eqn)), column);
  });
  return {
    kernel: k.finish(kernelName(group, "_gather"), [workgroup, 1, 1]),
    bindings: emit.bindings,
    workgroups: grid,
  };
}
