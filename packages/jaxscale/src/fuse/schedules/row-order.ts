/** The order of long rows: tiles put in order by rank, then runs merged, each pass doubling their length. Stable throughout, without shared memory. */
import { DeviceError } from "../../base/errors.ts";
import type { KernelBuilder } from "../../kernel/builder.ts";
import type { BufferDecl, Value } from "../../kernel/ir.ts";
import type { Bound, Emitter, Scratch } from "../emitter.ts";
import { ceilDivide, invocationNumber } from "../grid.ts";
import type { Group } from "../group.ts";
import { emitterFor, gridFor, kernelName, type Launch, type ScheduleContext } from "../schedule.ts";

/** Rows that are put in order together, out of a longer list of them. */
export interface RowBatch {
  readonly first: number;
  readonly rows: number;
  readonly columns: number;
  /** Elements from one row to the next in scratch memory. */
  readonly stride: number;
}

/** What orders the elements of a row. */
export interface RowKeys {
  readonly count: number;
  /** Key `key` of the element at a column of a row, a u32. */
  readonly at: (emit: Emitter, key: number, row: Value, column: Value) => Value;
}

/** Rows in as few batches as the device's bindings allow. @throws DeviceError for a row that is too long */
export function rowBatches(op: string, rows: number, columns: number, { target }: ScheduleContext): RowBatch[] {
  const stride = lanes * ceilDivide(columns, lanes);
  const room = Math.floor(target.limits.maxStorageBufferBindingSize / 4);
  const most = Math.floor(room / stride);
  if (most === 0) throw new DeviceError(`${op}: a row may have ${room} elements on ${target.name}; got ${columns}`);
  return Array.from({ length: ceilDivide(rows, most) }, (_, i) => ({
    first: i * most,
    rows: Math.min(most, rows - i * most),
    columns,
    stride,
  }));
}

/** Keys that are compared at once. */
const lanes = 4;
/** Elements of a tile. */
const tileSize = 64;
/** Elements that one invocation merges; divides `tileSize`. */
const mergeLength = 8;

/** Keys in some order, and the columns that they come from. */
interface Pass {
  readonly keys: Scratch;
  readonly order: Scratch;
}

/** Launches that leave, in `order`, the column (an i32) that each place of each row of the batch gets its element from. */
export function orderRows(
  group: Group,
  context: ScheduleContext,
  batch: RowBatch,
  keys: RowKeys,
): { readonly launches: readonly Launch[]; readonly order: Scratch } {
  const sizeBytes = 4 * batch.rows * batch.stride;
  const scratch = (name: string): Scratch => ({ kind: "scratch", name, sizeBytes });
  const pass = (name: string): Pass => ({ keys: scratch(`keys_${name}`), order: scratch(`order_${name}`) });
  const [even, odd] = [pass("even"), pass("odd")];
  const merge = batch.columns > tileSize ? mergeKernel(group, context, batch, even, odd) : undefined;
  const launches: Launch[] = [];
  let [now, next] = [odd, even];
  // The least significant key first: later sorts keep its order among equals.
  for (let key = keys.count - 1; key >= 0; key--) {
    const before = key < keys.count - 1 ? now.order : undefined;
    // Sorted keys of the key before are no longer needed: this one's take their place, and go from there to the other.
    launches.push(keyKernel(group, context, batch, keys, key, before, now.keys));
    launches.push(tileKernel(group, context, batch, now.keys, before, next));
    [now, next] = [next, now];
    for (let run = tileSize; merge && run < batch.columns; run *= 2) {
      const memory = new Map<Bound["memory"], Scratch>([
        [even.keys, now.keys],
        [even.order, now.order],
        [odd.keys, next.keys],
        [odd.order, next.order],
      ]);
      const bindings = merge.bindings.map((b) => ({ ...b, memory: memory.get(b.memory) ?? b.memory }));
      launches.push({ ...merge, bindings, immediates: { run } });
      [now, next] = [next, now];
    }
  }
  return { launches, order: now.order };
}

