/** Puts the partial results of a row's parts of the keys together. */
import type { BufferDecl, Value, Variable } from "../../kernel/ir.ts";
import type { KeyRange } from "./attention-shape.ts";
import { columnOf, eachBlock, lowest, type Running, range, type Tile } from "./attention-tile.ts";
import { combineLanes } from "./team.ts";

export interface OpenPartials {
  readonly largest: BufferDecl;
  readonly sums: BufferDecl;
  readonly totals: BufferDecl;
}

/** A row's partial results: `count` parts of `length` keys, of which those that its keys reach into have results. */
export interface Parts extends OpenPartials, KeyRange {
  readonly count: number;
  readonly length: number;
  /** Where part `part` of the row lies. */
  readonly at: (part: Value) => Value;
}

/** The parts that have results, from `begin` to below `end`. */
function partsWithResults({ emit: { k } }: Tile, { low, high, length }: Parts): { begin: Value; end: Value } {
  const begin = k.div(low, k.i32(length));
  const end = k.select(k.lt(low, high), k.div(k.add(high, k.i32(length - 1)), k.i32(length)), begin);
  return { begin, end };
}

/** Every lane goes through all parts. */
export function mergeLanes(tile: Tile, running: Running, from: Parts): void {
  const { emit, a, columns } = tile;
  const { k } = emit;
  const { begin, end } = partsWithResults(tile, from);
  const eachPart = (visit: (at: Value) => void): void =>
    k.loop(begin, end, k.i32(1), (part) => visit(from.at(k.assume(part, { min: 0, max: from.count - 1 }))));
  const [largest, sum] = [running.largest[0], running.sums[0]];
  eachPart((place) => k.set(largest, k.max(k.get(largest), k.load(from.largest, place))));
  const highest = k.max(k.get(largest), k.f32(lowest));
  const weightAt = (place: Value): Value => k.exp(k.sub(k.load(from.largest, place), highest));
  const isFirst = running.accounts.speaks;
  eachPart((place) => {
    const own = k.select(isFirst, k.load(from.sums, place), k.f32(0));
    k.set(sum, k.fma(weightAt(place), own, k.get(sum)));
  });
  eachBlock(tile, running, (block, totals) => {
    const { column } = columnOf(tile, block);
    eachPart((place) => {
      const weight = k.splat(weightAt(place), columns.width);
      const words = k.load(from.totals, k.add(k.mul(place, k.i32(a.width)), column), columns.width);
      for (const v of totals) k.set(v, k.fma(weight, words, k.get(v)));
    });
  });
}

/** Parts whose totals are loaded before the first is used. */
const partsAhead = 4;

/** The lanes share the parts for their weights, which wait in shared memory for the lanes along the columns. */
export function mergeStaged(tile: Tile, running: Running, from: Parts): void {
  const { emit, a, team, columns } = tile;
  const { k } = emit;
  const { begin, end } = partsWithResults(tile, from);
  const bounded = (part: Value): Value => k.assume(part, { min: 0, max: from.count - 1 });
  const eachOwn = (visit: (part: Value) => void): void =>
    k.loop(k.add(begin, team.lane), end, k.i32(team.lanes), (part) => visit(bounded(part)));
  const weights = k.shared("weights", "f32", from.count);
  const [largest, sum] = [running.largest[0], running.sums[0]];
  eachOwn((part) => k.set(largest, k.max(k.get(largest), k.load(from.largest, from.at(part)))));
  const [highest] = combineLanes(k, team, [k.get(largest)], ([x], [y]) => [k.max(x, y)]);
  k.set(largest, highest);
  eachOwn((part) => {
    const weight = k.exp(k.sub(k.load(from.largest, from.at(part)), highest));
    k.storeShared(weights, part, weight);
    k.set(sum, k.fma(weight, k.load(from.sums, from.at(part)), k.get(sum)));
  });
  k.barrier();
  const last = k.sub(end, k.i32(1));
  const teams = team.lanes / columns.lanes;
  const ownFirst = k.mul(k.div(team.lane, k.i32(columns.lanes)), k.i32(partsAhead));
  eachBlock(tile, running, (block, totals) => {
    const { column } = columnOf(tile, block);
    k.loop(begin, end, k.i32(teams * partsAhead), (first) => {
      const parts = range(partsAhead).map((i) => k.add(k.add(first, ownFirst), k.i32(i)));
      // Beyond the last part the last is loaded again, with weight 0: parts without results may hold anything.
      const own = parts.map((part) => bounded(k.min(part, last)));
      const words = own.map((part) =>
        k.load(from.totals, k.add(k.mul(from.at(part), k.i32(a.width)), column), columns.width),
      );
      const factors = parts.map((part, i) => k.select(k.lt(part, end), k.loadShared(weights, own[i]), k.f32(0)));
      for (const v of totals)
        k.set(
          v,
          words.reduce((total, w, i) => k.fma(k.splat(factors[i], columns.width), w, total), k.get(v)),
        );
    });
    if (teams > 1) for (const v of totals) addTeams(tile, v, teams);
  });
}

/** Adds up what lanes of the same columns have. */
function addTeams({ emit: { k }, team, columns }: Tile, total: Variable, teams: number): void {
  const shared = k.shared(`totals${total.id}`, total.type, team.lanes);
  k.storeShared(shared, team.lane, k.get(total));
  k.barrier();
  const place = k.rem(team.lane, k.i32(columns.lanes));
  const parts = range(teams).map((i) => k.loadShared(shared, k.add(place, k.i32(i * columns.lanes))));
  k.set(total, parts.reduce(k.add));
}
