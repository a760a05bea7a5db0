/** Grouped products: a workgroup finds the group that its tile lies in out of the sizes on the device, then makes a tile of a product. */
import { computeType } from "../../base/dtypes.ts";
import { invariant } from "../../base/errors.ts";
import { sizeOf } from "../../base/shapes.ts";
import type { Atom } from "../../jaxpr/ir.ts";
import { Index } from "../../kernel/index-space.ts";
import type { Value } from "../../kernel/ir.ts";
import type { RaggedPlan } from "../../primitives/primitive.ts";
import type { Emitter } from "../emitter.ts";
import { contextOf, rules } from "../graph.ts";
import { ceilDivide, workgroupNumber } from "../grid.ts";
import type { Group } from "../group.ts";
import { emitterFor, gridFor, kernelName, type Launch, type ScheduleContext } from "../schedule.ts";
import type { Product, Side } from "./product.ts";
import { runOfColumns } from "./result-tile.ts";
import { fillsWords } from "./store.ts";
import { accumulate, type Tile, tileFor, writeTile } from "./tiles.ts";

interface Ragged {
  readonly plan: RaggedPlan;
  /** Of one batch; `batch` counts the others. */
  readonly product: Product;
  readonly sizes: Atom;
  /** Length of what is cut into groups. */
  readonly length: number;
}

function raggedOf(group: Group): Ragged {
  const [eqn] = group.members;
  const { lowering } = rules(eqn);
  invariant(lowering.kind === "raggedContraction", "a ragged group begins with its contraction");
  const plan = lowering.plan(contextOf(eqn));
  const [lhs, rhs, sizes] = eqn.inputs;
  const rowSide: Side = { atom: lhs, ...plan.lhs };
  const columnSide: Side = { atom: rhs, ...plan.rhs };
  const extent = ({ atom }: Side, axes: readonly number[]): number => sizeOf(axes.map((axis) => atom.aval.shape[axis]));
  const [rows, columns] = [extent(rowSide, rowSide.free), extent(columnSide, columnSide.free)];
  const depth = extent(rowSide, rowSide.contracting);
  const [result] = eqn.outputs;
  const type = computeType(result.aval.dtype);
  const product: Product = {
    result,
    batch: extent(rowSide, rowSide.batch),
    rows,
    columns,
    depth,
    rowSide,
    columnSide,
    columnsAreLast: true,
    accumulator: type === "bool" ? "u32" : type,
    position: (k, b, row, column) => k.add(k.add(k.mul(b, k.i32(rows * columns)), k.mul(row, k.i32(columns))), column),
  };
  return { plan, product, sizes, length: plan.ragged === "rows" ? rows : depth };
}

export function scheduleRagged(group: Group, context: ScheduleContext): readonly Launch[] {
  const ragged = raggedOf(group);
  if (sizeOf(ragged.product.result.aval.shape) === 0) return [];
  return [ragged.plan.ragged === "rows" ? rowsKernel(group, context, ragged) : depthKernel(group, context, ragged)];
}

/** Rows of a tile: about as many as a group has. */
function rowsPerTile({ plan, product }: Ragged): number {
  const perGroup = ceilDivide(product.rows, Math.max(1, plan.groups));
  return 2 ** Math.ceil(Math.log2(Math.max(1, perGroup)));
}

/** out[b, i, j] = Σ_d lhs[b, i, d] · rhs[b, group of i, d, j]; rows without a group are 0. */
function rowsKernel(group: Group, context: ScheduleContext, ragged: Ragged): Launch {
  const { product, plan } = ragged;
  const tile = { ...tileFor({ ...product, rows: Math.min(product.rows, rowsPerTile(ragged)) }, context), laneRows: 1 };
  const across = ceilDivide(product.columns, tile.columns * tile.lanes);
  // Each group, and the rows beyond the last, may end in a tile that is not full.
  const down = Math.min(product.rows, Math.floor((product.rows + (plan.groups + 1) * (tile.rows - 1)) / tile.rows));
  return tileKernel(group, context, ragged, tile, product.batch * across * down, (emit, place, visit) => {
    const { k } = emit;
    const [batch, rest] = [k.div(place, k.i32(down * across)), k.rem(place, k.i32(down * across))];
    // Neighbours share their columns' matrix, of which there is more to read.
    const found = findRows(emit, ragged, batch, k.div(rest, k.i32(across)), tile.rows);
    const present = k.lt(found.group, k.i32(plan.groups));
    const inside = k.max(k.i32(0), k.min(found.group, k.i32(Math.max(0, plan.groups - 1))));
    visit({
      batch,
      columnBatch: k.add(
        k.mul(batch, k.i32(plan.groups)),
        k.assume(inside, { min: 0, max: Math.max(0, plan.groups - 1) }),
      ),
      result: batch,
      firstRow: found.first,
      rowEnd: found.end,
      column: k.rem(rest, k.i32(across)),
      depth: { start: k.i32(0), end: k.select(present, k.i32(product.depth / tile.depth), k.i32(0)) },
    });
  });
}

/** out[g, b, i, j] = Σ_(d in g) lhs[b, d, i] · rhs[b, d, j] */
function depthKernel(group: Group, context: ScheduleContext, ragged: Ragged): Launch {
  const { product, plan } = ragged;
  const tile = { ...tileFor(product, context), laneRows: 1, depth: 1 };
  const across = ceilDivide(product.columns, tile.columns * tile.lanes);
  const down = ceilDivide(product.rows, tile.rows);
  const total = plan.groups * product.batch * across * down;
  return tileKernel(group, context, ragged, tile, total, (emit, place, visit) => {
    const { k } = emit;
    const [part, rest] = [k.div(place, k.i32(down * across)), k.rem(place, k.i32(down * across))];
    const batch = k.rem(part, k.i32(product.batch));
    const bounds = boundsOf(emit, ragged, batch, k.div(part, k.i32(product.batch)));
    visit({
      batch,
      columnBatch: batch,
      result: part,
      firstRow: k.mul(k.rem(rest, k.i32(down)), k.i32(tile.rows)),
      rowEnd: k.i32(product.rows),
      column: k.div(rest, k.i32(down)),
      depth: bounds,
    });
  });
}

