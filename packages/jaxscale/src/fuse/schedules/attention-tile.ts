/**
 * A few rows of queries against a stretch of keys, by the invocations of one workgroup: side by side along the keys for the
 * logits, then along the columns of the values. Softmax goes along with the keys (a running maximum and sum for each row), so
 * that no logit is stored. @see https://arxiv.org/abs/2205.14135
 */
import type { Target } from "../../base/target.ts";
import { Index } from "../../kernel/index-space.ts";
import type { SharedDecl, Value, Variable } from "../../kernel/ir.ts";
import { exp } from "../../kernel/math.ts";
import type { Emitter } from "../emitter.ts";
import { ceilDivide } from "../grid.ts";
import { type Attention, type KeyRange, logitOf, maskedLogit, type Row, type Sequence } from "./attention-shape.ts";
import { combineLanes, fitsSubgroup, type Team } from "./team.ts";

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
  /** Of each row: the largest logit, the same for all lanes, and this lane's part of Σ exp(logit - largest). */
  readonly largest: readonly Variable[];
  readonly sums: readonly Variable[];
  /** Of each of this lane's rows and blocks of columns: Σ exp(logit - largest) · value. */
  readonly totals: readonly (readonly Variable[])[];
  readonly exchange: Exchange;
}

/** Hands to every lane what lanes know of rows. */
interface Exchange {
  /** Rows' numbers are shared; then, with `visit`, a row of this lane at a time. */
  readonly factors: (values: readonly Value[]) => (row: number) => Value;
  /** Lanes' weights of rows, one key a lane: visits the keys with their weights in each of this lane's rows. */
  readonly eachKey: (weights: readonly Value[], visit: (key: Value, weight: (row: number) => Value) => void) => void;
}

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
/** The most negative number. */
export const lowest = -3.4028234663852886e38;

export function start(tile: Tile): Running {
  const { emit, rows, columns } = tile;
  const { k } = emit;
  const zero = k.splat(k.f32(0), columns.width);
  return {
    largest: rows.map(() => k.variable(k.f32(lowest), "largest")),
    sums: rows.map(() => k.variable(k.f32(0), "sum")),
    totals: range(columns.rows).map(() => range(columns.blocks).map(() => k.variable(zero, "total"))),
    exchange: inRegisters(tile.team.lanes, tile.team.target) ? throughRegisters(tile) : throughSharedMemory(tile),
  };
}

function throughRegisters({ emit: { k }, team }: Tile): Exchange {
  return {
    factors: (values) => (row) => values[row],
    eachKey: (weights, visit) =>
      k.loop(k.i32(0), k.opaqueBound(team.lanes), k.i32(1), (index) => {
        const key = k.assume(index, { min: 0, max: team.lanes - 1 });
        const handed = weights.map((w) => k.subgroupShuffle(w, key));
        visit(key, (row) => handed[row]);
      }),
  };
}

