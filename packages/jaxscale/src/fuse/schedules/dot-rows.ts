/**
 * Matrix-vector products with rows of weights contiguous along the depth: a few lanes share the dot products of a few columns, or each
 * makes those of its own.
 */

import type { Var } from "../../jaxpr/ir.ts";
import type { KernelBuilder } from "../../kernel/builder.ts";
import type { Value, Variable } from "../../kernel/ir.ts";
import type { Emitter } from "../emitter.ts";
import { ceilDivide, workgroupNumber } from "../grid.ts";
import type { Group } from "../group.ts";
import { emitterFor, gridFor, kernelName, type Launch, type ScheduleContext } from "../schedule.ts";
import { type Product, type Side, sideIndex, widen } from "./product.ts";
import { runOfColumns, writeColumns } from "./result-tile.ts";
import { fillsWords } from "./store.ts";
import { combineLanes, type Team } from "./team.ts";

/** @param packing elements to a word of the narrowest array that lies along the depth */
export function scheduleDotRows(
  group: Group,
  product: Product,
  context: ScheduleContext,
  packing: number,
): readonly Launch[] {
  const { gemvColumns, gemvLanes } = context.parameters;
  const width = product.columns === 1 ? 1 : Math.min(gemvColumns, product.columns);
  const groupsAcross = ceilDivide(product.columns, width);
  const total = product.batch * groupsAcross;
  const alone = areAlone(product, context, groupsAcross, packing);
  const lanes = alone ? gemvLanes : lanesFor(product, total, width, context);
  const workgroups = alone ? ceilDivide(total, lanes) : total;
  const grid = gridFor(workgroups, 1, context.target, context.part);
  const emit = emitterFor(group, context);
  const { k } = emit;
  const outputs = group.writes.map((v, i) => ({ v, view: emit.output(v, `out${i}`, needsMerge(v, product, width)) }));
  const number = workgroupNumber(k, grid);
  const lane = k.local(0, lanes);
  const team: Team = { lanes, lane, target: context.target };

  k.if(k.lt(number, k.i32(workgroups)), () => {
    const own = k.assume(number, { min: 0, max: workgroups - 1 });
    const wanted = alone ? k.add(k.mul(own, k.i32(lanes)), lane) : own;
    // Invocations beyond the last columns repeat them and store nothing.
    const place = k.min(wanted, k.i32(total - 1));
    const batch = k.div(place, k.i32(groupsAcross));
    const first = k.mul(k.rem(place, k.i32(groupsAcross)), k.i32(width));
    const column = (c: number): Value => {
      const at = k.add(first, k.i32(c));
      return product.columns % width === 0 ? at : k.min(at, k.i32(product.columns - 1));
    };
    const sums = accumulate(emit, product, { team, alone, batch, column, width, packing });
    const totals = sums.map((row) =>
      row.map((sum) => (alone ? k.get(sum) : combineLanes(k, team, [k.get(sum)], ([a], [b]) => [k.add(a, b)])[0])),
    );
    k.if(alone ? k.lt(wanted, k.i32(total)) : k.eq(lane, k.i32(0)), () => {
      for (let row = 0; row < product.rows; row++)
        writeColumns(emit, product, outputs, batch, k.i32(row), first, totals[row], product.columns % width !== 0);
    });
  });
  return [{ kernel: k.finish(kernelName(group, "_gemv"), [lanes, 1, 1]), bindings: emit.bindings, workgroups: grid }];
}

/**
 * Whether each invocation makes columns of its own, and they hand round the vector: of narrow weights, where the lanes are a whole subgroup,
 * all of one batch, and there are columns for enough workgroups.
 */
function areAlone(
  product: Product,
  { parameters, target }: ScheduleContext,
  groupsAcross: number,
  packing: number,
): boolean {
  const { gemvPackedAlone, gemvLanes: lanes } = parameters;
  const { min, max } = target.subgroupSize;
  const isSubgroup = target.features.subgroups && min === max && lanes === min;
  const inOneBatch = product.batch === 1 || groupsAcross % lanes === 0;
  const enough = product.batch * groupsAcross >= (lanes * target.traits.parallelWorkgroups) / 4;
  const handedRound = runAlong(product, 1, packing) % lanes === 0;
  return gemvPackedAlone && isNarrow(packing) && isSubgroup && inOneBatch && enough && handedRound;
}

/** Of few workgroups each has more invocations, which share the depth further, as far as shared memory holds their sums. */
function lanesFor(
  { rows, depth }: Product,
  workgroups: number,
  width: number,
  { parameters: { gemvLanes }, target: { traits, limits } }: ScheduleContext,
): number {
  if (traits.costlyWorkgroups) return gemvLanes;
  const fits = (lanes: number): boolean =>
    lanes <= Math.min(widestTeam, limits.maxComputeInvocationsPerWorkgroup, depth / vector) &&
    4 * rows * width * lanes <= limits.maxComputeWorkgroupStorageSize;
  let lanes = gemvLanes;
  while (workgroups * lanes < traits.parallelWorkgroups * gemvLanes && fits(2 * lanes)) lanes *= 2;
  return lanes;
}

