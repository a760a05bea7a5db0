/** From a program's steps to those of one device: buffers, bind groups and immediates chosen, nothing left to look up. */
import { estimateSeconds } from "../kernel/duration.ts";
import type { Program, Step } from "../kernel/program.ts";
import type { GroupEntry, GroupRecipe } from "./bind-group-cache.ts";
import type { Block, PooledBuffer } from "./buffer-pool.ts";
import { DeviceRange } from "./device-range.ts";
import { uniformBytes, uniformConstants, type Values, ValueTable } from "./immediates.ts";
import type { Pipeline } from "./pipeline-cache.ts";
import { axisIndex, type GpuLocation, placesOf, planExchange } from "./plan-exchange.ts";
import type { DispatchStep, LoopStep, PlannedStep } from "./planned-step.ts";
import type { SlotTable } from "./slot-table.ts";
import type { Home } from "./storage.ts";

/** A loop of more dispatches is not encoded at once: the commands would fill the memory, and the call would block. */
const maxAtOnce = 50_000;

export interface StepPlan {
  readonly segments: readonly (readonly PlannedStep[])[];
  /** How to make the bind groups that dispatches name. */
  readonly recipes: readonly GroupRecipe[];
  /** Immediates that are constants, for a device without immediates. */
  readonly uniforms: GPUBuffer | undefined;
}

/** Whether a step ends only when the host has heard from the device. */
export function waits(step: Step): boolean {
  if (step.kind === "exchange") return true;
  if (step.kind !== "loop") return false;
  return isOpen(step) || dispatchesIn(step) > maxAtOnce || step.body.some(waits);
}

const exchanges = (step: Step): boolean =>
  step.kind === "exchange" || (step.kind === "loop" && step.body.some(exchanges));

const isOpen = (step: Step & { kind: "loop" }): boolean => step.trips === null;

/** A loop without a number of iterations counts as one iteration. */
const dispatchesIn = (step: Step): number =>
  step.kind === "loop" ? (step.trips ?? 1) * total(step.body, dispatchesIn) : step.kind === "dispatch" ? 1 : 0;

const total = (steps: readonly Step[], of: (step: Step) => number): number =>
  steps.reduce((sum, step) => sum + of(step), 0);

export function planSteps(
  home: Home,
  program: Program,
  pipelines: readonly Pipeline[],
  table: SlotTable,
  arenas: readonly Block[],
  constants: readonly Block[],
  location: GpuLocation | undefined,
  buffers: readonly PooledBuffer[],
): StepPlan {
  const recipes: GroupRecipe[] = [];
  const values = new ValueTable();
  const valuesOf = ({ kernel, immediates = [] }: Step & { kind: "dispatch" }): Values | undefined => {
    const space = pipelines[kernel].immediates;
    if (space === "none") return undefined;
    const known = immediates.map((value) =>
      typeof value === "object" && "gpu" in value ? placeAlong(value.gpu) : value,
    );
    return values.valuesOf(program.kernels[kernel], known, space);
  };
  const placeAlong = (axis: string): number => placesOf(program, location)[axisIndex(program, axis)];
  const rangeOf = (slot: number, sizeBytes: number): DeviceRange =>
    new DeviceRange(home, [...table.ranges(slot, sizeBytes, arenas, constants)], buffers);
  const fixed = new Set<Values>();
  const findFixed = (step: Step): void => {
    if (step.kind === "loop") step.body.forEach(findFixed);
    if (step.kind !== "dispatch") return;
    const found = valuesOf(step);
    if (found?.space === "uniform" && found.iterations.length === 0) fixed.add(found);
  };
  for (const { steps } of program.segments) steps.forEach(findFixed);
  const uniforms = fixed.size > 0 ? uniformConstants(home.gpu, fixed) : undefined;

  const planDispatch = (step: Step & { kind: "dispatch" }): DispatchStep => {
    const entries: GroupEntry[] = step.bindings.map(({ slot, offsetBytes, sizeBytes }, binding) => ({
      binding,
      ...table.place(slot, offsetBytes ?? 0, sizeBytes, arenas, constants),
    }));
    const own = valuesOf(step);
    if (own?.space === "uniform") {
      const offset = uniforms?.offsets.get(own);
      const buffer = offset === undefined ? home.commands.turnRows.buffer : (uniforms?.buffer as GPUBuffer);
      entries.push({ binding: entries.length, buffer, offset: offset ?? 0, size: uniformBytes(own) });
    }
    recipes.push({
      layout: pipelines[step.kernel].layout,
      entries,
      dynamic: entries.flatMap(({ buffer }) => (typeof buffer === "number" ? [buffer] : [])),
    });
    const [x, y, z] = step.workgroups;
    return {
      kind: "dispatch",
      kernel: program.kernels[step.kernel].name,
      code: program.kernels[step.kernel],
      pipeline: pipelines[step.kernel].gpu,
      group: recipes.length - 1,
      x,
      y,
      z,
      values: own,
      origin: step.origin,
    };
  };
  const planLoop = (step: Step & { kind: "loop" }): LoopStep => {
    const seconds = (s: Step): number => estimateSeconds(s, home.target.traits);
    const own = step.body.filter((s) => s.kind !== "loop");
    return {
      kind: "loop",
      depth: step.depth,
      trips: step.trips ?? Number.POSITIVE_INFINITY,
      body: step.body.flatMap(plan),
      flag: step.flag === undefined ? undefined : table.place(step.flag, 0, 4, arenas, constants),
      waits: waits(step),
      exchanges: exchanges(step),
      turnDispatches: total(step.body, dispatchesIn),
      turnSeconds: total(step.body, seconds),
      ownSeconds: total(own, seconds),
    };
  };
  const plan = (step: Step): readonly PlannedStep[] => {
    switch (step.kind) {
      case "copy":
        return [...table.pieces(step.from, step.to, step.sizeBytes, arenas, constants)].map(
          ({ source, destination }) => ({
            kind: "copy",
            from: source,
            to: destination,
            origin: { ...step.origin, bytes: 2 * source.size },
          }),
        );
      case "dispatch":
        return step.workgroups.includes(0) ? [] : [planDispatch(step)];
      case "exchange":
        return step.sizeBytes === 0
          ? []
          : [{ kind: "exchange", exchange: planExchange(program, step, location, rangeOf) }];
      case "loop": {
        const loop = planLoop(step);
        return loop.body.length === 0 || loop.trips === 0 ? [] : [loop];
      }
    }
  };
  const segments = program.segments.map(({ steps }) => steps.flatMap(plan));
  return { segments, recipes, uniforms: uniforms?.buffer };
}
