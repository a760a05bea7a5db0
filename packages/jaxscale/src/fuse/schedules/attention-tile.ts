/**
 * A few rows of queries against a stretch of keys, by the invocations of one workgroup: side by side along the keys for the
 * logits, then along the columns of the values. Softmax goes along with the keys (a running maximum and sum for each row), so
 * that memory holds no logit. @see https://arxiv.org/abs/2205.14135
 */
import type { Target } from "../../base/target.ts";
import { Index } from "../../kernel/index-space.ts";
import type { Value, Variable } from "../../kernel/ir.ts";
import type { Emitter } from "../emitter.ts";
import { ceilDivide } from "../grid.ts";
import { type Attention, type KeyRange, maskedLogit, type Row, type Sequence } from "./attention-shape.ts";
import { fitsSubgroup, type Team } from "./team.ts";

/** How the columns of a row of values are spread over the invocations. */
export interface Columns {
  /** Of one vector. */
  readonly width: 1 | 4;
  /** Invocations along the columns; the others take further rows. */
  readonly lanes: number;
  /** Vectors of one invocation. */
  readonly blocks: number;
  /** Rows of one invocation. */
  readonly rows: number;
}

/** Whether probabilities pass from lane to lane in registers; else through shared memory. */
export const inRegisters = (lanes: number, target: Target): boolean => lanes <= 8 && fitsSubgroup({ lanes, target });

export function columnsFor(a: Attention, rows: number, lanes: number, target: Target): Columns {
  const width = a.width % 4 === 0 ? 4 : 1;
  const vectors = a.width / width;
  const along = inRegisters(lanes, target) ? lanes : Math.min(lanes, 2 ** Math.ceil(Math.log2(vectors)));
  return {
    width,
    lanes: along,
    blocks: ceilDivide(vectors, along),
    rows: ceilDivide(rows, lanes / along),
  };
}

export interface Tile {
  readonly emit: Emitter;
  readonly a: Attention;
  readonly team: Team;
  readonly columns: Columns;
  readonly sequence: Sequence;
  readonly batch: Value;
  readonly keyHead: Value;
  readonly rows: readonly Row[];
  /** Row by its number in the tile. */
  readonly rowAt: (index: Value) => Row;
}

/** Running results over the keys so far. */
export interface Running {
  /** Of each row that this lane keeps account of: the largest logit, and this lane's part of Σ exp(logit - largest). */
  readonly largest: readonly Variable[];
  readonly sums: readonly Variable[];
  /** Of each of this lane's rows and blocks of columns: Σ exp(logit - largest) · value. */
  readonly totals: readonly (readonly Variable[])[];
  readonly accounts: Accounts;
}

/** Which lanes keep account of which rows, and how the others hear of it. */
export interface Accounts {
  /** Rows' numbers in the tile that this lane keeps. */
  readonly rows: readonly Value[];
  /** Whether this lane speaks for those rows: of the lanes that keep a row, one does. */
  readonly speaks: Value;
  /** The row's number, of a number for each row kept: what this lane needs, by its own rows of totals. */
  readonly factors: (values: readonly Value[]) => (row: number) => Value;
  /** Sums over the lanes that keep the same rows. */
  readonly sum: (values: readonly Value[]) => readonly Value[];
}

export const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
/** The most negative number. */
export const lowest = -3.4028234663852886e38;

export function start({ emit: { k }, columns }: Tile, accounts: Accounts): Running {
  const zero = k.splat(k.f32(0), columns.width);
  return {
    largest: accounts.rows.map(() => k.variable(k.f32(lowest), "largest")),
    sums: accounts.rows.map(() => k.variable(k.f32(0), "sum")),
    totals: range(columns.rows).map(() => range(columns.blocks).map(() => k.variable(zero, "total"))),
    accounts,
  };
}

/** Number of this lane's `r`th row; beyond the last, the last again. */
export function ownRow({ emit: { k }, team, columns, rows }: Tile, r: number): Value {
  if (columns.lanes === team.lanes) return k.i32(r);
  const first = k.mul(k.div(team.lane, k.i32(columns.lanes)), k.i32(columns.rows));
  return k.min(k.add(first, k.i32(r)), k.i32(rows.length - 1));
}

