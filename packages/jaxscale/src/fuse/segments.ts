/** Steps to submit together: a submit that would hold the device for long is split, so that it can be interrupted. */
import type { Target } from "../base/target.ts";
import type { Segment, Step } from "../kernel/program.ts";

const maxSegmentSeconds = 1;
/** Rough, pessimistic rates; only a bound on how long a submit takes. */
const rates: Record<Target["kind"], { readonly flops: number; readonly bytes: number }> = {
  lavapipe: { flops: 5e9, bytes: 2e9 },
  swiftshader: { flops: 2e9, bytes: 1e9 },
  hardware: { flops: 5e11, bytes: 2e10 },
};

export function splitIntoSegments(steps: readonly Step[], target: Target): readonly Segment[] {
  const rate = rates[target.kind];
  const segments: Step[][] = [];
  let seconds = Number.POSITIVE_INFINITY;
  for (const step of steps) {
    const own = secondsOf(step, rate);
    if (seconds + own > maxSegmentSeconds) {
      segments.push([]);
      seconds = 0;
    }
    segments[segments.length - 1].push(step);
    seconds += own;
  }
  return segments.map((s) => ({ steps: s }));
}

function secondsOf(step: Step, rate: { readonly flops: number; readonly bytes: number }): number {
  if (step.kind === "loop") return (step.trips ?? 1) * step.body.reduce((sum, s) => sum + secondsOf(s, rate), 0);
  return step.origin.flops / rate.flops + step.origin.bytes / rate.bytes;
}
