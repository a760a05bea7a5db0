/** What this process knows of tuned schedules, by target. */
import type { Target } from "../base/target.ts";
import type { Candidate } from "../fuse/tuning/candidates.ts";
import type { TuningTable } from "../fuse/tuning/parameters-for.ts";

const tables = new Map<string, Map<string, Candidate>>();
const keyOf = ({ name, features, subgroupSize }: Target): string => JSON.stringify([name, features, subgroupSize]);
const empty: TuningTable = new Map();

/** Empty until something was tuned or read for the target: then compilations use it. */
export const tunedFor = (target: Target): TuningTable =>
  tables.size === 0 ? empty : (tables.get(keyOf(target)) ?? empty);

export function addTuned(target: Target, winners: ReadonlyMap<string, Candidate>): void {
  const key = keyOf(target);
  const table = tables.get(key) ?? new Map<string, Candidate>();
  for (const [shapeClass, candidate] of winners) table.set(shapeClass, candidate);
  tables.set(key, table);
}

/** Back to the shipped defaults. */
export const forgetTuned = (): void => tables.clear();
