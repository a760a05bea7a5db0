/**
 * Attention by the lanes of one small subgroup: each keeps account of all rows, and weights pass from lane to lane in registers.
 * Best where workgroups and barriers cost much.
 */
import { Index } from "../../kernel/index-space.ts";
import type { Value } from "../../kernel/ir.ts";
import { exp } from "../../kernel/math.ts";
import { ceilDivide } from "../grid.ts";
import { type KeyRange, logitOf, type Row } from "./attention-shape.ts";
import { type Accounts, lowest, type Running, range, scaleTotals, type Tile, valuesOf } from "./attention-tile.ts";
import { combineLanes } from "./team.ts";

/** Every lane keeps account of all rows. */
export const lanesAccounts = ({ emit: { k }, team, rows }: Tile): Accounts => ({
  rows: rows.map((_, i) => k.i32(i)),
  speaks: k.eq(team.lane, k.i32(0)),
  factors: (values) => (row) => values[row],
  sum: (values) => combineLanes(k, team, values, (x, y) => x.map((v, i) => k.add(v, y[i]))),
});

/** Goes through the keys of a range, one key a lane at a time. */
export function streamLanes(tile: Tile, running: Running, { low, high }: KeyRange): void {
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
    scaleTotals(tile, running, (row) => factors[row]);
    k.loop(k.i32(0), k.opaqueBound(team.lanes), k.i32(1), (index) => {
      const lane = k.assume(index, { min: 0, max: team.lanes - 1 });
      const handed = weights.map((w) => k.subgroupShuffle(w, lane));
      addValues(tile, running, bounded(k.add(first, lane)), (row) => handed[row]);
    });
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

/** Fewest rows that lanes load one each of and hand round: that takes fewer loads than if all loaded all. */
const fewestHanded = 4;

/** Logits of every row with this lane's key. */
function logitsOf(tile: Tile, key: Value): Value[] {
  const { emit, a, batch, keyHead, rows, team, sequence } = tile;
  const { k } = emit;
  const handed = rows.length >= fewestHanded;
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
