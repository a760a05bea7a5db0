/** Rows of devices in the order of their receivers, within a GPU and between several. */
import { shapedArray } from "../jaxpr/ir.ts";
import type { OpBuilder, Operand } from "./op-builder.ts";

/** Rows of x by number, zeros for those without one; neighbours that stay neighbours are one slice. */
export function takeRows(ops: OpBuilder, x: Operand, sources: readonly (number | undefined)[]): Operand {
  const { shape, dtype, weakType } = x.aval;
  const [, ...row] = shape;
  const rows: Operand[] = [];
  for (let to = 0; to < sources.length; ) {
    const first = sources[to];
    let count = 1;
    const continues = (): boolean => sources[to + count] === (first === undefined ? undefined : first + count);
    while (to + count < sources.length && continues()) count++;
    rows.push(
      first === undefined
        ? ops.convert(ops.zeros(shapedArray([count, ...row], dtype)), dtype, weakType)
        : ops.slice(x, [first, ...row.map(() => 0)], [first + count, ...row]),
    );
    to += count;
  }
  return ops.concatenate(rows, 0);
}

/** Who sends to whom along an axis of `gpus` times as many devices as x has rows. */
interface BetweenGpus {
  readonly axes: readonly string[];
  readonly gpus: number;
  /** Senders by their receivers. */
  readonly senders: ReadonlyMap<number, number>;
}

/**
 * The rows that a GPU's devices receive. GPUs that are equally far from each other send in one exchange the rows between the
 * first and the last that any of them is asked for.
 */
export function permutedBetweenGpus(ops: OpBuilder, x: Operand, { axes, gpus, senders }: BetweenGpus): Operand {
  const [size, ...row] = x.aval.shape;
  const pool: Operand[] = [x];
  /** Row of the pool that a receiver gets, by the receiver. */
  const found = new Map<number, number>();
  let pooled = size;
  for (let distance = 0; distance < gpus; distance++) {
    const links = [...senders].flatMap(([to, from]) => {
      const [sender, receiver] = [Math.floor(from / size), Math.floor(to / size)];
      return (receiver - sender + gpus) % gpus === distance ? [{ sender, receiver, to, row: from % size }] : [];
    });
    if (distance === 0) for (const link of links) found.set(link.to, link.row);
    if (distance === 0 || links.length === 0) continue;
    const first = Math.min(...links.map((link) => link.row));
    const end = 1 + Math.max(...links.map((link) => link.row));
    const sent = ops.slice(x, [first, ...row.map(() => 0)], [end, ...row]);
    const pairs = new Map(links.map(({ sender, receiver }) => [sender, receiver]));
    pool.push(ops.bind1("ppermute", [sent], { axes, axisSize: gpus, perm: [...pairs] }));
    for (const link of links) found.set(link.to, pooled + link.row - first);
    pooled += end - first;
  }
  // Of several GPUs one may receive where another does not.
  const rows = takeRows(ops, ops.concatenate(pool, 0), [...Array(pooled).keys(), undefined]);
  const sources = Array.from({ length: size }, (_, to) =>
    Array.from({ length: gpus }, (_, gpu) => found.get(gpu * size + to) ?? pooled),
  );
  const isSame = sources.every((ofGpus) => ofGpus.every((source) => source === ofGpus[0]));
  if (isSame)
    return takeRows(
      ops,
      rows,
      sources.map(([source]) => source),
    );
  const place = ops.bind1("axis_index", [], { axes });
  const picked = sources.map((ofGpus) => {
    const start = ofGpus.reduce(
      (other, source, gpu) => ops.select(ops.eq(place, gpu), ops.literal(source, "int32"), other),
      ops.literal(ofGpus[0], "int32"),
    );
    const starts = [start, ...row.map(() => ops.literal(0, "int32"))];
    return ops.bind1("dynamic_slice", [rows, ...starts], { sliceSizes: [1, ...row] });
  });
  return ops.concatenate(picked, 0);
}
