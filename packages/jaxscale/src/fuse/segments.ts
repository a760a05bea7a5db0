/**
 * Steps to submit together: a submit that would hold the device for long is split, so that it can be interrupted. GPUs meet
 * between segments, but for what they exchange in a loop, which is a segment of its own.
 */
import type { Target } from "../base/target.ts";
import { estimateSeconds, maxSubmitSeconds } from "../kernel/duration.ts";
import type { Segment, Step } from "../kernel/program.ts";

export function splitIntoSegments(steps: readonly Step[], target: Target): readonly Segment[] {
  const segments: Step[][] = [];
  let seconds = Number.POSITIVE_INFINITY;
  for (const step of steps) {
    const own = estimateSeconds(step, target.traits);
    const meets = isExchanging(step);
    if (seconds + own > maxSubmitSeconds || (meets && step.kind === "loop" && segments.length > 0)) {
      segments.push([]);
      seconds = 0;
    }
    segments[segments.length - 1].push(step);
    seconds = meets ? Number.POSITIVE_INFINITY : seconds + own;
  }
  return segments.map((s) => ({ steps: s }));
}

const isExchanging = (step: Step): boolean =>
  step.kind === "exchange" || (step.kind === "loop" && step.body.some(isExchanging));
