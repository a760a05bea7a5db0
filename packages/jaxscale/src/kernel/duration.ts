/** How long steps hold a device: a rough, pessimistic estimate, good only for bounding what is submitted at once. */
import type { TargetTraits } from "../base/target.ts";
import type { Step } from "./program.ts";

/** What a submit may hold the device for, so that it can be interrupted. */
export const maxSubmitSeconds = 1;

/** A loop without a number of iterations counts as one iteration. */
export function estimateSeconds(step: Step, traits: TargetTraits): number {
  if (step.kind === "loop")
    return (step.trips ?? 1) * step.body.reduce((sum, s) => sum + estimateSeconds(s, traits), 0);
  const { flops, bytes } = step.origin;
  // Memory is read while numbers are multiplied.
  return Math.max(flops / traits.flopsPerSecond, bytes / traits.bytesPerSecond);
}
