/** Parts of a recording: what happened in the spans of one name. */
import type { HostPhase } from "../base/host-recorder.ts";
import type { KernelTiming, Roofs } from "../runtime/index.ts";
import { type KernelProfile, summarize } from "./kernel-rows.ts";
import type { HostSpan } from "./recording.ts";

/** What happened in all spans of one name together. Each moment is counted once, so that times add up. */
export interface Stretch {
  /** Spans. */
  readonly count: number;
  readonly wallMs: number;
  /**
   * A row a kernel that was encoded in them, most time first. Where several run at once, as on several GPUs, the one that began
   * last has the time.
   */
  readonly kernels: readonly KernelProfile[];
  /** In which GPUs exchanged and none computed. */
  readonly exchangeMs: number;
  /** In which nothing ran on a GPU: `wallMs` without kernels and exchanges. */
  readonly overheadMs: number;
  /** What the host did in each span. */
  readonly hostMs: readonly HostTimes[];
}

/** The time of a span by what the host did. Of phases within others only the innermost counts; `other`: none, as in your own code. */
export type HostTimes = Readonly<Partial<Record<HostPhase | "other", number>>>;

interface Interval {
  readonly startMs: number;
  readonly endMs: number;
}

const byStart = (a: Interval, b: Interval): number => a.startMs - b.startMs || b.endMs - a.endMs;

/** The time of each interval in which no later one of the list is open: the times add up to that in which any is. */
export function exclusiveTimes(intervals: readonly Interval[]): number[] {
  const times = intervals.map(() => 0);
  const bounds = intervals
    .flatMap(({ startMs, endMs }, index) => [
      { atMs: startMs, index, opens: true },
      { atMs: endMs, index, opens: false },
    ])
    .sort((a, b) => a.atMs - b.atMs);
  const open = new Set<number>();
  let lastMs = 0;
  for (const { atMs, index, opens } of bounds) {
    if (open.size > 0) times[Math.max(...open)] += atMs - lastMs;
    lastMs = atMs;
    if (opens) open.add(index);
    else open.delete(index);
  }
  return times;
}

/** @param name of annotations @throws RangeError if there is none of that name */
export function stretchOf(
  name: string,
  timings: readonly KernelTiming[],
  spans: readonly HostSpan[],
  roofs: Roofs | undefined,
): Stretch {
  const windows = annotated(name, spans);
  const isWithin = ({ startMs, endMs }: Interval, ms: number): boolean => startMs <= ms && ms < endMs;
  /** Phases of each window, cut where it ends. */
  const phases = windows.map((window) =>
    spans
      .filter(({ phase, startMs }) => phase !== "annotation" && isWithin(window, startMs))
      .map((span) => ({ ...span, endMs: Math.min(span.endMs, window.endMs) }))
      .sort(byStart),
  );
  const exchanges = phases.flat().filter(({ phase }) => phase === "exchange");
  const launched = timings
    .filter(({ encodedMs = Number.NaN }) => windows.some((window) => isWithin(window, encodedMs)))
    .map((timing) => ({ ...timing, endMs: timing.startMs + timing.elapsedMs }))
    .sort(byStart);
  const deviceMs = exclusiveTimes([...exchanges, ...launched]);
  const exchangeMs = sum(deviceMs.slice(0, exchanges.length));
  const kernels = summarize(
    launched.map((timing, i) => ({ ...timing, elapsedMs: deviceMs[exchanges.length + i] })),
    roofs,
  ).sort((a, b) => b.elapsedMs - a.elapsedMs);
  const wallMs = sum(windows.map(({ startMs, endMs }) => endMs - startMs));
  return {
    count: windows.length,
    wallMs,
    kernels,
    exchangeMs,
    overheadMs: wallMs - sum(deviceMs),
    hostMs: windows.map((window, i) => hostTimes(window, phases[i])),
  };
}

function annotated(name: string, spans: readonly HostSpan[]): readonly HostSpan[] {
  const annotations = spans.filter(({ phase }) => phase === "annotation");
  const found = annotations.filter((span) => span.name === name).sort(byStart);
  if (found.length > 0) return found;
  const others = [...new Set(annotations.map((span) => span.name))].join(", ") || "no annotation";
  throw new RangeError(`during: there must be a span annotated ${name}; got ${others}`);
}

function hostTimes(window: Interval, phases: readonly HostSpan[]): HostTimes {
  const times: Record<string, number> = {};
  exclusiveTimes([window, ...phases]).forEach((ms, i) => {
    const phase = i === 0 ? "other" : phases[i - 1].phase;
    times[phase] = (times[phase] ?? 0) + ms;
  });
  return times;
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
