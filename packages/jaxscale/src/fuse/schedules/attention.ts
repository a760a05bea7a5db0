/** Attention: tiles of queries that stream all keys they see, or, where there are few, parts of the keys side by side, merged at the end. */
import { sizeOf } from "../../base/shapes.ts";
import { Index } from "../../kernel/index-space.ts";
import type { Value } from "../../kernel/ir.ts";
import type { Emitter, Scratch } from "../emitter.ts";
import { ceilDivide, workgroupNumber } from "../grid.ts";
import type { Group } from "../group.ts";
import type { MemoryView } from "../memory-view.ts";
import { emitterFor, gridFor, kernelName, type Launch, type ScheduleContext } from "../schedule.ts";
import { lanesAccounts, streamLanes } from "./attention-lanes.ts";
import { mergeLanes, mergeStaged, type OpenPartials } from "./attention-merge.ts";
import {
  type Attention,
  attentionOf,
  isRestricted,
  type KeyRange,
  keyRange,
  type Row,
  rowAt,
  sequenceOf,
} from "./attention-shape.ts";
import { type Staging, stagedAccounts, stagingFor, streamStaged } from "./attention-staged.ts";
import {
  type Accounts,
  addMaskedKeys,
  columnOf,
  columnsFor,
  eachBlock,
  inRegisters,
  ownRow,
  type Running,
  start,
  type Tile,
} from "./attention-tile.ts";
import { fillsWords, storeRun } from "./store.ts";

/** How the work is cut into workgroups. */
interface Cut {
  readonly rows: number;
  readonly tiles: number;
  readonly lanes: number;
  /** How lanes share the logits; undefined where each makes those of all rows. */
  readonly staging: Staging | undefined;
  /** Parts of the keys, of `length` each. */
  readonly parts: number;
  readonly length: number;
}

/** Whether a kernel can bind the partial results of the keys instead of the result. */
const bindsPartials = (group: Group, { target, guards }: ScheduleContext): boolean =>
  group.reads.size + 3 + guards.length <= target.limits.maxStorageBuffersPerShaderStage;

function cutFor(a: Attention, group: Group, context: ScheduleContext): Cut {
  const { parameters, target } = context;
  const lanes = Math.min(parameters.attentionLanes, target.limits.maxComputeInvocationsPerWorkgroup);
  const staged = !inRegisters(lanes, target);
  const { rows, tiles } = tilesOf(a, lanes, staged, context);
  const staging = staged ? stagingFor(rows, { ...parameters, attentionLanes: lanes }, target) : undefined;
  const workgroups = a.batch * a.keyHeads * tiles;
  const most = bindsPartials(group, context) ? Math.max(1, Math.floor(a.keys / parameters.attentionPart)) : 1;
  const parts = Math.min(most, ceilDivide(parameters.attentionWorkgroups, workgroups));
  const step = staging?.keys ?? lanes;
  const length = ceilDivide(ceilDivide(a.keys, parts), step) * step;
  return { rows, tiles, lanes, staging, parts: ceilDivide(Math.max(1, a.keys), Math.max(1, length)), length };
}

/** As many rows as an invocation has room for: more rows read the keys less often. */
function tilesOf(
  a: Attention,
  lanes: number,
  staged: boolean,
  { parameters, target }: ScheduleContext,
): Pick<Cut, "rows" | "tiles"> {
  const most = Math.min(parameters.attentionRows, a.rows, staged ? lanes : a.rows);
  const { blocks, lanes: along } = columnsFor(a, most, lanes, target);
  const rows = Math.min(most, Math.max(1, Math.floor(parameters.attentionTotals / blocks)) * (lanes / along));
  const tiles = ceilDivide(a.rows, rows);
  return { rows: staged ? ceilDivide(a.rows, tiles) : rows, tiles };
}

/** Buffers for the partial results of the workgroups. */
interface Partials {
  /** `[place, row]`: the largest logit, and the sum. */
  readonly largest: Scratch;
  readonly sums: Scratch;
  /** `[place, row, column]` */
  readonly totals: Scratch;
}

export function scheduleAttention(group: Group, context: ScheduleContext): readonly Launch[] {
  const a = attentionOf(group);
  if (sizeOf(a.result.aval.shape) === 0) return [];
  const cut = cutFor(a, group, context);
  if (cut.parts === 1) return [streamKernel(group, context, a, cut, undefined)];
  const places = a.batch * a.keyHeads * cut.tiles * cut.parts * cut.rows;
  const scratch = (name: string, words: number): Scratch => ({
    kind: "scratch",
    name,
    sizeBytes: 4 * Math.ceil(words / 4) * 4,
  });
  const partials = {
    largest: scratch("largest", places),
    sums: scratch("sums", places),
    totals: scratch("totals", places * a.width),
  };
  return [streamKernel(group, context, a, cut, partials), mergeKernel(group, context, a, cut, partials)];
}

