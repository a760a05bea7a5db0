/** Matrix products in tiles of registers: each invocation makes a few rows × a few columns, lanes side by side along the columns. */
import type { KernelBuilder } from "../../kernel/builder.ts";
import { laneCount, type Value, type Variable } from "../../kernel/ir.ts";
import type { Emitter } from "../emitter.ts";
import { ceilDivide, workgroupNumber } from "../grid.ts";
import type { Group } from "../group.ts";
import { emitterFor, gridFor, kernelName, type Launch, type ScheduleContext } from "../schedule.ts";
import { multiplyAdd, type Product, sideIndex, widen } from "./product.ts";
import { type Output, runOfColumns, writeColumns } from "./result-tile.ts";
import { accumulateStaged, stagedBytes } from "./staged-tiles.ts";
import { fillsWords } from "./store.ts";

export interface Tile {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  /** Invocations of a workgroup along the columns, and along the rows. */
  readonly lanes: number;
  readonly laneRows: number;
  /** Lanes of a subgroup load a row each and hand it round, instead of all loading all. */
  readonly shared: boolean;
  /** Rows that are written in one iteration of a loop. */
  readonly rowsAtOnce: number;
  /** Steps along the depth that a workgroup keeps in shared memory; 0: every invocation loads for itself. */
  readonly staged: number;
}

/** Where an invocation's tile begins. */
export interface Corner {
  readonly batch: Value;
  /** Where the columns' side has batches of its own. */
  readonly columnBatch?: Value;
  readonly row: (i: Value) => Value;
  readonly column: Value;
  readonly lane: Value;
  /** Iterations of the loop along the depth; all if absent. */
  readonly depth?: { readonly start: Value; readonly end: Value };
}

/** Whether consecutive steps along the depth lie side by side in an operand, to be loaded as vectors. */
export interface AlongDepth {
  readonly rows: boolean;
  readonly columns: boolean;
}

export function scheduleTiles(
  group: Group,
  product: Product,
  context: ScheduleContext,
  alongDepth: AlongDepth,
): readonly Launch[] {
  const tile = stagedTile(product, context, tileFor(product, context, alongDepth.rows || alongDepth.columns));
  const { lanes, laneRows } = tile;
  const across = ceilDivide(product.columns, tile.columns * lanes);
  const down = ceilDivide(product.rows, tile.rows * laneRows);
  const total = product.batch * down * across;
  const grid = gridFor(total, 1, context.target, context.part);
  const emit = emitterFor(group, context);
  const { k } = emit;
  const outputs = group.writes.map((v, i) => ({
    v,
    view: emit.output(v, `out${i}`, !fillsWords(v.aval.dtype, runOfColumns(product, tile.columns))),
  }));
  const number = workgroupNumber(k, grid);

  k.if(k.lt(number, k.i32(total)), () => {
    const place = k.assume(number, { min: 0, max: total - 1 });
    // Neighbours share their columns, of which there is more to read, unless a part of the rows is all that can be bound.
    const byRows = context.part?.along === "rows";
    const [batch, rest] = [k.div(place, k.i32(down * across)), k.rem(place, k.i32(down * across))];
    const lane = k.local(0, lanes);
    const workgroupRow = byRows ? k.div(rest, k.i32(across)) : k.rem(rest, k.i32(down));
    const workgroupColumn = byRows ? k.rem(rest, k.i32(across)) : k.div(rest, k.i32(down));
    const tileRow = k.add(k.mul(workgroupRow, k.i32(laneRows)), k.local(1, laneRows));
    const tileColumn = k.add(k.mul(workgroupColumn, k.i32(lanes)), lane);
    const firstRow = k.mul(tileRow, k.i32(tile.rows));
    // Lanes beyond the last column repeat the last tile and store nothing.
    const lastTile = ceilDivide(product.columns, tile.columns) - 1;
    const inside = k.le(tileColumn, k.i32(lastTile));
    const column = k.mul(k.min(tileColumn, k.i32(lastTile)), k.i32(tile.columns));
    const row = (i: Value): Value => k.min(k.add(firstRow, i), k.i32(product.rows - 1));
    const sums =
      tile.staged === 0
        ? accumulate(emit, product, tile, { batch, row, column, lane })
        : accumulateStaged(
            emit,
            product,
            tile,
            {
              batch,
              row: k.mul(workgroupRow, k.i32(laneRows * tile.rows)),
              column: k.mul(workgroupColumn, k.i32(lanes * tile.columns)),
              lane,
              laneRow: k.local(1, laneRows),
            },
            alongDepth,
          );
    k.if(inside, () => writeTile(emit, product, tile, outputs, sums, batch, firstRow, k.i32(product.rows), column));
  });
  return [
    { kernel: k.finish(kernelName(group, "_gemm"), [lanes, laneRows, 1]), bindings: emit.bindings, workgroups: grid },
  ];
}

