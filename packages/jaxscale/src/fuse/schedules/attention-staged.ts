/**
 * Attention by a whole workgroup, as GPUs want it: keys and queries pass through shared memory a part of the head at a time, each
 * lane makes the logits of a few rows with one key, each row's softmax is a few lanes' account, and the weights of all rows wait
 * in shared memory for the lanes along the columns of the values.
 */
import type { Target } from "../../base/target.ts";
import { Index } from "../../kernel/index-space.ts";
import type { SharedDecl, Value, Variable } from "../../kernel/ir.ts";
import { exp } from "../../kernel/math.ts";
import { ceilDivide } from "../grid.ts";
import type { ScheduleParameters } from "../parameters.ts";
import { type KeyRange, logitOf } from "./attention-shape.ts";
import {
  type Accounts,
  lowest,
  ownRow,
  type Running,
  range,
  scaleTotals,
  type Tile,
  valuesOf,
} from "./attention-tile.ts";
import { combineLanes, type Team } from "./team.ts";

/** How a workgroup's lanes share the logits of its rows. */
export interface Staging {
  /** Keys of a step: one for each of as many lanes side by side. */
  readonly keys: number;
  /** Rows of a lane, which the lanes of other rows follow. */
  readonly rows: number;
  /** Elements of a head that are in shared memory at once, a multiple of 4. */
  readonly depth: number;
  /** Lanes that keep account of one row. */
  readonly keepers: number;
}

const vector = 4;
const powerAbove = (n: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, n)));

/** Vectors of a row in shared memory: an odd number, so that neighbours begin in different banks. */
const pitchOf = (depth: number): number => depth / vector + ((depth / vector) % 2 === 0 ? 1 : 0);
/** Words of a row of weights: the keepers of neighbouring rows read different banks. */
const weightsPitch = ({ keys, keepers }: Staging): number => keys + keepers;

/** Bytes of shared memory at most: with more, cores of 32 KiB would hold a single workgroup. */
const mostBytes = 12288;

/** @param lanes a power of two, at least `rows` */
export function stagingFor(
  rows: number,
  { attentionLanes: lanes, attentionKeys, attentionDepth }: ScheduleParameters,
  { limits }: Target,
): Staging {
  const beside = Math.min(powerAbove(rows), Math.max(1, lanes / attentionKeys));
  const keys = lanes / beside;
  const sized = (depth: number): Staging => ({
    keys,
    depth,
    rows: ceilDivide(rows, beside),
    keepers: lanes / powerAbove(rows),
  });
  const most = Math.min(mostBytes, limits.maxComputeWorkgroupStorageSize);
  const fits = (staging: Staging): boolean => stagedBytes(staging, lanes) <= most;
  let depth = attentionDepth;
  while (depth > vector && !fits(sized(depth))) depth /= 2;
  return sized(depth);
}

function stagedBytes(staging: Staging, lanes: number): number {
  const { keys, depth } = staging;
  const rows = staging.rows * (lanes / keys);
  // Maxima and sums pass through a word a lane each where subgroups do not hand them on.
  const words = vector * pitchOf(depth) * (keys + rows) + rows * weightsPitch(staging) + 3 * rows + 2 * lanes;
  return 4 * words;
}

/** The lanes that keep account of a row. */
export function keepersOf({ emit: { k }, team }: Tile, { keepers }: Staging): Team & { readonly row: Value } {
  if (keepers === team.lanes) return { ...team, row: k.i32(0) };
  const row = k.div(team.lane, k.i32(keepers));
  return {
    lanes: keepers,
    lane: k.rem(team.lane, k.i32(keepers)),
    target: team.target,
    among: { lanes: team.lanes, first: k.mul(row, k.i32(keepers)) },
    row,
  };
}

