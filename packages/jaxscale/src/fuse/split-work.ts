/** Groups whose kernel would bind more than the device allows, in parts that each touch less. */

import { DeviceError, invariant } from "../base/errors.ts";
import { sizeOf } from "../base/shapes.ts";
import { windowBytes } from "../base/target.ts";
import type { AccessAnalysis } from "./access.ts";
import type { Bound, Scratch } from "./emitter.ts";
import { partImmediate } from "./grid.ts";
import type { Group } from "./group.ts";
import { kindOf } from "./kinds.ts";
import { storageBytes, windowCount } from "./memory-view.ts";
import { kernelName, type Launch, type Part, type ScheduleContext, type Scheduled } from "./schedule.ts";

/** Parts of a window at least: what needs smaller ones is refused. */
const smallestPart = 1 / 64;

/**
 * Kernels that bind several windows of an array choose between them at every access, so that parts are worth it wherever they bind less.
 * @throws DeviceError if even small parts need more bindings than the device has
 */
export function scheduleWithinLimits(group: Group, context: ScheduleContext, access: AccessAnalysis): Scheduled {
  const { limits, name } = context.target;
  const { schedule } = kindOf(group);
  invariant(schedule, `a ${group.kind} group has no kernels of its own`);
  const limit = limits.maxStorageBuffersPerShaderStage;
  const whole = schedule(group, context, access);
  let best = whole;
  let fewest = mostBindings(whole.launches);
  const part = (part: Part): readonly Launch[] => schedule(group, { ...context, part }, access).launches;
  for (const division of divisions(group, context)) {
    const launches = launchesOf(division, Math.min(limit, fewest), part);
    const most = mostBindings(launches);
    if (most < fewest) {
      fewest = most;
      best = { ...whole, launches };
    }
    if (fewest <= limit) return best;
  }
  if (fewest <= limit) return best;
  const isLarge = [...group.reads, ...group.writes].some((v) => windowCount(v.aval, context.target) > 1);
  const remedy = isLarge ? "Split the array that is larger than that" : "Give the operation fewer operands at once";
  throw new DeviceError(
    `${kernelName(group)}: a kernel may bind ${limit} storage buffers of ${limits.maxStorageBufferBindingSize} bytes on ${name}; got ${fewest}. ${remedy}`,
  );
}

const mostBindings = (launches: readonly Launch[]): number =>
  Math.max(0, ...launches.map((l) => l.kernel.buffers.length));

type Division = Omit<Part, "index">;

/** Parts that are as large as a window of the largest array, then fractions of that. */
function* divisions(group: Group, { target, resolve }: ScheduleContext): Generator<Division> {
  const sizes = [...group.reads, ...group.writes]
    .map((v) => resolve(v).aval)
    .filter((aval) => windowCount(aval, target) > 1)
    .map(storageBytes);
  const { parts } = kindOf(group);
  if (sizes.length === 0 || parts.length === 0) return;
  const windows = Math.max(...sizes) / windowBytes(target);
  for (let part = 1; part >= smallestPart; part /= 2) {
    for (const along of parts) yield { of: windows / part, along };
  }
}

/** The parts' launches, all of one before any of the next; cut short at a part that binds too much, for parts are alike. */
function launchesOf({ of, along }: Division, limit: number, schedule: (part: Part) => readonly Launch[]): Launch[] {
  const parts: (readonly Launch[])[] = [];
  for (let index = 0; ; index++) {
    const made = withScratchOf(parts[0], schedule({ index, of, along })).map((l) => ({
      ...l,
      immediates: { ...l.immediates, [partImmediate]: index },
    }));
    if (made.every((l) => l.workgroups[0] === 0)) break;
    parts.push(made);
    if (mostBindings(made) > limit) break;
  }
  return parts[0].flatMap((_, step) => {
    const launches = parts.map((part) => part[step]).filter((l) => l.workgroups[0] > 0);
    const all = launches.reduce((n, { workgroups }) => n + sizeOf(workgroups), 0);
    return launches.map((l) => ({ ...l, share: sizeOf(l.workgroups) / all }));
  });
}

/** All parts share the first one's memory between kernels. */
function withScratchOf(first: readonly Launch[] | undefined, launches: readonly Launch[]): readonly Launch[] {
  if (!first) return launches;
  const [shared, own] = [scratchesOf(first), scratchesOf(launches)];
  const rename = (b: Bound): Bound =>
    b.memory.kind === "scratch" ? { ...b, memory: shared[own.indexOf(b.memory)] } : b;
  return launches.map((l) => ({ ...l, bindings: l.bindings.map(rename) }));
}
const scratchesOf = (launches: readonly Launch[]): Scratch[] => [
  ...new Set(launches.flatMap((l) => l.bindings.flatMap(({ memory }) => (memory.kind === "scratch" ? [memory] : [])))),
];
