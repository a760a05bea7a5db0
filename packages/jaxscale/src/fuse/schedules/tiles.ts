/** Matrix products in tiles of registers: each invocation makes a few rows × a few columns, lanes side by side along the columns. */
import type { KernelBuilder } from "../../kernel/builder.ts";
import { laneCount, type Value, type Variable } from "../../kernel/ir.ts";
import type { Emitter } from "../emitter.ts";
import { ceilDivide, workgroupNumber } from "../grid.ts";
import type { Group } from "../group.ts";
import { emitterFor, gridFor, kernelName, type Launch, type ScheduleContext } from "../schedule.ts";
import { multiplyAdd, type Product, sideIndex, widen } from "./product.ts";
import { writeColumns } from "./result-tile.ts";
import { isPacked } from "./store.ts";

const lanesOf = (k: KernelBuilder, v: Value): Value[] =>
  Array.from({ length: laneCount(v.type) }, (_, lane) => k.lane(v, lane));

interface Tile {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
}

export function scheduleTiles(group: Group, product: Product, context: ScheduleContext): readonly Launch[] {
  const p = context.parameters;
  const aligned = product.columns % 4 === 0 && product.columnsAreLast;
  const tile: Tile = {
    rows: Math.min(p.tileRows, product.rows),
    columns: aligned ? Math.min(p.tileColumns, product.columns) : 1,
    depth: product.depth % p.tileDepth === 0 ? p.tileDepth : 1,
  };
  const lanes = Math.min(p.tileLanes, ceilDivide(product.columns, tile.columns));
  const laneRows = Math.min(p.tileLaneRows, ceilDivide(product.rows, tile.rows));
  const across = ceilDivide(product.columns, tile.columns * lanes);
  const down = ceilDivide(product.rows, tile.rows * laneRows);
  const total = product.batch * down * across;
  const grid = gridFor(total, 1, context.target);
  const emit = emitterFor(group, context);
  const { k } = emit;
  const outputs = group.writes.map((v, i) => ({
    v,
    view: emit.output(v, `out${i}`, isPacked(v.aval.dtype) && tile.columns % 4 !== 0),
  }));
  const number = workgroupNumber(k, grid);

  k.if(k.lt(number, k.i32(total)), () => {
    const place = k.assume(number, { min: 0, max: total - 1 });
    const [batch, rest] = [k.div(place, k.i32(down * across)), k.rem(place, k.i32(down * across))];
    const tileRow = k.add(k.mul(k.div(rest, k.i32(across)), k.i32(laneRows)), k.local(1, laneRows));
    const tileColumn = k.add(k.mul(k.rem(rest, k.i32(across)), k.i32(lanes)), k.local(0, lanes));
    const firstRow = k.mul(tileRow, k.i32(tile.rows));
    // Lanes beyond the last column repeat the last tile and store nothing.
    const lastTile = ceilDivide(product.columns, tile.columns) - 1;
    const inside = k.le(tileColumn, k.i32(lastTile));
    const firstColumn = k.mul(k.min(tileColumn, k.i32(lastTile)), k.i32(tile.columns));
    const row = (i: number): Value => k.min(k.add(firstRow, k.i32(i)), k.i32(product.rows - 1));
    const sums = accumulate(emit, product, tile, batch, row, firstColumn);
    k.if(inside, () => {
      sums.forEach((columns, i) => {
        const at = k.add(firstRow, k.i32(i));
        k.if(k.lt(at, k.i32(product.rows)), () => {
          const bounded = k.assume(at, { min: 0, max: product.rows - 1 });
          writeColumns(
            emit,
            product,
            outputs,
            batch,
            bounded,
            firstColumn,
            columns.flatMap((sum) => lanesOf(k, k.get(sum))),
            false,
          );
        });
      });
    });
  });
  return [
    { kernel: k.finish(kernelName(group, "_gemm"), [lanes, laneRows, 1]), bindings: emit.bindings, workgroups: grid },
  ];
}

/** Sums of this invocation's tile over the whole depth: for each row, a vector of its columns (or one column). */
function accumulate(
  emit: Emitter,
  product: Product,
  tile: Tile,
  batch: Value,
  row: (i: number) => Value,
  firstColumn: Value,
): Variable[][] {
  const { k } = emit;
  const width = tile.columns % 4 === 0 ? 4 : 1;
  const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
  const zero = k.splat(widen(k, product, k.i32(0)), width);
  const sums = range(tile.rows).map(() => range(tile.columns / width).map(() => k.variable(zero, "sum")));
  const read = (side: Product["rowSide"], free: Value, depth: Value): Value =>
    widen(k, product, emit.read(side.atom, sideIndex(k, side, batch, free, depth)));
  k.loop(k.i32(0), k.i32(product.depth / tile.depth), k.i32(1), (turn) => {
    const depths = range(tile.depth).map((u) => k.add(k.mul(turn, k.i32(tile.depth)), k.i32(u)));
    const weights = sums[0].map((_, c) =>
      depths.map((d) =>
        k.vec(range(width).map((lane) => read(product.columnSide, k.add(firstColumn, k.i32(c * width + lane)), d))),
      ),
    );
    sums.forEach((columns, i) => {
      const values = depths.map((d) => k.splat(read(product.rowSide, row(i), d), width));
      columns.forEach((sum, c) => {
        k.set(
          sum,
          depths.reduce((s, _, u) => multiplyAdd(k, values[u], weights[c][u], s), k.get(sum)),
        );
      });
    });
  });
  return sums;
}
