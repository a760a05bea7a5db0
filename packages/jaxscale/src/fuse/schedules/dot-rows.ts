/**
 * Matrix-vector products with rows of weights contiguous along the depth: a few lanes share the dot products of a few columns, or each
 * makes those of its own.
 */

import type { Var } from "../../jaxpr/ir.ts";
import type { KernelBuilder } from "../../kernel/builder.ts";
import type { Value, Variable } from "../../kernel/ir.ts";
import type { Emitter } from "../emitter.ts";
import { ceilDivide, invocationNumber, workgroupNumber } from "../grid.ts";
import type { Group } from "../group.ts";
import { emitterFor, gridFor, kernelName, type Launch, type ScheduleContext } from "../schedule.ts";
import { type Product, sideIndex, widen } from "./product.ts";
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
  const { gemvColumns, gemvLanes, gemvPackedAlone } = context.parameters;
  const invocations = product.batch * ceilDivide(product.columns, gemvColumns);
  // A workgroup of few columns would leave others idle.
  const enough = invocations >= (gemvLanes * context.target.traits.parallelWorkgroups) / 4;
  const alone = gemvPackedAlone && packing > 2 && enough;
  const width = product.columns === 1 ? 1 : Math.min(gemvColumns, product.columns);
  const groupsAcross = ceilDivide(product.columns, width);
  const grid = gridFor(product.batch * groupsAcross, alone ? gemvLanes : 1, context.target, context.part);
  const emit = emitterFor(group, context);
  const { k } = emit;
  const outputs = group.writes.map((v, i) => ({ v, view: emit.output(v, `out${i}`, needsMerge(v, product, width)) }));
  const number = alone ? invocationNumber(k, grid, gemvLanes) : workgroupNumber(k, grid);
  const total = product.batch * groupsAcross;
  const { target } = context;
  const team: Team = alone
    ? { lanes: 1, lane: k.i32(0), target }
    : { lanes: gemvLanes, lane: k.local(0, gemvLanes), target };

  k.if(k.lt(number, k.i32(total)), () => {
    const place = k.assume(number, { min: 0, max: total - 1 });
    const batch = k.div(place, k.i32(groupsAcross));
    const first = k.mul(k.rem(place, k.i32(groupsAcross)), k.i32(width));
    const column = (c: number): Value => {
      const at = k.add(first, k.i32(c));
      return product.columns % width === 0 ? at : k.min(at, k.i32(product.columns - 1));
    };
    const sums = accumulate(emit, product, team, batch, column, width, packing);
    const totals = sums.map((row) =>
      row.map((sum) => combineLanes(k, team, [k.get(sum)], ([a], [b]) => [k.add(a, b)])[0]),
    );
    k.if(k.eq(team.lane, k.i32(0)), () => {
      for (let row = 0; row < product.rows; row++)
        writeColumns(emit, product, outputs, batch, k.i32(row), first, totals[row], product.columns % width !== 0);
    });
  });
  return [
    { kernel: k.finish(kernelName(group, "_gemv"), [gemvLanes, 1, 1]), bindings: emit.bindings, workgroups: grid },
  ];
}

/** Packed results whose words are not wholly one invocation's are merged atomically. */
function needsMerge(v: Var, product: Product, width: number): boolean {
  const run = product.columns % width === 0 ? runOfColumns(product, width) : 1;
  return !fillsWords(v.aval.dtype, run);
}

/** Partial sums [row][column] of this lane: every `lanes`-th run of the depth. */
function accumulate(
  emit: Emitter,
  product: Product,
  team: Team,
  batch: Value,
  column: (c: number) => Value,
  width: number,
  packing: number,
): Variable[][] {
  const { k } = emit;
  const zero = widen(k, product, k.i32(0));
  const sums = Array.from({ length: product.rows }, () => Array.from({ length: width }, () => k.variable(zero, "sum")));
  const run = runAlong(product, team.lanes, packing);
  k.loop(team.lane, k.i32(product.depth / run), k.i32(team.lanes), (iteration) => {
    const depth = (u: number): Value => k.add(k.mul(iteration, k.i32(run)), k.i32(u));
    const steps = Array.from({ length: run }, (_, u) => u);
    const rows = sums.map((_, i) =>
      steps.map((u) =>
        widen(k, product, emit.read(product.rowSide.atom, sideIndex(k, product.rowSide, batch, k.i32(i), depth(u)))),
      ),
    );
    for (let c = 0; c < width; c++) {
      const weights = steps.map((u) =>
        widen(
          k,
          product,
          emit.read(product.columnSide.atom, sideIndex(k, product.columnSide, batch, column(c), depth(u))),
        ),
      );
      sums.forEach((row, i) => {
        k.set(row[c], k.add(k.get(row[c]), dotOf(k, rows[i], weights)));
      });
    }
  });
  return sums;
}

const vector = 4;

/** Elements that a lane takes in one iteration: of narrow ones a vector of words, fewer of several rows, so that every lane has some. */
function runAlong({ depth, rows }: Product, lanes: number, packing: number): number {
  const most = packing > 2 ? packing * Math.max(1, Math.floor(vector / rows)) : vector;
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