/** A kernel with one invocation for each of `perRow` parts of each row of a batch. */
function rowKernel(
  group: Group,
  context: ScheduleContext,
  suffix: string,
  { rows, stride }: RowBatch,
  perRow: number,
  write: (emit: Emitter) => (part: { row: Value; rowStart: Value; part: Value }) => void,
): Launch {
  const items = rows * perRow;
  const workgroup = Math.min(context.parameters.mapWorkgroup, items);
  const grid = gridFor(items, workgroup, context.target, context.part);
  const emit = emitterFor(group, context);
  const { k } = emit;
  const body = write(emit);
  const number = invocationNumber(k, grid, workgroup);
  k.if(k.lt(number, k.i32(items)), () => {
    const own = k.assume(number, { min: 0, max: items - 1 });
    const row = k.div(own, k.i32(perRow));
    body({ row, rowStart: k.mul(row, k.i32(stride)), part: k.rem(own, k.i32(perRow)) });
  });
  const kernel = k.finish(kernelName(group, suffix), [workgroup, 1, 1]);
  return { kernel, bindings: emit.bindings, workgroups: grid };
}

/** Computes keys, in the order that earlier sorts left. */
const keyKernel = (
  group: Group,
  context: ScheduleContext,
  batch: RowBatch,
  keys: RowKeys,
  key: number,
  before: Scratch | undefined,
  to: Scratch,
): Launch =>
  rowKernel(group, context, "_keys", batch, batch.stride, (emit) => {
    const { k } = emit;
    const order = before && emit.scratch(before, "i32", "read");
    const out = emit.scratch(to, "u32", "read_write");
    const last = k.i32(batch.columns - 1);
    return ({ row, rowStart, part }) => {
      const place = k.min(part, last);
      const column = order ? k.clamp(k.load(order, k.add(rowStart, place)), k.i32(0), last) : place;
      const value = keys.at(emit, key, batch.first === 0 ? row : k.add(row, k.i32(batch.first)), column);
      // Places beyond the row's end come after all others.
      k.store(out, k.add(rowStart, part), k.select(k.le(part, last), value, k.u32(0xffffffff)));
    };
  });

/** Puts every element where it belongs within its tile. */
const tileKernel = (
  group: Group,
  context: ScheduleContext,
  batch: RowBatch,
  from: Scratch,
  before: Scratch | undefined,
  to: Pass,
): Launch =>
  rowKernel(group, context, "_tiles", batch, batch.columns, (emit) => {
    const { k } = emit;
    const keysIn = emit.scratch(from, "u32", "read");
    const order = before && emit.scratch(before, "i32", "read");
    const keysOut = emit.scratch(to.keys, "u32", "read_write");
    const orderOut = emit.scratch(to.order, "i32", "read_write");
    return ({ rowStart, part }) => {
      const start = k.mul(k.div(part, k.i32(tileSize)), k.i32(tileSize));
      const own = k.load(keysIn, k.add(rowStart, part));
      const rank = rankIn(k, keysIn, rowStart, start, batch.stride, own, part);
      const target = k.add(rowStart, k.clamp(k.add(start, rank), k.i32(0), k.i32(batch.columns - 1)));
      k.store(keysOut, target, own);
      k.store(orderOut, target, order ? k.load(order, k.add(rowStart, part)) : part);
    };
  });

/** How many elements of the tile come before the one at `place`. */
function rankIn(
  k: KernelBuilder,
  keys: BufferDecl,
  rowStart: Value,
  start: Value,
  stride: number,
  own: Value,
  place: Value,
): Value {
  const splat = (x: Value): Value => k.splat(x, lanes);
  const counts = k.variable(splat(k.i32(0)), "counts");
  const [mine, here] = [splat(own), splat(k.sub(place, start))];
  const steps = k.vec([0, 1, 2, 3].map(k.i32));
  const runs = k.div(k.min(k.i32(tileSize), k.sub(k.i32(stride), start)), k.i32(lanes));
  k.loop(k.i32(0), runs, k.i32(1), (run) => {
    const offset = k.mul(run, k.i32(lanes));
    const column = k.assume(k.add(start, offset), { min: 0, max: stride - lanes });
    const others = k.load(keys, k.add(rowStart, k.mul(k.div(column, k.i32(lanes)), k.i32(lanes))), lanes);
    const earlier = k.lt(k.add(splat(offset), steps), here);
    const before = k.select(earlier, k.le(others, mine), k.lt(others, mine));
    k.set(counts, k.add(k.get(counts), k.select(before, splat(k.i32(1)), splat(k.i32(0)))));
  });
  const total = k.get(counts);
  return [1, 2, 3].reduce((sum, lane) => k.add(sum, k.lane(total, lane)), k.lane(total, 0));
}