const open = (emit: Emitter, p: Partials, access: "read" | "read_write"): OpenPartials => ({
  largest: emit.scratch(p.largest, "f32", access),
  sums: emit.scratch(p.sums, "f32", access),
  totals: emit.scratch(p.totals, "f32", access),
});

/** A workgroup for each batch, key head, tile of rows and part of the keys. */
function streamKernel(
  group: Group,
  context: ScheduleContext,
  a: Attention,
  cut: Cut,
  partials: Partials | undefined,
): Launch {
  const total = a.batch * a.keyHeads * cut.tiles * cut.parts;
  const grid = gridFor(total, 1, context.target);
  const emit = emitterFor(group, context);
  const { k } = emit;
  const view = partials ? undefined : emit.output(a.result, "out0", needsMerge(a));
  const opened = partials && open(emit, partials, "read_write");
  const number = workgroupNumber(k, grid);
  k.if(k.lt(number, k.i32(total)), () => {
    const place = k.assume(number, { min: 0, max: total - 1 });
    const [head, part, tileNumber] = unravel(k, place, cut);
    const { tile, seen } = tileAt(emit, context, a, cut, head, tileNumber, cut.rows);
    const { staging } = cut;
    const running = start(tile, accountsFor(tile, staging));
    const own = cut.parts === 1 ? seen : partOf(k, seen, part, cut.length);
    if (staging) streamStaged(tile, running, own, staging);
    else streamLanes(tile, running, own);
    if (opened) storePartials(tile, running, opened, place, own);
    else {
      if (isRestricted(a)) addMaskedKeys(tile, running, seen);
      storeResults(tile, running, view as MemoryView, tileNumber, cut.rows);
    }
  });
  const suffix = partials ? "_parts" : "";
  return { kernel: k.finish(kernelName(group, suffix), [cut.lanes, 1, 1]), bindings: emit.bindings, workgroups: grid };
}

const accountsFor = (tile: Tile, staging: Staging | undefined): Accounts =>
  staging ? stagedAccounts(tile, staging) : lanesAccounts(tile);

function unravel(k: Emitter["k"], place: Value, { parts, tiles }: Cut): readonly [Value, Value, Value] {
  const rest = k.div(place, k.i32(parts));
  return [k.div(rest, k.i32(tiles)), k.rem(place, k.i32(parts)), k.rem(rest, k.i32(tiles))];
}

const partOf = (k: Emitter["k"], { low, high }: KeyRange, part: Value, length: number): KeyRange => {
  const first = k.mul(part, k.i32(length));
  return { low: k.max(low, first), high: k.min(high, k.add(first, k.i32(length))) };
};

/** Tile `number` of a batch's key head, and the keys that its rows see. @param head batch and key head in one */
function tileAt(
  emit: Emitter,
  { target }: ScheduleContext,
  a: Attention,
  cut: Cut,
  head: Value,
  number: Value,
  rows: number,
): { tile: Tile; seen: KeyRange } {
  const { k } = emit;
  const [batch, keyHead] = [k.div(head, k.i32(a.keyHeads)), k.rem(head, k.i32(a.keyHeads))];
  const sequence = sequenceOf(emit, a, batch);
  const first = k.mul(number, k.i32(cut.rows));
  const row = (i: Value): Row => rowAt(k, a, keyHead, k.min(k.add(first, i), k.i32(a.rows - 1)));
  const tile: Tile = {
    emit,
    a,
    team: { lanes: cut.lanes, lane: k.local(0, cut.lanes), target },
    columns: columnsFor(a, rows, cut.lanes, target),
    sequence,
    batch,
    keyHead,
    rows: Array.from({ length: rows }, (_, i) => row(k.i32(i))),
    rowAt: row,
  };
  const queryOf = (i: number): Value => row(k.i32(i)).query;
  return { tile, seen: keyRange(k, a, sequence, queryOf(0), queryOf(cut.rows - 1)) };
}