/** Stores an invocation's tile, but for the rows from `rowEnd` on. */
export function writeTile(
  emit: Emitter,
  product: Product,
  { rowsAtOnce }: Tile,
  outputs: readonly Output[],
  sums: readonly (readonly Variable[])[],
  batch: Value,
  firstRow: Value,
  rowEnd: Value,
  column: Value,
): void {
  const { k } = emit;
  const writeRow = (columns: readonly Variable[], row: Value): void => {
    const bounded = k.assume(row, { min: 0, max: product.rows - 1 });
    const totals = columns.flatMap((sum) => lanesOf(k, k.get(sum)));
    writeColumns(emit, product, outputs, batch, bounded, column, totals, false);
  };
  const end = sums.length % rowsAtOnce === 0 ? rowEnd : k.min(rowEnd, k.add(firstRow, k.i32(sums.length)));
  const writeFrom = (first: Value): void =>
    sums.slice(0, rowsAtOnce).forEach((columns, i) => {
      const row = k.add(first, k.i32(i));
      k.if(k.lt(row, end), () => writeRow(columns, row));
    });
  const iterations = ceilDivide(sums.length, rowsAtOnce);
  if (iterations === 1) {
    writeFrom(firstRow);
    return;
  }
  // Drivers would unroll a loop whose iterations they can count.
  k.loop(k.i32(0), k.opaqueBound(iterations), k.i32(1), (index) => {
    const iteration = k.assume(index, { min: 0, max: iterations - 1 });
    writeFrom(k.add(firstRow, k.mul(iteration, k.i32(rowsAtOnce))));
    // The sums of the rows of the next iteration take the place of these.
    sums.slice(rowsAtOnce).forEach((columns, i) => columns.forEach((sum, c) => k.set(sums[i][c], k.get(sum))));
  });
}

/** Multiply-adds of a product up to which its launch takes longer than its loop. */
const worthUnrolling = 2 ** 21;

export function tileFor(product: Product, { parameters: p, target }: ScheduleContext, alongDepth = true): Tile {
  const aligned = product.columns % 4 === 0 && product.columnsAreLast;
  const few = product.rows === 1;
  const columns = aligned ? Math.min(few ? p.wideColumns : p.tileColumns, product.columns) : 1;
  const { min, max } = target.subgroupSize;
  const shared = p.tileShared && !few && target.features.subgroups && min === max && p.tileLaneRows === 1;
  // Several steps are that many times the code: worth it where they are loaded together.
  const deep =
    !shared || (alongDepth && product.batch * product.rows * product.columns * product.depth > worthUnrolling);
  const depth = few ? p.wideDepth : deep ? p.tileDepth : 1;
  const lanes = shared ? min : Math.min(p.tileLanes, ceilDivide(product.columns, columns));
  return {
    rows: Math.min(p.tileRows, product.rows),
    columns: product.columns % columns === 0 ? columns : 4,
    depth: product.depth % depth === 0 ? depth : 1,
    lanes,
    laneRows: Math.min(p.tileLaneRows, ceilDivide(product.rows, p.tileRows)),
    shared,
    rowsAtOnce: p.tileRowsWritten,
    staged: 0,
  };
}