/** Invocations of a workgroup at most. */
const widestTeam = 256;

/** Packed results whose words are not wholly one invocation's are merged atomically. */
function needsMerge(v: Var, product: Product, width: number): boolean {
  const run = product.columns % width === 0 ? runOfColumns(product, width) : 1;
  return !fillsWords(v.aval.dtype, run);
}

interface Columns {
  readonly team: Team;
  readonly alone: boolean;
  readonly batch: Value;
  readonly column: (c: number) => Value;
  readonly width: number;
  readonly packing: number;
}

/** Partial sums [row][column] of this lane: over the whole depth of columns of its own, or over every `lanes`-th run of it. */
function accumulate(
  emit: Emitter,
  product: Product,
  { team, alone, batch, column, width, packing }: Columns,
): Variable[][] {
  const { k } = emit;
  const zero = widen(k, product, k.i32(0));
  const sums = Array.from({ length: product.rows }, () => Array.from({ length: width }, () => k.variable(zero, "sum")));
  const run = runAlong(product, alone ? 1 : team.lanes, packing);
  const [start, step] = alone ? [k.i32(0), 1] : [team.lane, team.lanes];
  k.loop(start, k.i32(product.depth / run), k.i32(step), (iteration) => {
    const first = k.mul(iteration, k.i32(run));
    const readAt = (side: Side, free: Value, offset: Value): Value =>
      widen(k, product, emit.read(side.atom, sideIndex(k, side, batch, free, k.add(first, offset))));
    const steps = Array.from({ length: run }, (_, u) => u);
    const rows = sums.map((_, i) => {
      const row = (offset: Value): Value => readAt(product.rowSide, k.i32(i), offset);
      return alone ? handRound(k, team, run, row) : steps.map((u) => row(k.i32(u)));
    });
    for (let c = 0; c < width; c++) {
      const weights = steps.map((u) => readAt(product.columnSide, column(c), k.i32(u)));
      sums.forEach((row, i) => {
        k.set(row[c], k.add(k.get(row[c]), dotOf(k, rows[i], weights)));
      });
    }
  });
  return sums;
}

/** The elements of a run, of which each lane of a subgroup loads its share. */
function handRound(k: KernelBuilder, { lanes, lane }: Team, run: number, read: (offset: Value) => Value): Value[] {
  const share = run / lanes;
  const own = Array.from({ length: share }, (_, e) => read(k.add(k.mul(lane, k.i32(share)), k.i32(e))));
  return Array.from({ length: run }, (_, u) => k.subgroupBroadcast(own[u % share], Math.floor(u / share)));
}

const vector = 4;
/** Whether a vector of words holds more elements than a run of other arrays. */
const isNarrow = (packing: number): boolean => packing > 2;

/** Elements that a lane takes in one iteration: of narrow ones a vector of words, fewer of several rows, so that every lane has some. */
function runAlong({ depth, rows }: Product, lanes: number, packing: number): number {
  const most = isNarrow(packing) ? packing * Math.max(1, Math.floor(vector / rows)) : vector;
  for (let run = most; run > vector; run /= 2) if (depth % run === 0 && depth / run >= lanes) return run;
  return depth % vector === 0 ? vector : 1;
}

/** One addition to the loop-carried sum an iteration: a chain of multiply-adds would wait for each other. */
function dotOf(k: KernelBuilder, a: readonly Value[], b: readonly Value[]): Value {
  if (a.length === 1) return k.mul(a[0], b[0]);
  const parts: { sum: Value; readonly factor: Value | undefined }[] = [];
  for (let i = 0; i < a.length; i += vector) {
    const whole = b.slice(i, i + vector);
    // Of one vector, the products would only be formed in another order.
    const { factor, rest } = a.length > vector ? withoutFactor(whole) : { factor: undefined, rest: whole };
    const sum = k.dot(k.vec(a.slice(i, i + vector)), k.vec(rest));
    const last = parts.at(-1);
    if (last && last.factor === factor) last.sum = k.add(last.sum, sum);
    else parts.push({ sum, factor });
  }
  return parts.map(({ sum, factor }) => (factor ? k.mul(sum, factor) : sum)).reduce((x, y) => k.add(x, y));
}

/** What all of some values are multiplied by, such as the scale of a group of weights: their sum is multiplied instead. */
function withoutFactor(values: readonly Value[]): { readonly factor?: Value; readonly rest: readonly Value[] } {
  const isProduct = values.every(({ op }) => op === "mul");
  const factor = isProduct ? values[0].args.find((arg) => values.every((v) => v.args.includes(arg))) : undefined;
  if (!factor) return { rest: values };
  return { factor, rest: values.map(({ args: [x, y] }) => (x === factor ? y : x)) };
}