/** Each invocation makes some consecutive elements of two runs merged; how long runs are is an immediate, so that one kernel serves all passes. */
const mergeKernel = (group: Group, context: ScheduleContext, batch: RowBatch, from: Pass, to: Pass): Launch =>
  rowKernel(group, context, "_merge", batch, ceilDivide(batch.columns, mergeLength), (emit) => {
    const { k } = emit;
    const keysIn = emit.scratch(from.keys, "u32", "read");
    const orderIn = emit.scratch(from.order, "i32", "read");
    const keysOut = emit.scratch(to.keys, "u32", "read_write");
    const orderOut = emit.scratch(to.order, "i32", "read_write");
    const run = k.immediate("run", "i32", { min: tileSize, max: 2 ** 30 });
    const [zero, one, columns] = [0, 1, batch.columns].map(k.i32);
    return ({ rowStart, part }) => {
      const start = k.mul(part, k.i32(mergeLength));
      const place = (column: Value): Value => k.add(rowStart, k.clamp(column, zero, k.sub(columns, one)));
      const keyAt = (column: Value): Value => k.load(keysIn, place(column));

      // Two runs: [left, middle) and [middle, end). This invocation's share begins `skip` elements into the merged one.
      const pair = k.div(part, k.div(run, k.i32(mergeLength / 2)));
      const left = k.mul(k.mul(pair, k.i32(2)), run);
      const middle = k.min(k.add(left, run), columns);
      const end = k.min(k.add(middle, run), columns);
      const skip = k.sub(start, left);

      // How many of the skipped elements are the left run's: by bisection.
      const low = k.variable(k.max(zero, k.sub(skip, k.sub(end, middle))), "low");
      const high = k.variable(k.min(skip, k.sub(middle, left)), "high");
      k.while(
        () => k.lt(k.get(low), k.get(high)),
        () => {
          const [lowest, highest] = [k.get(low), k.get(high)];
          const half = k.div(k.add(lowest, highest), k.i32(2));
          const fromRight = k.sub(k.add(middle, k.sub(skip, half)), one);
          const takes = k.le(keyAt(k.add(left, half)), keyAt(fromRight));
          k.set(low, k.select(takes, k.add(half, one), lowest));
          k.set(high, k.select(takes, highest, half));
        },
      );
      const taken = k.get(low);
      const i = k.variable(k.add(left, taken), "i");
      const j = k.variable(k.add(middle, k.sub(skip, taken)), "j");
      const a = k.variable(keyAt(k.get(i)), "a");
      const b = k.variable(keyAt(k.get(j)), "b");
      k.loop(start, k.min(k.add(start, k.i32(mergeLength)), columns), one, (target) => {
        const [leftAt, rightAt, leftKey, rightKey] = [i, j, a, b].map(k.get);
        const takesLeft = k.and(k.lt(leftAt, middle), k.or(k.ge(rightAt, end), k.le(leftKey, rightKey)));
        const source = k.select(takesLeft, leftAt, rightAt);
        k.store(keysOut, place(target), k.select(takesLeft, leftKey, rightKey));
        k.store(orderOut, place(target), k.load(orderIn, place(source)));
        const following = k.add(source, one);
        const key = keyAt(following);
        k.set(a, k.select(takesLeft, key, leftKey));
        k.set(b, k.select(takesLeft, rightKey, key));
        k.set(i, k.select(takesLeft, following, leftAt));
        k.set(j, k.select(takesLeft, rightAt, following));
      });
    };
  });