/** The tile through shared memory, where what a workgroup loads is used often enough; smaller if there would be few of them. */
function stagedTile(product: Product, { parameters: p, target }: ScheduleContext, tile: Tile): Tile {
  const staged = [p.tileStaged, p.tileStaged / 2].find((depth) => depth >= 4 && product.depth % depth === 0) ?? 0;
  if (staged === 0 || tile.shared || tile.rows !== p.tileRows || tile.columns % 4 !== 0) return tile;
  const count = (side: number): number =>
    product.batch * ceilDivide(product.rows, tile.rows * side) * ceilDivide(product.columns, tile.columns * side);
  const few = count(p.tileLanes) < target.traits.parallelWorkgroups / 4;
  const side = few ? p.tileLanes / 2 : p.tileLanes;
  const made = { ...tile, staged, lanes: side, laneRows: few ? side : p.tileLaneRows };
  const wasted = side > ceilDivide(product.columns, tile.columns) || product.rows < tile.rows * 2;
  return wasted || stagedBytes(made) > target.limits.maxComputeWorkgroupStorageSize ? tile : made;
}

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const lanesOf = (k: KernelBuilder, v: Value): Value[] => range(laneCount(v.type)).map((lane) => k.lane(v, lane));

/** Sums of this invocation's tile over the whole depth: for each row, a vector of its columns (or one column). */
export function accumulate(emit: Emitter, product: Product, tile: Tile, corner: Corner): Variable[][] {
  const { k } = emit;
  const width = tile.columns % 4 === 0 ? 4 : 1;
  const zero = k.splat(widen(k, product, k.i32(0)), width);
  const sums = range(tile.rows).map(() => range(tile.columns / width).map(() => k.variable(zero, "sum")));
  const batchOf = (side: Product["rowSide"]): Value =>
    side === product.columnSide ? (corner.columnBatch ?? corner.batch) : corner.batch;
  const read = (side: Product["rowSide"], free: Value, depth: Value): Value =>
    widen(k, product, emit.read(side.atom, sideIndex(k, side, batchOf(side), free, depth)));
  const weights = (depth: Value): Value[] =>
    range(tile.columns / width).map((c) =>
      k.vec(range(width).map((l) => read(product.columnSide, k.add(corner.column, k.i32(c * width + l)), depth))),
    );
  const addTo = (i: number, value: Value, columns: readonly Value[]): void =>
    columns.forEach((w, c) => k.set(sums[i][c], multiplyAdd(k, k.splat(value, width), w, k.get(sums[i][c]))));

  const iterations = product.depth / tile.depth;
  const { start, end } = corner.depth ?? { start: k.i32(0), end: k.i32(iterations) };
  k.loop(start, end, k.i32(1), (counted) => {
    const iteration = corner.depth ? k.assume(counted, { min: 0, max: Math.max(0, iterations - 1) }) : counted;
    const depths = range(tile.depth).map((u) => k.add(k.mul(iteration, k.i32(tile.depth)), k.i32(u)));
    if (tile.shared) {
      const held = range(ceilDivide(tile.rows, tile.lanes)).map((g) => {
        const row = corner.row(k.add(corner.lane, k.i32(g * tile.lanes)));
        return depths.map((depth) => read(product.rowSide, row, depth));
      });
      depths.forEach((depth, u) => {
        const columns = weights(depth);
        for (const i of range(tile.rows))
          addTo(i, k.subgroupBroadcast(held[Math.floor(i / tile.lanes)][u], i % tile.lanes), columns);
      });
      return;
    }
    const columns = depths.map(weights);
    for (const i of range(tile.rows)) {
      const values = depths.map((depth) => read(product.rowSide, corner.row(k.i32(i)), depth));
      sums[i].forEach((sum, c) => {
        const add = (s: Value, value: Value, u: number): Value =>
          multiplyAdd(k, k.splat(value, width), columns[u][c], s);
        k.set(sum, values.reduce(add, k.get(sum)));
      });
    }
  });
  return sums;
}
