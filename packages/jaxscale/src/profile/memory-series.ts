/** Device memory over time, by owner: few enough points for a plot, none of whose peaks is lost. */
import type { MemoryChange } from "./recording.ts";

export interface MemorySeries {
  /** Since the recording began. */
  readonly timesMs: readonly number[];
  readonly liveBytes: readonly number[];
  /** What the pool has of the device, in use or kept for reuse. */
  readonly poolBytes: readonly number[];
  readonly peakBytes: number;
  /** What holds most of it; the last one is all others. */
  readonly owners: readonly { readonly name: string; readonly bytes: readonly number[] }[];
}

const maxOwners = 9;

/** @param points at most so many; of the changes that share one, the one with most memory in use is shown */
export function memorySeries(changes: readonly MemoryChange[], startMs: number, points = 600): MemorySeries {
  const names = largestHolders(changes);
  const endMs = changes.at(-1)?.atMs ?? startMs;
  const width = Math.max((endMs - startMs) / points, 1e-9);
  const now = names.map(() => 0).concat(0);
  const samples: { atMs: number; live: number; pool: number; owners: number[] }[] = [];
  let live = 0;
  let peakBytes = 0;
  let bucket = -1;
  for (const { atMs, holder, bytes, poolBytes } of changes) {
    const owner = names.indexOf(holder);
    now[owner < 0 ? names.length : owner] += bytes;
    live += bytes;
    peakBytes = Math.max(peakBytes, live);
    const at = Math.floor((atMs - startMs) / width);
    if (at === bucket && live < (samples.at(-1)?.live ?? 0)) continue;
    if (at === bucket) samples.pop();
    bucket = at;
    samples.push({ atMs: Math.max(0, atMs - startMs), live, pool: poolBytes, owners: [...now] });
  }
  return {
    timesMs: samples.map(({ atMs }) => atMs),
    liveBytes: samples.map((s) => s.live),
    poolBytes: samples.map((s) => s.pool),
    peakBytes,
    owners: [...names, "others"].map((name, i) => ({ name, bytes: samples.map(({ owners }) => owners[i]) })),
  };
}

/** By the most that they held at once. */
function largestHolders(changes: readonly MemoryChange[]): readonly string[] {
  const held = new Map<string, { now: number; most: number }>();
  for (const { holder, bytes } of changes) {
    const { now, most } = held.get(holder) ?? { now: 0, most: 0 };
    held.set(holder, { now: now + bytes, most: Math.max(most, now + bytes) });
  }
  const all = [...held].filter(([, { most }]) => most > 0).sort(([, a], [, b]) => b.most - a.most);
  return all.slice(0, maxOwners).map(([holder]) => holder);
}