function storePartials(tile: Tile, running: Running, to: OpenPartials, place: Value, { low, high }: KeyRange): void {
  const { emit, a, rows } = tile;
  const { k } = emit;
  const { accounts } = running;
  const sums = accounts.sum(running.sums.map(k.get));
  const first = k.mul(place, k.i32(rows.length));
  // The results of an empty part are not read.
  k.if(k.lt(low, high), () => {
    k.if(accounts.speaks, () =>
      accounts.rows.forEach((row, i) => {
        const at = k.add(first, row);
        k.store(to.largest, at, k.get(running.largest[i]));
        k.store(to.sums, at, sums[i]);
      }),
    );
    eachBlock(tile, running, (block, totals) => {
      const { column, inside } = columnOf(tile, block);
      totals.forEach((total, r) => {
        const at = k.add(k.mul(k.add(first, ownRow(tile, r)), k.i32(a.width)), column);
        k.if(k.and(inside, ownsRow(tile, r)), () => k.store(to.totals, at, k.get(total)));
      });
    });
  });
}

/** Whether this lane's `r`th row is not another's, too. */
function ownsRow({ emit: { k }, team, columns, rows }: Tile, r: number): Value {
  if (columns.lanes === team.lanes) return k.bool(true);
  const first = k.mul(k.div(team.lane, k.i32(columns.lanes)), k.i32(columns.rows));
  return k.lt(k.add(first, k.i32(r)), k.i32(rows.length));
}

/** Packed results whose words are not wholly one invocation's are merged atomically. */
const needsMerge = (a: Attention): boolean => !fillsWords(a.result.aval.dtype, a.width % 4 === 0 ? 4 : 1);

/** @param number of the tile, of `height` rows */
function storeResults(tile: Tile, running: Running, view: MemoryView, number: Value, height: number): void {
  const { emit, a, columns, sequence } = tile;
  const { k } = emit;
  const sum = running.accounts.factors(running.accounts.sum(running.sums.map(k.get)));
  eachBlock(tile, running, (block, totals) => {
    const { column, inside } = columnOf(tile, block);
    totals.forEach((total, r) => {
      const index = k.add(k.mul(number, k.i32(height)), ownRow(tile, r));
      const row = rowAt(k, a, tile.keyHead, k.assume(index, { min: 0, max: a.rows - 1 }));
      const present = sequence.queries ? k.lt(row.query, sequence.queries) : k.bool(true);
      k.if(k.and(k.and(inside, ownsRow(tile, r)), k.lt(index, k.i32(a.rows))), () => {
        const at = Index.fromCoords(k, a.result.aval.shape, [tile.batch, row.query, row.head, column]).linear;
        const means = a.keys === 0 ? k.get(total) : k.div(k.get(total), k.splat(sum(r), columns.width));
        const lanes = Array.from({ length: columns.width }, (_, l) =>
          emit.round(a.result, k.select(present, k.lane(means, l), k.f32(0))),
        );
        storeRun(k, view, at, lanes);
      });
    });
  });
}

/** A workgroup for each row: its parts put together. */
function mergeKernel(group: Group, context: ScheduleContext, a: Attention, cut: Cut, partials: Partials): Launch {
  const total = a.batch * a.keyHeads * a.rows;
  const grid = gridFor(total, 1, context.target);
  const emit = emitterFor(group, context);
  const { k } = emit;
  const view = emit.output(a.result, "out0", needsMerge(a));
  const opened = open(emit, partials, "read");
  const number = workgroupNumber(k, grid);
  k.if(k.lt(number, k.i32(total)), () => {
    const place = k.assume(number, { min: 0, max: total - 1 });
    const [head, index] = [k.div(place, k.i32(a.rows)), k.rem(place, k.i32(a.rows))];
    const [tileNumber, row] = [k.div(index, k.i32(cut.rows)), k.rem(index, k.i32(cut.rows))];
    const { tile: whole, seen } = tileAt(emit, context, a, cut, head, tileNumber, 1);
    const tile = { ...whole, rows: [rowAt(k, a, whole.keyHead, index)] };
    const first = k.mul(k.add(k.mul(head, k.i32(cut.tiles)), tileNumber), k.i32(cut.parts));
    const staging = cut.staging && stagingFor(1, { ...context.parameters, attentionLanes: cut.lanes }, context.target);
    const running = start(tile, accountsFor(tile, staging));
    const at = (part: Value): Value => k.add(k.mul(k.add(first, part), k.i32(cut.rows)), row);
    const parts = { ...opened, ...seen, length: cut.length, count: cut.parts, at };
    if (staging) mergeStaged(tile, running, parts);
    else mergeLanes(tile, running, parts);
    if (isRestricted(a)) addMaskedKeys(tile, running, seen);
    storeResults(tile, running, view, index, 1);
  });
  return {
    kernel: k.finish(kernelName(group, "_merge"), [cut.lanes, 1, 1]),
    bindings: emit.bindings,
    workgroups: grid,
  };
}
