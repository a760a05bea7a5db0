/** Steps to submit together: a submit that would hold the device for long is split, so that it can be interrupted. */
import type { Target } from "../base/target.ts";
import { estimateSeconds, maxSubmitSeconds } from "../kernel/duration.ts";
import type { Segment, Step } from "../kernel/program.ts";

export function splitIntoSegments(steps: readonly Step[], target: Target): readonly Segment[] {
  const segments: Step[][] = [];
  let seconds = Number.POSITIVE_INFINITY;
  for (const step of steps) {
    const own = estimateSeconds(step, target.traits);
    if (seconds + own > maxSubmitSeconds) {
      segments.push([]);
      seconds = 0;
    }
    segments[segments.length - 1].push(step);
    seconds += own;
  }
  return segments.map((s) => ({ steps: s }));
}