interface TilePlace {
  readonly batch: Value;
  readonly columnBatch: Value;
  /** Matrix of the result. */
  readonly result: Value;
  readonly firstRow: Value;
  readonly rowEnd: Value;
  /** Number of the workgroup along the columns. */
  readonly column: Value;
  /** Iterations along the depth. */
  readonly depth: { readonly start: Value; readonly end: Value };
}

function tileKernel(
  group: Group,
  context: ScheduleContext,
  { product }: Ragged,
  tile: Tile,
  total: number,
  locate: (emit: Emitter, place: Value, visit: (at: TilePlace) => void) => void,
): Launch {
  const grid = gridFor(total, 1, context.target);
  const emit = emitterFor(group, context);
  const { k } = emit;
  const outputs = group.writes.map((v, i) => ({
    v,
    view: emit.output(v, `out${i}`, !fillsWords(v.aval.dtype, runOfColumns(product, tile.columns))),
  }));
  const number = workgroupNumber(k, grid);
  k.if(k.lt(number, k.i32(total)), () => {
    locate(emit, k.assume(number, { min: 0, max: total - 1 }), (at) => {
      const lane = k.local(0, tile.lanes);
      const lastTile = ceilDivide(product.columns, tile.columns) - 1;
      const tileColumn = k.add(k.mul(at.column, k.i32(tile.lanes)), lane);
      const column = k.mul(k.min(tileColumn, k.i32(lastTile)), k.i32(tile.columns));
      const lastRow = k.i32(product.rows - 1);
      const row = (i: Value): Value =>
        k.assume(k.clamp(k.add(at.firstRow, i), k.i32(0), lastRow), { min: 0, max: product.rows - 1 });
      k.if(k.lt(at.firstRow, at.rowEnd), () => {
        const { batch, columnBatch, depth } = at;
        const sums = accumulate(emit, product, tile, { batch, columnBatch, row, column, lane, depth });
        k.if(k.le(tileColumn, k.i32(lastTile)), () =>
          writeTile(emit, product, tile, outputs, sums, at.result, at.firstRow, at.rowEnd, column),
        );
      });
    });
  });
  return {
    kernel: k.finish(kernelName(group, "_grouped"), [tile.lanes, 1, 1]),
    bindings: emit.bindings,
    workgroups: grid,
  };
}

/** Size of group `g`, of what is left after those before. */
function sizeAt(emit: Emitter, { sizes, length }: Ragged, batch: Value, g: Value, offset: Value): Value {
  const { k } = emit;
  const { shape } = sizes.aval;
  const leading = shape.slice(0, -1);
  const coords = [...Index.fromLinear(k, leading, batch).coords, g];
  const size = k.cast("i32", emit.read(sizes, Index.fromCoords(k, shape, coords)));
  return k.clamp(size, k.i32(0), k.sub(k.i32(length), offset));
}

/** The rows of tile `tile`, counted through all groups and then the rows that are in none: their group is one past the last. */
function findRows(
  emit: Emitter,
  ragged: Ragged,
  batch: Value,
  tile: Value,
  height: number,
): { group: Value; first: Value; end: Value } {
  const { k } = emit;
  const { groups } = ragged.plan;
  const [offset, before] = [k.variable(k.i32(0), "offset"), k.variable(k.i32(0), "before")];
  const [group, first, end] = [
    k.variable(k.i32(groups), "group"),
    k.variable(k.i32(0), "first"),
    k.variable(k.i32(0), "end"),
  ];
  k.loop(k.i32(0), k.i32(groups), k.i32(1), (g) => {
    const [start, done] = [k.get(offset), k.get(before)];
    const size = sizeAt(emit, ragged, batch, g, start);
    const tiles = k.div(k.add(size, k.i32(height - 1)), k.i32(height));
    const within = k.sub(tile, done);
    k.if(k.and(k.ge(within, k.i32(0)), k.lt(within, tiles)), () => {
      k.set(group, g);
      k.set(first, k.add(start, k.mul(within, k.i32(height))));
      k.set(end, k.add(start, size));
    });
    k.set(offset, k.add(start, size));
    k.set(before, k.add(done, tiles));
  });
  const beyond = k.sub(tile, k.get(before));
  k.if(k.ge(beyond, k.i32(0)), () => {
    k.set(first, k.add(k.get(offset), k.mul(beyond, k.i32(height))));
    k.set(end, k.i32(ragged.length));
  });
  return { group: k.get(group), first: k.get(first), end: k.get(end) };
}

/** Where group `g` begins and ends. */
function boundsOf(emit: Emitter, ragged: Ragged, batch: Value, g: Value): { start: Value; end: Value } {
  const { k } = emit;
  const offset = k.variable(k.i32(0), "offset");
  const last = { min: 0, max: Math.max(0, ragged.plan.groups - 1) };
  k.loop(k.i32(0), g, k.i32(1), (before) =>
    k.set(offset, k.add(k.get(offset), sizeAt(emit, ragged, batch, k.assume(before, last), k.get(offset)))),
  );
  const start = k.get(offset);
  const bounded = (v: Value): Value => k.assume(v, { min: 0, max: ragged.length });
  return { start: bounded(start), end: bounded(k.add(start, sizeAt(emit, ragged, batch, g, start))) };
}