export function stagedAccounts(tile: Tile, staging: Staging): Accounts {
  const { emit, columns, rows } = tile;
  const { k } = emit;
  const keepers = keepersOf(tile, staging);
  const last = k.i32(rows.length - 1);
  const speaks = k.and(k.eq(keepers.lane, k.i32(0)), k.le(keepers.row, last));
  return {
    rows: [k.min(keepers.row, last)],
    speaks,
    factors: ([value]) => {
      // A fresh array each time: reuse would need one more barrier.
      const shared = k.shared(`factors${value.id}`, "f32", rows.length);
      k.if(speaks, () => k.storeShared(shared, k.min(keepers.row, last), value));
      k.barrier();
      const own = range(columns.rows).map((r) => k.loadShared(shared, ownRow(tile, r)));
      return (r) => own[r];
    },
    sum: (values) => combineLanes(k, keepers, values, (x, y) => x.map((v, i) => k.add(v, y[i]))),
  };
}

/** Goes through the keys of a range, a step at a time. */
export function streamStaged(tile: Tile, running: Running, { low, high }: KeyRange, staging: Staging): void {
  const { emit, a, team, rows } = tile;
  const { k } = emit;
  const { keys, keepers } = staging;
  const lastKey = Math.max(0, a.keys - 1);
  const bounded = (key: Value): Value => k.assume(k.min(key, k.sub(high, k.i32(1))), { min: 0, max: lastKey });
  const lanesBeside = team.lanes / keys;
  const place = k.rem(team.lane, k.i32(keys));
  const firstRow = k.mul(k.div(team.lane, k.i32(keys)), k.i32(staging.rows));
  const pitch = weightsPitch(staging);
  const weights = k.shared("weights", "f32", staging.rows * lanesBeside * pitch);
  const at = (row: Value, key: Value): Value => k.add(k.mul(row, k.i32(pitch)), key);
  const heads = stagedHeads(tile, staging);
  const account = keepersOf(tile, staging);
  const [largest, sum] = [running.largest[0], running.sums[0]];

  k.loop(low, high, k.i32(keys), (first) => {
    const key = k.add(first, place);
    const inside = k.lt(key, high);
    heads
      .products(firstRow, place, (local) => bounded(k.add(first, local)))
      .forEach((product, i) => {
        const row = k.add(firstRow, k.i32(i));
        const logit = logitOf(emit, a, tile.sequence, tile.batch, tile.rowAt(row), bounded(key), k.get(product));
        k.storeShared(weights, at(row, place), k.select(inside, logit, k.f32(lowest)));
      });
    k.barrier();
    const own = running.accounts.rows[0];
    const mine = range(keys / keepers).map((i) => k.add(account.lane, k.i32(i * keepers)));
    const logits = mine.map((p) => k.loadShared(weights, at(own, p)));
    const [highest] = combineLanes(k, account, [logits.reduce(k.max)], ([x], [y]) => [k.max(x, y)]);
    const before = k.get(largest);
    const after = k.max(before, highest);
    const factor = k.exp(k.sub(before, after));
    const made = logits.map((x, i) => k.select(k.lt(k.add(first, mine[i]), high), exp(k, k.sub(x, after)), k.f32(0)));
    k.set(largest, after);
    k.set(sum, k.fma(k.get(sum), factor, made.reduce(k.add)));
    k.if(k.lt(account.row, k.i32(rows.length)), () =>
      made.forEach((w, i) => k.storeShared(weights, at(own, mine[i]), w)),
    );
    scaleTotals(tile, running, running.accounts.factors([factor]));
    addValues(
      tile,
      running,
      keys,
      (local) => bounded(k.add(first, local)),
      (r, local) => k.loadShared(weights, at(ownRow(tile, r), local)),
    );
    // Without a part of the head to stage, no barrier follows before the weights are written again.
    if (a.size === 0) k.barrier();
  });
}

/** Keys whose values are loaded before the first is used. */
const valuesAhead = 4;

function addValues(
  tile: Tile,
  { totals }: Running,
  keys: number,
  keyAt: (local: Value) => Value,
  weightOf: (row: number, local: Value) => Value,
): void {
  const { k } = tile.emit;
  const { width, blocks } = tile.columns;
  const ahead = Math.min(valuesAhead, keys);
  k.loop(k.i32(0), k.i32(keys), k.i32(ahead), (first) => {
    const local = range(ahead).map((i) => k.add(first, k.i32(i)));
    for (let block = 0; block < blocks; block++) {
      const values = local.map((l) => valuesOf(tile, keyAt(l), k.i32(block)));
      totals.forEach((row, r) =>
        k.set(
          row[block],
          local.reduce((sum, l, i) => k.fma(k.splat(weightOf(r, l), width), values[i], sum), k.get(row[block])),
        ),
      );
    }
  });
}

