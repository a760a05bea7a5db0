/** An exchange step on one of the GPUs that run a program. */
import { calledAt } from "../base/call-site.ts";
import { DeviceError, invariant } from "../base/errors.ts";
import type { ExchangeStep, Program, Step } from "../kernel/program.ts";
import type { DeviceRange } from "./device-range.ts";
import type { Exchange } from "./transport.ts";

/** Where one of the GPUs is that run a program together. */
export interface GpuLocation {
  /** Their numbers, in row-major order of their places along `Program.gpuAxes`. */
  readonly gpus: readonly number[];
  /** Index of this one in `gpus`. */
  readonly index: number;
}

export const isSameLocation = (a: GpuLocation | undefined, b: GpuLocation | undefined): boolean =>
  a?.index === b?.index && String(a?.gpus) === String(b?.gpus);

export function axisIndex({ name, gpuAxes = [] }: Program, axis: string): number {
  const index = gpuAxes.findIndex((a) => a.name === axis);
  invariant(index >= 0, `${name} has no axis ${axis} of GPUs`);
  return index;
}

/** The place of a GPU along each axis. @throws DeviceError unless there are as many GPUs as the axes have places */
export function placesOf({ name, gpuAxes = [] }: Program, location: GpuLocation | undefined): readonly number[] {
  const needed = gpuAxes.reduce((product, { size }) => product * size, 1);
  const got = location?.gpus.length ?? 1;
  if (location === undefined || got !== needed) {
    const sizes = gpuAxes.map((axis) => `${axis.name}=${axis.size}`).join(", ");
    throw new DeviceError(`${name}: must be called on ${needed} GPUs (${sizes}); got a call on ${got}`);
  }
  const places: number[] = [];
  let rest = location.index;
  for (const { size } of [...gpuAxes].reverse()) {
    places.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return places;
}

/** @param rangeOf a slot from its start */
export function planExchange(
  program: Program,
  step: ExchangeStep,
  location: GpuLocation | undefined,
  rangeOf: (slot: number, sizeBytes: number) => DeviceRange,
): Exchange {
  const { collective, dtype, combine, pairs, axes } = step;
  const places = placesOf(program, location);
  const { gpuAxes = [] } = program;
  const axisNumbers = axes.map((axis) => axisIndex(program, axis));
  let members: readonly (readonly number[])[] = [places];
  for (const axis of axisNumbers)
    members = members.flatMap((at) => Array.from({ length: gpuAxes[axis].size }, (_, i) => at.with(axis, i)));
  const indexOf = (at: readonly number[]): number => at.reduce((index, place, i) => index * gpuAxes[i].size + place, 0);
  const own = indexOf(places);
  const indices = members.map(indexOf);
  const folds = collective === "allReduce" || collective === "reduceScatter";
  invariant(!folds || combine !== undefined, `${collective} needs to know how elements combine`);
  const toBytes = {
    allReduce: 1,
    permute: 1,
    allToAll: 1,
    allGather: indices.length,
    reduceScatter: 1 / indices.length,
  };
  const words = Math.ceil(step.sizeBytes / 4);
  const partWords = collective === "allToAll" || collective === "reduceScatter" ? words / indices.length : words;
  invariant(
    Number.isInteger(partWords),
    `${collective} of ${step.sizeBytes} bytes in ${indices.length} parts, not of whole words`,
  );
  return {
    collective,
    dtype,
    combine,
    pairs,
    group: indices.map((index) => (location as GpuLocation).gpus[index]),
    place: indices.indexOf(own),
    from: rangeOf(step.from, 4 * words),
    to: rangeOf(step.to, 4 * words * toBytes[collective]),
    describe: () => describeExchange(program, step),
  };
}

function describeExchange({ name }: Program, { collective, axes, origin: { operations, site } }: ExchangeStep): string {
  const made = operations.length > 0 ? ` for ${operations.join(", ")}` : "";
  return `${name}: ${collective}${made} over axis ${axes.join(", ")}${site ? calledAt(site) : ""}`;
}

/** The first exchange of a program, for messages; undefined if it has none. */
export function describeFirstExchange(program: Program): string | undefined {
  const find = (steps: readonly Step[]): ExchangeStep | undefined => {
    for (const step of steps) {
      const found = step.kind === "loop" ? find(step.body) : step;
      if (found?.kind === "exchange") return found;
    }
    return undefined;
  };
  const first = find(program.segments.flatMap(({ steps }) => steps));
  return first && describeExchange(program, first);
}
