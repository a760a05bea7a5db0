/** Figures with what they are to reach. */
import type { Figure } from "./record.ts";

/** @param least in the figure's unit: what is to be reached, and what would be better still */
export const atLeast = (name: string, value: number, unit: string, ...least: number[]): Figure => ({
  name,
  value,
  unit,
  goals: least.map((goal) => ({ goal: `≥ ${goal} ${unit}`, met: value >= goal })),
});

/** @param most in the figure's unit: what must not be passed, and what would be better still */
export const atMost = (name: string, value: number, unit: string, ...most: number[]): Figure => ({
  name,
  value,
  unit,
  goals: most.map((goal) => ({ goal: `≤ ${goal} ${unit}`.trimEnd(), met: value <= goal })),
});

/** A count, the same in every run. */
export const counted = (name: string, value: number, unit = "", ...most: number[]): Figure => ({
  ...atMost(name, value, unit, ...most),
  isExact: true,
});
