/** Groups whose kernel would bind more than the device allows, in parts that each touch less. */
import { DeviceError } from "../base/errors.ts";
import type { AccessAnalysis } from "./access.ts";
import type { Bound, Scratch } from "./emitter.ts";
import type { Group } from "./group.ts";
import { kernelName, type Launch, type Part, type ScheduleContext } from "./schedule.ts";
import { inParts, type Scheduled, scheduleGroup } from "./schedules/index.ts";

const mostParts = 4096;

/** @throws DeviceError if even small parts need more bindings than the device has */
export function scheduleWithinLimits(group: Group, context: ScheduleContext, access: AccessAnalysis): Scheduled {
  const { limits, name } = context.target;
  const limit = limits.maxStorageBuffersPerShaderStage;
  const whole = scheduleGroup(group, context, access);
  if (mostBindings(whole.launches) <= limit) return whole;
  let fewest = mostBindings(whole.launches);
  const part = (part: Part): readonly Launch[] => scheduleGroup(group, { ...context, part }, access).launches;
  if (inParts.has(group.kind))
    for (const division of divisions(group)) {
      const launches = launchesOf(division, limit, part);
      const most = mostBindings(launches);
      if (most <= limit) return { ...whole, launches };
      fewest = Math.min(fewest, most);
    }
  throw new DeviceError(
    `${kernelName(group)}: a kernel may bind ${limit} storage buffers of ${limits.maxStorageBufferBindingSize} bytes on ${name}; got ${fewest}. Split the array that is larger than that`,
  );
}

const mostBindings = (launches: readonly Launch[]): number =>
  Math.max(0, ...launches.map((l) => l.kernel.buffers.length));

type Division = Omit<Part, "index">;
function* divisions(group: Group): Generator<Division> {
  for (let of = 2; of <= mostParts; of *= 2) {
    yield { of, along: "rows" };
    if (group.kind === "contraction") yield { of, along: "columns" };
  }
}

/** The parts' launches, all of one before any of the next; cut short at a part that does not fit, for parts are alike. */
function launchesOf({ of, along }: Division, limit: number, schedule: (part: Part) => readonly Launch[]): Launch[] {
  const parts: (readonly Launch[])[] = [];
  for (let index = 0; index < of; index++) {
    const made = withScratchOf(parts[0], schedule({ index, of, along }));
    parts.push(made);
    if (mostBindings(made) > limit) break;
  }
  return parts[0].flatMap((_, step) =>
    parts
      .map((launches) => launches[step])
      .filter((l) => l.workgroups[0] > 0)
      // The work of all parts is counted once.
      .map((l, i) => (i === 0 ? l : { ...l, prepares: true })),
  );
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
