/** Where temporaries live: lifetimes over the whole program, in arenas that no dispatch both reads and writes. */
import { invariant } from "../base/errors.ts";

export interface Lifetime {
  readonly sizeBytes: number;
  /** Where it may begin, if not at any multiple of the plan's alignment; a multiple of that. */
  readonly alignment?: number;
  /** Step that writes it first. */
  readonly first: number;
  /** Last step that reads or writes it. */
  readonly last: number;
  /** Arenas are kept apart from those of the values that some dispatch uses together with this one, the other way round. */
  readonly conflicts: ReadonlySet<number>;
}

export interface Place {
  readonly arena: number;
  readonly offsetBytes: number;
}

export interface MemoryPlan {
  readonly places: readonly Place[];
  /** Bytes of each arena. */
  readonly arenas: readonly number[];
}

/**
 * First fit, in order of birth. WebGPU refuses a buffer bound both `read` and `read_write` in one dispatch, so values that
 * conflict go to different arenas; values alive at once get disjoint ranges of one.
 * @param alignment offsets are multiples of this
 */
export function planMemory(lifetimes: readonly Lifetime[], alignment: number): MemoryPlan {
  const places = new Array<Place | undefined>(lifetimes.length);
  const arenas: number[] = [];
  const living: number[][] = [];
  const order = lifetimes.map((_, i) => i).sort((a, b) => lifetimes[a].first - lifetimes[b].first || a - b);
  for (const i of order) {
    const life = lifetimes[i];
    const size = Math.ceil(life.sizeBytes / alignment) * alignment;
    const own = life.alignment ?? alignment;
    const excluded = new Set([...life.conflicts].flatMap((c) => places[c]?.arena ?? []));
    let best: Place | undefined;
    let bestGrowth = Number.POSITIVE_INFINITY;
    for (let arena = 0; arena <= arenas.length; arena++) {
      if (excluded.has(arena)) continue;
      const alive = (living[arena] ?? []).filter((j) => lifetimes[j].last >= life.first);
      const offsetBytes = firstGap(
        alive.map((j) => [places[j] as Place, lifetimes[j].sizeBytes]),
        size,
        own,
      );
      const growth = Math.max(0, offsetBytes + size - (arenas[arena] ?? 0));
      if (growth < bestGrowth) {
        best = { arena, offsetBytes };
        bestGrowth = growth;
      }
    }
    invariant(best, "a new arena is always possible");
    places[i] = best;
    arenas[best.arena] = Math.max(arenas[best.arena] ?? 0, best.offsetBytes + size);
    living[best.arena] = [...(living[best.arena] ?? []).filter((j) => lifetimes[j].last >= life.first), i];
  }
  return { places: places as Place[], arenas };
}

function firstGap(taken: readonly (readonly [Place, number])[], size: number, alignment: number): number {
  let offset = 0;
  for (const [place, bytes] of [...taken].sort(([a], [b]) => a.offsetBytes - b.offsetBytes)) {
    if (offset + size <= place.offsetBytes) return offset;
    offset = Math.max(offset, Math.ceil((place.offsetBytes + bytes) / alignment) * alignment);
  }
  return offset;
}