/** First column of this lane's block; lanes beyond the last column repeat the last vector. */
export function columnOf({ emit: { k }, a, team, columns }: Tile, block: Value): { column: Value; inside: Value } {
  const lane = columns.lanes === team.lanes ? team.lane : k.rem(team.lane, k.i32(columns.lanes));
  const vector = k.add(k.mul(block, k.i32(columns.lanes)), lane);
  const last = a.width / columns.width - 1;
  return { column: k.mul(k.min(vector, k.i32(last)), k.i32(columns.width)), inside: k.le(vector, k.i32(last)) };
}

/** This lane's vector of a key's row of values. */
export function valuesOf(tile: Tile, key: Value, block: Value): Value {
  const { emit, a, batch, keyHead, columns } = tile;
  const { k } = emit;
  const { column } = columnOf(tile, block);
  const lanes = range(columns.width).map((l) => {
    const coords = [batch, key, keyHead, k.add(column, k.i32(l))];
    return emit.read(a.value, Index.fromCoords(k, a.value.aval.shape, coords));
  });
  return k.vec(lanes);
}

export function scaleTotals({ emit: { k }, columns }: Tile, { totals }: Running, factor: (row: number) => Value): void {
  totals.forEach((blocks, r) => {
    for (const v of blocks) k.set(v, k.mul(k.get(v), k.splat(factor(r), columns.width)));
  });
}

/** Visits the totals of this lane's rows, a block of columns at a time; what is done with them is compiled once. */
export function eachBlock(
  { emit: { k }, columns: { blocks } }: Tile,
  { totals }: Running,
  visit: (block: Value, totals: readonly Variable[]) => void,
): void {
  const current = totals.map(([total]) => total);
  if (blocks === 1) {
    visit(k.i32(0), current);
    return;
  }
  k.loop(k.i32(0), k.opaqueBound(blocks), k.i32(1), (index) => {
    visit(k.assume(index, { min: 0, max: blocks - 1 }), current);
    for (const row of totals) {
      const visited = k.get(row[0]);
      row.slice(1).forEach((next, i) => k.set(row[i], k.get(next)));
      k.set(row[blocks - 1], visited);
    }
  });
}

/** Takes keys outside the range into account, all masked: they matter only to rows that see none, which become the mean of the values. */
export function addMaskedKeys(tile: Tile, running: Running, { low, high }: KeyRange): void {
  const { emit, a, columns } = tile;
  const { k } = emit;
  const { speaks, factors: toRows } = running.accounts;
  const before = running.largest.map(k.get);
  const largest = before.map((m) => k.max(m, k.f32(maskedLogit)));
  const weights = largest.map((m) => k.exp(k.sub(k.f32(maskedLogit), m)));
  const factors = before.map((m, i) => k.exp(k.sub(m, largest[i])));
  const count = k.cast("f32", k.sub(k.i32(a.keys), k.sub(high, low)));
  const share = k.select(speaks, count, k.f32(0));
  running.largest.forEach((v, i) => k.set(v, largest[i]));
  running.sums.forEach((v, i) => k.set(v, k.fma(k.get(v), factors[i], k.mul(weights[i], share))));
  const factor = toRows(factors);
  const weight = toRows(weights);
  const own = range(columns.rows).map((r) => ({ factor: factor(r), weight: weight(r) }));
  const blind = own.map((row) => k.gt(row.weight, k.f32(0))).reduce(k.or);
  k.if(blind, () => {
    scaleTotals(tile, running, (r) => own[r].factor);
    const within = k.sub(high, low);
    eachBlock(tile, running, (block, totals) =>
      k.loop(k.i32(0), k.sub(k.i32(a.keys), within), k.i32(1), (i) => {
        const outside = k.select(k.lt(i, low), i, k.add(i, within));
        const key = k.assume(outside, { min: 0, max: Math.max(0, a.keys - 1) });
        const values = valuesOf(tile, key, block);
        totals.forEach((v, r) => k.set(v, k.fma(k.splat(own[r].weight, columns.width), values, k.get(v))));
      }),
    );
  });
}
