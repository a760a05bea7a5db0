/** What one access of a subgroup costs the memory: sectors of device memory, passes over the banks of shared memory. */

/** Bytes that device memory gives at a time. */
const sectorBytes = 32;
const wordBytes = 4;

/** Costs of accesses, summed up; `least` is what the same words would cost if they lay together. */
export interface AccessCounts {
  requests: number;
  units: number;
  least: number;
}

export const noAccesses = (): AccessCounts => ({ requests: 0, units: 0, least: 0 });

/**
 * A load or store of device memory: units are sectors.
 * @param words index of the first word of each active lane @param perLane consecutive words that each touches
 */
export function countSectors(counts: AccessCounts, words: readonly number[], perLane: number, times: number): void {
  const sectors = new Set<number>();
  const distinct = new Set<number>();
  for (const first of words)
    for (let word = first; word < first + perLane; word++) {
      distinct.add(word);
      sectors.add(Math.floor((word * wordBytes) / sectorBytes));
    }
  counts.requests += times;
  counts.units += times * sectors.size;
  counts.least += times * Math.ceil((distinct.size * wordBytes) / sectorBytes);
}

/** A load or store of shared memory: units are passes in which each bank gives one word. */
export function countPasses(
  counts: AccessCounts,
  words: readonly number[],
  perLane: number,
  banks: number,
  times: number,
): void {
  const distinct = new Set<number>();
  for (const first of words) for (let word = first; word < first + perLane; word++) distinct.add(word);
  const load = new Map<number, number>();
  for (const word of distinct) load.set(word % banks, (load.get(word % banks) ?? 0) + 1);
  counts.requests += times;
  counts.units += times * Math.max(0, ...load.values());
  counts.least += times * Math.ceil(distinct.size / banks);
}
