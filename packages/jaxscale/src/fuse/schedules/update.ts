/** Updates of part of an array, in place on memory that already holds the rest. */
import { elementsPerWord } from "../../base/dtypes.ts";
import { invariant } from "../../base/errors.ts";
import { sizeOf } from "../../base/shapes.ts";
import type { Params } from "../../jaxpr/ir.ts";
import { Index } from "../../kernel/index-space.ts";
import type { Value } from "../../kernel/ir.ts";
import type { InPlace, Read, UpdateLowering, UpdateSteps } from "../../primitives/primitive.ts";
import { contextOf, rules } from "../graph.ts";
import { invocationNumber } from "../grid.ts";
import type { Group } from "../group.ts";
import { emitterFor, gridFor, kernelName, type Launch, type ScheduleContext } from "../schedule.ts";
import { scheduleMap } from "./map.ts";
import { fillsWords, storeRun } from "./store.ts";

export interface UpdateSchedule {
  readonly launches: readonly Launch[];
  /** The kernels write only what changes: these results begin as operands' memory, aliased or copied. */
  readonly inPlace: readonly InPlace[];
}
const onOperand: readonly InPlace[] = [{ operand: 0, result: 0 }];

export function scheduleUpdate(group: Group, context: ScheduleContext): UpdateSchedule {
  const [eqn] = group.members;
  const { lowering } = rules(eqn);
  invariant(lowering.kind === "update", "an update group has an update");
  if (lowering.window) return { launches: writeWindow(group, lowering, context), inPlace: onOperand };
  if (lowering.steps && worthStepping(group, lowering.steps))
    return { launches: writeSteps(group, lowering.steps, context), inPlace: onOperand };
  return { launches: scheduleMap(group, context), inPlace: [] };
}

/** Every invocation makes one element of the window (or one word of it, where rows of the window are whole words). */
function writeWindow(group: Group, lowering: UpdateLowering<Params>, context: ScheduleContext): readonly Launch[] {
  const [eqn] = group.members;
  const [result] = eqn.outputs;
  const at = contextOf(eqn);
  const emit = emitterFor(group, context);
  const { k } = emit;
  const window = lowering.window?.(k, (i, index) => emit.read(eqn.inputs[i], index), at);
  invariant(window, "the update has a window");
  const size = sizeOf(window.sizes);
  if (size === 0) return [];
  const lanes = wholeWords(result.aval.shape, window.sizes, elementsPerWord(result.aval.dtype));
  const view = emit.output(result, "out0", !fillsWords(result.aval.dtype, lanes));
  const items = size / lanes;
  const workgroup = Math.min(items, context.parameters.mapWorkgroup);
  const grid = gridFor(items, workgroup, context.target, context.part);
  const number = invocationNumber(k, grid, workgroup);
  k.if(k.lt(number, k.i32(items)), () => {
    const first = k.mul(k.assume(number, { min: 0, max: items - 1 }), k.i32(lanes));
    const place = (lane: number): { position: Value; value: Value } => {
      const local = Index.fromLinear(k, window.sizes, k.add(first, k.i32(lane)));
      const global = local.coords.map((c, axis) => k.add(window.start[axis], c));
      return { position: Index.fromCoords(k, result.aval.shape, global).linear, value: window.element(local) };
    };
    const places = Array.from({ length: lanes }, (_, lane) => place(lane));
    storeRun(
      k,
      view,
      places[0].position,
      places.map((p) => p.value),
    );
  });
  return [{ kernel: k.finish(kernelName(group), [workgroup, 1, 1]), bindings: emit.bindings, workgroups: grid }];
}

/** Lanes of a word that one invocation may write whole: all, if every row of the window begins and ends at a word. */
function wholeWords(shape: readonly number[], sizes: readonly number[], lanes: number): number {
  if (lanes === 1) return 1;
  // The rows of the window: axes that it covers wholly, and the first before them that it does not.
  let stride = 1;
  let axis = shape.length - 1;
  while (axis >= 0 && sizes[axis] === shape[axis]) stride *= shape[axis--];
  return stride % lanes === 0 ? lanes : 1;
}

/** Whether to go through updates one by one: when they run at once, or each result element looking at all updates is more work. */
function worthStepping(group: Group, steps: UpdateSteps<Params>): boolean {
  const [eqn] = group.members;
  const { count, independent } = steps.plan(contextOf(eqn));
  return independent || sizeOf(eqn.outputs[0].aval.shape) * count > 1 << 20;
}

/** Every invocation walks the steps of one item, or of the items that share a word; independent steps each get their own. */
function writeSteps(group: Group, steps: UpdateSteps<Params>, context: ScheduleContext): readonly Launch[] {
  const [eqn] = group.members;
  const [result] = eqn.outputs;
  const at = contextOf(eqn);
  const { items, count, independent, run } = steps.plan(at);
  const size = sizeOf(items);
  if (size * count === 0) return [];
  const emit = emitterFor(group, context);
  const { k } = emit;
  const perWord = elementsPerWord(result.aval.dtype);
  const lanes = perWord > 1 && run % perWord === 0 ? perWord : 1;
  const view = emit.output(result, "out0", !fillsWords(result.aval.dtype, lanes));
  const walks = size / lanes;
  const invocations = independent ? walks * count : walks;
  const workgroup = Math.min(invocations, context.parameters.mapWorkgroup);
  const grid = gridFor(invocations, workgroup, context.target, context.part);
  const number = invocationNumber(k, grid, workgroup);
  const read: Read = (i, index) => emit.read(eqn.inputs[i], index);

  const write = (walk: Value, step: Value): void => {
    const touched = Array.from({ length: lanes }, (_, lane) => {
      const item = Index.fromLinear(k, items, k.add(k.mul(walk, k.i32(lanes)), k.i32(lane)));
      return steps.at(k, item, step, read, at);
    });
    k.if(touched[0].valid, () => {
      const positions = touched.map((t) => t.index.linear);
      const values = touched.map((t, lane) =>
        emit.round(result, steps.combine ? steps.combine(k, view.element(positions[lane]), t.update()) : t.update()),
      );
      storeRun(k, view, positions[0], values);
    });
  };
  k.if(k.lt(number, k.i32(invocations)), () => {
    const own = k.assume(number, { min: 0, max: invocations - 1 });
    if (independent) write(k.div(own, k.i32(count)), k.rem(own, k.i32(count)));
    else k.loop(k.i32(0), k.i32(count), k.i32(1), (step) => write(own, step));
  });
  return [{ kernel: k.finish(kernelName(group), [workgroup, 1, 1]), bindings: emit.bindings, workgroups: grid }];
}
