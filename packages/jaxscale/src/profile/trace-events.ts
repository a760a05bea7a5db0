/**
 * A recording in the trace event format that Perfetto and Chrome open: a track of the host and one of each GPU, arrows from
 * where a kernel is encoded to where it runs, counters of memory.
 * @see https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
 */
import type { KernelTiming } from "../runtime/index.ts";
import { rates, shortSite, siteOf } from "./kernel-rows.ts";
import type { HostRecording, HostSpan } from "./recording.ts";

interface TraceEvent {
  readonly ph: "X" | "M" | "C" | "b" | "e" | "s" | "f";
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds since the recording began. */
  readonly ts: number;
  readonly dur?: number;
  readonly cat?: string;
  readonly id?: number;
  /** The arrow ends at the slice around it. */
  readonly bp?: "e";
  readonly args?: Readonly<Record<string, unknown>>;
}

const host = { pid: 1, tid: 1 };
const deviceOf = (gpu: number) => ({ pid: 2 + gpu, tid: 1 });

/** A GPU may begin a kernel before it ends another, and slices of one thread may not overlap: such kernels take threads of their own. */
function tracksOf(timings: readonly KernelTiming[]): ReadonlyMap<KernelTiming, typeof host> {
  const tracks = new Map<KernelTiming, typeof host>();
  /** By GPU and thread, when the last kernel there ends. */
  const ends = new Map<number, number[]>();
  for (const timing of [...timings].sort((a, b) => a.startMs - b.startMs)) {
    const { gpu = 0, startMs, elapsedMs } = timing;
    const lanes = ends.get(gpu) ?? [];
    ends.set(gpu, lanes);
    const free = lanes.findIndex((endMs) => endMs <= startMs);
    const lane = free < 0 ? lanes.length : free;
    lanes[lane] = startMs + elapsedMs;
    tracks.set(timing, { ...deviceOf(gpu), tid: 1 + lane });
  }
  return tracks;
}

/** @param adapter name of the device's track */
export function traceJson(timings: readonly KernelTiming[], recording: HostRecording, adapter: string): string {
  const at = (ms: number): number => 1000 * (ms - recording.startMs);
  const tracks = tracksOf(timings);
  const gpus = new Set(timings.map(({ gpu = 0 }) => gpu)).add(0);
  const events: TraceEvent[] = [
    ...named(host, "host", "calls"),
    ...[...gpus].flatMap((gpu) => named(deviceOf(gpu), `GPU ${gpu}: ${adapter}`, "kernels")),
    ...recording.spans.flatMap((span, i) => hostEvents(span, i, at)),
    ...timings.flatMap((timing, i) => kernelEvents(timing, tracks.get(timing) ?? host, i, at)),
    ...memoryEvents(recording, at),
  ];
  return `{"displayTimeUnit":"ms","traceEvents":[\n${events.map((event) => JSON.stringify(event)).join(",\n")}\n]}\n`;
}

function named(track: typeof host, process: string, thread: string): TraceEvent[] {
  return [
    { ph: "M", name: "process_name", ...track, ts: 0, args: { name: process } },
    { ph: "M", name: "process_sort_index", ...track, ts: 0, args: { sort_index: track.pid } },
    { ph: "M", name: "thread_name", ...track, ts: 0, args: { name: thread } },
  ];
}

function hostEvents(span: HostSpan, id: number, at: (ms: number) => number): TraceEvent[] {
  const { phase, name, startMs, endMs, bytes, overlaps } = span;
  const args = bytes > 0 ? { bytes } : {};
  const label = phase === "submit" || phase === "annotation" ? name : `${phase} ${name}`;
  const event = { name: label, cat: phase, ...host };
  if (!overlaps) return [{ ph: "X", ...event, ts: at(startMs), dur: 1000 * (endMs - startMs), args }];
  return [
    { ph: "b", ...event, name: phase, id, ts: at(startMs), args: { ...args, of: name } },
    { ph: "e", ...event, name: phase, id, ts: at(endMs) },
  ];
}

function kernelEvents(timing: KernelTiming, track: typeof host, id: number, at: (ms: number) => number): TraceEvent[] {
  const { kernel, program, origin, startMs, elapsedMs, encodedMs, workgroups } = timing;
  const { gigabytesPerSecond, gigaflopsPerSecond } = rates(origin.bytes, origin.flops, elapsedMs, undefined);
  const args = {
    program,
    scope: origin.scope,
    operations: origin.operations.join(" "),
    calledAt: shortSite(siteOf(origin.site)),
    workgroups: workgroups.join("×"),
    flops: origin.flops,
    bytes: origin.bytes,
    gigabytesPerSecond,
    gigaflopsPerSecond,
  };
  const ts = at(startMs);
  const slice: TraceEvent = { ph: "X", name: kernel, cat: "kernel", ...track, ts, dur: 1000 * elapsedMs, args };
  if (encodedMs === undefined) return [slice];
  const flow = { name: "dispatch", cat: "dispatch", id };
  return [slice, { ph: "s", ...flow, ...host, ts: at(encodedMs) }, { ph: "f", bp: "e", ...flow, ...track, ts }];
}

function memoryEvents({ memoryChanges }: HostRecording, at: (ms: number) => number): TraceEvent[] {
  let live = 0;
  let peak = 0;
  return memoryChanges.map(({ atMs, bytes, poolBytes }) => {
    live += bytes;
    peak = Math.max(peak, live);
    return { ph: "C", name: "device memory", ...host, ts: at(atMs), args: { live, peak, pool: poolBytes } };
  });
}
