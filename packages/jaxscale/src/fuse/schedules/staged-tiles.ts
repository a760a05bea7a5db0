/**
 * A tile's sums through shared memory: the workgroup loads each element that its tile needs once, computing what is fused into
 * the loads once too, and every invocation reads it there. Four neighbours along the depth lie together, on both sides.
 */
import type { KernelBuilder } from "../../kernel/builder.ts";
import { type SharedDecl, type Value, type Variable, vectorOf } from "../../kernel/ir.ts";
import type { Emitter } from "../emitter.ts";
import { ceilDivide } from "../grid.ts";
import { multiplyAdd, type Product, type Side, sideIndex, widen } from "./product.ts";
import type { Tile } from "./tiles.ts";

/** Where a workgroup's tile begins, and which of its invocations this is. */
export interface WorkgroupCorner {
  readonly batch: Value;
  readonly row: Value;
  readonly column: Value;
  readonly lane: Value;
  readonly laneRow: Value;
}

/** What is staged of one side. */
interface Staged {
  readonly side: Side;
  readonly shared: SharedDecl;
  /** Rows or columns of the workgroup's tile, and of the product. */
  readonly extent: number;
  readonly size: number;
  readonly first: Value;
  /** Whether neighbours along the depth are neighbours in memory; else those along the other axis are. */
  readonly alongDepth: boolean;
  readonly slot: (local: Value) => Value;
}

const vector = 4;
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** Vectors of a row or column in shared memory: an odd number, so that neighbours begin in different banks. */
const pitchOf = (depth: number): number => depth / vector + ((depth / vector) % 2 === 0 ? 1 : 0);

/** Bytes of shared memory of a tile. */
export const stagedBytes = ({ rows, laneRows, columns, lanes, staged }: Tile): number =>
  4 * vector * pitchOf(staged) * (rows * laneRows + columns * lanes);

/** @param alongDepth of the rows' and of the columns' side, which neighbours are neighbours in memory */
export function accumulateStaged(
  emit: Emitter,
  product: Product,
  tile: Tile,
  corner: WorkgroupCorner,
  alongDepth: { readonly rows: boolean; readonly columns: boolean },
): Variable[][] {
  const { k } = emit;
  const { lanes, laneRows } = tile;
  const pitch = pitchOf(tile.staged);
  const groups = tile.staged / vector;
  const sharedFor = (name: string, extent: number): SharedDecl =>
    k.shared(name, vectorOf(product.accumulator, vector), extent * pitch);
  const [rowExtent, columnExtent] = [tile.rows * laneRows, tile.columns * lanes];
  const rows: Staged = {
    side: product.rowSide,
    shared: sharedFor("rows", rowExtent),
    extent: rowExtent,
    size: product.rows,
    first: corner.row,
    alongDepth: alongDepth.rows || product.rows % vector !== 0,
    slot: (local) => local,
  };
  const columns: Staged = {
    side: product.columnSide,
    shared: sharedFor("columns", columnExtent),
    extent: columnExtent,
    size: product.columns,
    first: corner.column,
    alongDepth: alongDepth.columns,
    // Invocations side by side read columns that lie side by side.
    slot: (local) => k.add(k.mul(k.rem(local, k.i32(tile.columns)), k.i32(lanes)), k.div(local, k.i32(tile.columns))),
  };
  const width = vector;
  const zero = k.splat(widen(k, product, k.i32(0)), width);
  const sums = range(tile.rows).map(() => range(tile.columns / width).map(() => k.variable(zero, "sum")));
  const local = k.add(k.mul(corner.laneRow, k.i32(lanes)), corner.lane);

  k.loop(k.i32(0), k.i32(product.depth / tile.staged), k.i32(1), (iteration) => {
    const depth = k.mul(iteration, k.i32(tile.staged));
    for (const staged of [rows, columns])
      stage(emit, product, staged, { batch: corner.batch, depth, groups, pitch, local, invocations: lanes * laneRows });
    k.barrier();
    k.loop(k.i32(0), k.i32(groups), k.i32(1), (group) => {
      const at = ({ shared }: Staged, slot: Value): Value =>
        k.loadShared(shared, k.add(k.mul(slot, k.i32(pitch)), group));
      const columnVectors = range(tile.columns).map((c) => at(columns, k.add(k.i32(c * lanes), corner.lane)));
      const across = range(vector).map((d) =>
        range(tile.columns / width).map((c) => k.vec(range(width).map((l) => k.lane(columnVectors[c * width + l], d)))),
      );
      for (const i of range(tile.rows)) {
        const value = at(rows, k.add(k.mul(corner.laneRow, k.i32(tile.rows)), k.i32(i)));
        sums[i].forEach((sum, c) => {
          const add = (s: Value, d: number): Value => multiplyAdd(k, k.splat(k.lane(value, d), width), across[d][c], s);
          k.set(sum, range(vector).reduce(add, k.get(sum)));
        });
      }
    });
    k.barrier();
  });
  return sums;
}

interface Stage {
  readonly batch: Value;
  readonly depth: Value;
  readonly groups: number;
  readonly pitch: number;
  readonly local: Value;
  readonly invocations: number;
}

/** Loads a side's part of one step along the depth, a patch an invocation: four steps of the depth of one row, or of four. */
function stage(emit: Emitter, product: Product, staged: Staged, { groups, pitch, ...at }: Stage): void {
  const { k } = emit;
  const { side, shared, alongDepth, extent, size, first, slot } = staged;
  const height = alongDepth ? 1 : vector;
  const patches = (extent / height) * groups;
  const read = (free: Value, depth: Value): Value =>
    widen(k, product, emit.read(side.atom, sideIndex(k, side, at.batch, free, depth)));
  for (const turn of range(ceilDivide(patches, at.invocations))) {
    const patch = k.add(at.local, k.i32(turn * at.invocations));
    const load = (): void => {
      const place = k.assume(patch, { min: 0, max: patches - 1 });
      // Neighbours in memory are loaded by neighbours.
      const [along, beside] = [k.i32(groups), k.i32(extent / height)];
      const group = alongDepth ? k.rem(place, along) : k.div(place, beside);
      const local = k.mul(alongDepth ? k.div(place, along) : k.rem(place, beside), k.i32(height));
      // Beyond the last row or column the last ones are loaded again, and their sums are not stored.
      const free = k.min(k.add(first, local), k.i32(size - height));
      const depth = k.add(at.depth, k.mul(group, k.i32(vector)));
      patchVectors(k, height, (f, d) => read(k.add(free, k.i32(f)), k.add(depth, k.i32(d)))).forEach((v, f) =>
        k.storeShared(shared, k.add(k.mul(slot(k.add(local, k.i32(f))), k.i32(pitch)), group), v),
      );
    };
    if ((turn + 1) * at.invocations <= patches) load();
    else k.if(k.lt(patch, k.i32(patches)), load);
  }
}

/** Vectors along the depth, loaded in whichever direction memory runs. */
function patchVectors(
  k: KernelBuilder,
  height: number,
  read: (free: number, depth: number) => Value,
): readonly Value[] {
  if (height === 1) return [k.vec(range(vector).map((d) => read(0, d)))];
  const across = range(vector).map((d) => k.vec(range(height).map((f) => read(f, d))));
  return range(height).map((f) => k.vec(range(vector).map((d) => k.lane(across[d], f))));
}