interface StagedHeads {
  /** Products of this lane's rows, the first given, with its key. @param keyAt key of a place in the step */
  readonly products: (firstRow: Value, place: Value, keyAt: (local: Value) => Value) => readonly Variable[];
}

function stagedHeads(tile: Tile, { keys, depth, rows }: Staging): StagedHeads {
  const { emit, a, team, batch, keyHead } = tile;
  const { k } = emit;
  const [pitch, groups] = [pitchOf(depth), depth / vector];
  const extent = rows * (team.lanes / keys);
  const shared = (name: string, count: number): SharedDecl => k.shared(name, "vec4<f32>", count * pitch);
  const [queryHeads, keyHeads] = [shared("queries", extent), shared("keys", keys)];
  const coordsOfQuery = (local: Value, h: Value): readonly Value[] => {
    const { query, head } = tile.rowAt(local);
    return [batch, query, head, h];
  };
  /** Four elements of a head, zeros beyond its end. */
  const read = (atom: Tile["a"]["key"], coordsAt: (h: Value) => readonly Value[], first: Value): Value => {
    const element = (h: Value): Value =>
      k.cast("f32", emit.read(atom, Index.fromCoords(k, atom.aval.shape, coordsAt(h))));
    const whole = a.size % depth === 0;
    const from = whole || a.size % vector !== 0 ? first : k.min(first, k.i32(a.size - vector));
    return k.vec(
      range(vector).map((u) => {
        const h = k.add(first, k.i32(u));
        if (whole) return element(h);
        const at = a.size % vector === 0 ? k.add(from, k.i32(u)) : k.min(h, k.i32(a.size - 1));
        return k.select(k.lt(h, k.i32(a.size)), element(at), k.f32(0));
      }),
    );
  };
  const stage = (count: number, into: SharedDecl, load: (local: Value, group: Value) => Value): void => {
    const patches = count * groups;
    for (const turn of range(ceilDivide(patches, team.lanes))) {
      const patch = k.add(team.lane, k.i32(turn * team.lanes));
      const store = (): void => {
        const at = k.assume(patch, { min: 0, max: patches - 1 });
        const [local, group] = [k.div(at, k.i32(groups)), k.rem(at, k.i32(groups))];
        k.storeShared(into, k.add(k.mul(local, k.i32(pitch)), group), load(local, group));
      };
      if ((turn + 1) * team.lanes <= patches) store();
      else k.if(k.lt(patch, k.i32(patches)), store);
    }
  };
  return {
    products: (firstRow, place, keyAt) => {
      const sums = range(rows).map(() => k.variable(k.f32(0), "product"));
      k.loop(k.i32(0), k.i32(ceilDivide(a.size, depth)), k.i32(1), (part) => {
        const from = (group: Value): Value => k.add(k.mul(part, k.i32(depth)), k.mul(group, k.i32(vector)));
        stage(extent, queryHeads, (local, group) => read(a.query, (h) => coordsOfQuery(local, h), from(group)));
        stage(keys, keyHeads, (local, group) => {
          const key = keyAt(local);
          return read(a.key, (h) => [batch, key, keyHead, h], from(group));
        });
        k.barrier();
        k.loop(k.i32(0), k.i32(groups), k.i32(1), (group) => {
          const own = k.loadShared(keyHeads, k.add(k.mul(place, k.i32(pitch)), group));
          sums.forEach((sum, i) => {
            const row = k.mul(k.add(firstRow, k.i32(i)), k.i32(pitch));
            const query = k.loadShared(queryHeads, k.add(row, group));
            k.set(
              sum,
              range(vector).reduce((s, u) => k.fma(k.lane(query, u), k.lane(own, u), s), k.get(sum)),
            );
          });
        });
        k.barrier();
      });
      return sums;
    },
  };
}
