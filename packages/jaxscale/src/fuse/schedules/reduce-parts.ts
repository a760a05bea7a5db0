/**
 * Few rows that are long: each is cut into parts, which workgroups fold side by side, a kernel for each level of reductions.
 * Partial results lie in scratch memory; the kernels after it combine them.
 */

import { KernelBuilder } from "../../kernel/builder.ts";
import type { BufferDecl, Value } from "../../kernel/ir.ts";
import { runLength } from "../../kernel/packed.ts";
import { extentOf, isTrailing } from "../domain.ts";
import type { Emitter, Scratch } from "../emitter.ts";
import { contextOf } from "../graph.ts";
import { ceilDivide, workgroupNumber } from "../grid.ts";
import type { Group } from "../group.ts";
import { emitterFor, gridFor, kernelName, type Launch, type ScheduleContext } from "../schedule.ts";
import {
  combineTeam,
  defineLevel,
  foldElements,
  type Reduction,
  type RowPlace,
  reductionLevels,
  rowOutputs,
  storeOutputs,
} from "./row-fold.ts";

/** Iterations of a lane that are worth a workgroup. */
const shortestWalk = 32;
/** Fewer parts would not make up for the further kernels. */
const fewestParts = 4;

/** Into how many parts the rows of a group are cut; 1: not at all. */
export function partsOf(group: Group, { parameters, target, graph, guards }: ScheduleContext): number {
  const { rows, columns } = group.domain;
  const longest = Math.floor(columns / (runLength * parameters.rowWorkgroup * shortestWalk));
  const parts = Math.min(ceilDivide(target.traits.parallelWorkgroups, rows), longest);
  if (parts < fewestParts) return 1;
  const scratches = reductionLevels(group, graph)
    .flat()
    .reduce((n, r) => n + accumulatorTypes(r).length, 0);
  const bindings = group.reads.size + group.writes.length + scratches + guards.length;
  return bindings <= target.limits.maxStorageBuffersPerShaderStage ? parts : 1;
}

export function scheduleReduceInParts(group: Group, context: ScheduleContext, parts: number): readonly Launch[] {
  const levels = reductionLevels(group, context.graph);
  const totals = levels.map((level, i) =>
    level.map((r, j) => accumulatorTypes(r).map((type, a) => totalsOf(type, `totals${i}_${j}_${a}`, group, parts))),
  );
  const folds = levels.map((level, stage) =>
    partKernel(group, context, parts, `_level${stage}`, (emit) => {
      const before = openLevels(emit, totals.slice(0, stage));
      const own = openLevels(emit, [totals[stage]], "read_write")[0];
      return (place, part) => {
        before.forEach((opened, i) => combineParts(place, levels[i], opened, parts));
        const { k } = emit;
        const sums = combineTeam(place, level, foldElements(place, level));
        const at = k.add(k.mul(place.row, k.i32(parts)), part);
        k.if(k.eq(place.team.lane, k.i32(0)), () =>
          own.forEach((opened, r) => opened.forEach((o, a) => storeWord(k, o, at, sums[r][a]))),
        );
      };
    }),
  );
  // Results of which a row has one are stored by one workgroup.
  const endParts = group.writes.some((v) => extentOf(group.domain, v.aval.shape) === "full") ? parts : 1;
  const end = partKernel(group, context, endParts, "", (emit) => {
    const before = openLevels(emit, totals);
    const outputs = rowOutputs(emit, group);
    return (place, part) => {
      before.forEach((opened, i) => combineParts(place, levels[i], opened, parts));
      storeOutputs(place, outputs, emit.k.eq(emit.k.add(place.team.lane, part), emit.k.i32(0)));
    };
  });
  return [...folds, end];
}

/** A workgroup for each part of each row. */
function partKernel(
  group: Group,
  context: ScheduleContext,
  parts: number,
  suffix: string,
  write: (emit: Emitter) => (place: RowPlace, part: Value) => void,
): Launch {
  const { domain } = group;
  const lanes = context.parameters.rowWorkgroup;
  const total = domain.rows * parts;
  const grid = gridFor(total, 1, context.target, context.part);
  const emit = emitterFor(group, context);
  const { k } = emit;
  const body = write(emit);
  const step = isTrailing(domain) && domain.columns % runLength === 0 ? runLength : 1;
  const iterations = domain.columns / step;
  const partIterations = ceilDivide(iterations, parts);
  const number = workgroupNumber(k, grid);
  k.if(k.lt(number, k.i32(total)), () => {
    const place = k.assume(number, { min: 0, max: total - 1 });
    const part = k.rem(place, k.i32(parts));
    const start = k.mul(part, k.i32(partIterations));
    const end = k.min(k.add(start, k.i32(partIterations)), k.i32(iterations));
    const team = { lanes, lane: k.local(0, lanes), target: context.target };
    body({ emit, team, group, row: k.div(place, k.i32(parts)), step, part: { start, end } }, part);
  });
  return { kernel: k.finish(kernelName(group, suffix), [lanes, 1, 1]), bindings: emit.bindings, workgroups: grid };
}

// ---- partial results -----------------------------------------------------------

type Word = BufferDecl["element"];

/** Memory for one accumulator of every part of every row. */
interface Totals {
  readonly scratch: Scratch;
  readonly element: Word;
  readonly isBool: boolean;
}
interface Opened {
  readonly buffer: BufferDecl;
  readonly isBool: boolean;
}

const accumulatorTypes = ({ eqn, lowering }: Reduction): readonly string[] =>
  lowering.initial(new KernelBuilder(), contextOf(eqn)).map((v) => v.type);

function totalsOf(type: string, name: string, { domain }: Group, parts: number): Totals {
  const isBool = type === "bool";
  const sizeBytes = 16 * ceilDivide(domain.rows * parts, 4);
  return { scratch: { kind: "scratch", name, sizeBytes }, element: isBool ? "u32" : (type as Word), isBool };
}

const openLevels = (
  emit: Emitter,
  levels: readonly Totals[][][],
  access: BufferDecl["access"] = "read",
): Opened[][][] =>
  levels.map((level) =>
    level.map((totals) =>
      totals.map(({ scratch, element, isBool }) => ({ buffer: emit.scratch(scratch, element, access), isBool })),
    ),
  );

function storeWord(k: KernelBuilder, { buffer, isBool }: Opened, at: Value, value: Value): void {
  k.store(buffer, at, isBool ? k.cast("u32", value) : value);
}
function loadWord(k: KernelBuilder, { buffer, isBool }: Opened, at: Value): Value {
  const word = k.load(buffer, at);
  return isBool ? k.ne(word, k.u32(0)) : word;
}

/** Folds the parts of the row, and makes the level's results known to all lanes. */
function combineParts(place: RowPlace, level: readonly Reduction[], opened: Opened[][], parts: number): void {
  const { emit, team, row } = place;
  const { k } = emit;
  const own = level.map(({ eqn, lowering }) => lowering.initial(k, contextOf(eqn)).map((v) => k.variable(v, "acc")));
  k.loop(team.lane, k.i32(parts), k.i32(team.lanes), (part) => {
    const at = k.add(k.mul(row, k.i32(parts)), part);
    level.forEach(({ eqn, lowering }, r) => {
      const words = opened[r].map((o) => loadWord(k, o, at));
      const folded = lowering.combine(k, own[r].map(k.get), words, contextOf(eqn));
      own[r].forEach((variable, i) => k.set(variable, folded[i]));
    });
  });
  defineLevel(
    place,
    level,
    combineTeam(
      place,
      level,
      own.map((variables) => variables.map(k.get)),
    ),
  );
}
