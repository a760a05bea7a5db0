/** How long steps hold a device: a rough, pessimistic estimate, good only for bounding what is submitted at once. */
import type { Target } from "../base/target.ts";
import type { Step } from "./program.ts";

const rates: Record<Target["kind"], { readonly flops: number; readonly bytes: number }> = {
  lavapipe: { flops: 8e9, bytes: 4e9 },
  swiftshader: { flops: 3e9, bytes: 2e9 },
  hardware: { flops: 5e11, bytes: 2e10 },
};

/** What a submit may hold the device for, so that it can be interrupted. */
export const maxSubmitSeconds = 1;

/** A loop without a number of turns counts as one turn. */
export function estimateSeconds(step: Step, kind: Target["kind"]): number {
  if (step.kind === "loop") return (step.trips ?? 1) * step.body.reduce((sum, s) => sum + estimateSeconds(s, kind), 0);
  const { flops, bytes } = rates[kind];
  // Memory is read while numbers are multiplied.
  return Math.max(step.origin.flops / flops, step.origin.bytes / bytes);
}