function throughSharedMemory(tile: Tile): Exchange {
  const { emit, team, rows } = tile;
  const { k } = emit;
  const count = rows.length;
  const place = (name: string, size: number): SharedDecl => k.shared(name, "f32", size);
  const shared = { factors: place("factors", count), weights: place("weights", count * team.lanes) };
  const row = (r: number): Value => ownRow(tile, r);
  return {
    factors: (values) => {
      k.if(k.eq(team.lane, k.i32(0)), () => values.forEach((v, i) => k.storeShared(shared.factors, k.i32(i), v)));
      k.barrier();
      const own = range(tile.columns.rows).map((r) => k.loadShared(shared.factors, row(r)));
      k.barrier();
      return (r) => own[r];
    },
    eachKey: (weights, visit) => {
      weights.forEach((w, i) => k.storeShared(shared.weights, k.add(k.i32(i * team.lanes), team.lane), w));
      k.barrier();
      k.loop(k.i32(0), k.i32(team.lanes), k.i32(1), (key) =>
        visit(key, (r) => k.loadShared(shared.weights, k.add(k.mul(row(r), k.i32(team.lanes)), key))),
      );
      k.barrier();
    },
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
function valuesOf(tile: Tile, key: Value, block: Value): Value {
  const { emit, a, batch, keyHead, columns } = tile;
  const { k } = emit;
  const { column } = columnOf(tile, block);
  const lanes = range(columns.width).map((l) => {
    const coords = [batch, key, keyHead, k.add(column, k.i32(l))];
    return emit.read(a.value, Index.fromCoords(k, a.value.aval.shape, coords));
  });
  return k.vec(lanes);
}

/** Goes through the keys of a range, one key a lane at a time. */
export function streamKeys(tile: Tile, running: Running, { low, high }: KeyRange): void {
  const { emit, a, team } = tile;
  const { k } = emit;
  const lastKey = Math.max(0, a.keys - 1);
  const bounded = (key: Value): Value => k.assume(k.min(key, k.i32(lastKey)), { min: 0, max: lastKey });
  k.loop(low, high, k.i32(team.lanes), (first) => {
    const own = k.add(first, team.lane);
    const inside = k.lt(own, high);
    const logits = logitsOf(tile, bounded(own));
    const highest = combineLanes(
      k,
      team,
      logits.map((x) => k.select(inside, x, k.f32(lowest))),
      (x, y) => x.map((v, i) => k.max(v, y[i])),
    );
    const before = running.largest.map(k.get);
    const largest = before.map((m, i) => k.max(m, highest[i]));
    const factors = before.map((m, i) => k.exp(k.sub(m, largest[i])));
    const weights = logits.map((x, i) => k.select(inside, exp(k, k.sub(x, largest[i])), k.f32(0)));
    running.largest.forEach((v, i) => k.set(v, largest[i]));
    running.sums.forEach((v, i) => k.set(v, k.fma(k.get(v), factors[i], weights[i])));
    scaleTotals(tile, running, running.exchange.factors(factors));
    running.exchange.eachKey(weights, (key, weight) => addValues(tile, running, bounded(k.add(first, key)), weight));
  });
}

function scaleTotals({ emit: { k }, columns }: Tile, { totals }: Running, factor: (row: number) => Value): void {
  totals.forEach((blocks, r) => {
    for (const v of blocks) k.set(v, k.mul(k.get(v), k.splat(factor(r), columns.width)));
  });
}

function addValues(tile: Tile, { totals }: Running, key: Value, weight: (row: number) => Value): void {
  const { k } = tile.emit;
  const { width, blocks } = tile.columns;
  const weights = totals.map((_, r) => k.splat(weight(r), width));
  for (let block = 0; block < blocks; block++) {
    const values = valuesOf(tile, key, k.i32(block));
    totals.forEach((row, r) => k.set(row[block], k.fma(weights[r], values, k.get(row[block]))));
  }
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

/** Fewest rows that lanes load one each of and hand round: that takes fewer loads than if all loaded all. */
const fewestHanded = 4;

/** Logits of every row with this lane's key. */
function logitsOf(tile: Tile, key: Value): Value[] {
  const { emit, a, batch, keyHead, rows, team, sequence } = tile;
  const { k } = emit;
  const handed = inRegisters(team.lanes, team.target) && rows.length >= fewestHanded;
  const run = a.size % 4 === 0 ? 4 : a.size % 2 === 0 ? 2 : 1;
  const sums = rows.map(() => k.variable(k.f32(0), "product"));
  const iterations = a.size / run;
  const end = team.target.traits.unrollsLoops ? k.opaqueBound(iterations) : k.i32(iterations);
  k.loop(k.i32(0), end, k.i32(1), (iteration) => {
    const first = k.mul(k.assume(iteration, { min: 0, max: Math.max(0, iterations - 1) }), k.i32(run));
    const at = range(run).map((u) => k.add(first, k.i32(u)));
    const keys = at.map((h) => emit.read(a.key, Index.fromCoords(k, a.key.aval.shape, [batch, key, keyHead, h])));
    const read = ({ query, head }: Row): Value[] =>
      at.map((h) => emit.read(a.query, Index.fromCoords(k, a.query.aval.shape, [batch, query, head, h])));
    const held = range(handed ? ceilDivide(rows.length, team.lanes) : 0).map((g) =>
      read(tile.rowAt(k.add(k.i32(g * team.lanes), team.lane))),
    );
    rows.forEach((row, i) => {
      const own = held[Math.floor(i / team.lanes)];
      const queries = own ? own.map((q) => k.subgroupBroadcast(q, i % team.lanes)) : read(row);
      k.set(
        sums[i],
        queries.reduce((sum, q, u) => k.fma(q, keys[u], sum), k.get(sums[i])),
      );
    });
  });
  return rows.map((row, i) => logitOf(emit, a, sequence, batch, row, key, k.get(sums[i])));
}

/** Takes keys outside the range into account, all masked: they matter only to rows that see none, which become the mean of the values. */
export function addMaskedKeys(tile: Tile, running: Running, { low, high }: KeyRange): void {
  const { emit, a, team, columns } = tile;
  const { k } = emit;
  const before = running.largest.map(k.get);
  const largest = before.map((m) => k.max(m, k.f32(maskedLogit)));
  const weights = largest.map((m) => k.exp(k.sub(k.f32(maskedLogit), m)));
  const factors = before.map((m, i) => k.exp(k.sub(m, largest[i])));
  const count = k.cast("f32", k.sub(k.i32(a.keys), k.sub(high, low)));
  const share = k.select(k.eq(team.lane, k.i32(0)), count, k.f32(0));
  running.largest.forEach((v, i) => k.set(v, largest[i]));
  running.sums.forEach((v, i) => k.set(v, k.fma(k.get(v), factors[i], k.mul(weights[i], share))));
  const factor = running.exchange.factors(factors);
  const weight = running.exchange.factors(weights);
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
