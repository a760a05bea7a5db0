/** Finds the fastest of a few candidates by successive halving: all get a few samples, the better half more. */

/** What is being compared, made ready when first needed. */
export interface Contestant<C> {
  readonly candidate: C;
  /** Compiles; undefined if the candidate does not run here. */
  readonly prepare: () => Promise<Runner | undefined>;
}
export interface Runner {
  /** Milliseconds of one run. */
  sample(): Promise<number>;
  dispose(): void;
}

export interface SearchOptions {
  readonly budgetMs: number;
  /** Milliseconds. */
  readonly now: () => number;
}

export interface Finding<C> {
  readonly candidate: C;
  /** Its shortest run. */
  readonly bestMs: number;
  /** Of the first contestant. */
  readonly firstMs: number;
  readonly compared: number;
  /** Whether the budget sufficed for all that the search wanted to know. */
  readonly complete: boolean;
}

const droppedSamples = 1;
const samplesOfFirstRound = 2;
/** A challenger has to win by more than noise. */
const advantage = 0.97;

/**
 * Takes samples in turn (A B A B), so that whatever else the machine does disturbs all alike, and compares the shortest.
 * The first contestant takes part to the end, and stays if nothing is clearly faster, or if time is short.
 * @returns undefined if not even the first could be measured within the budget
 */
export async function findFastest<C>(
  contestants: readonly Contestant<C>[],
  { budgetMs, now }: SearchOptions,
): Promise<Finding<C> | undefined> {
  const deadline = now() + budgetMs;
  const inTime = (): boolean => now() < deadline;
  const runners: { readonly candidate: C; readonly runner: Runner; bestMs: number }[] = [];
  try {
    for (const { candidate, prepare } of contestants) {
      if (!inTime()) break;
      const runner = await prepare();
      if (!runner) continue;
      const entrant = { candidate, runner, bestMs: Number.POSITIVE_INFINITY };
      runners.push(entrant);
      for (let i = 0; i < droppedSamples && inTime(); i++) await runner.sample();
      if (inTime()) entrant.bestMs = await runner.sample();
    }
    const first = runners.find(({ candidate }) => candidate === contestants[0]?.candidate);
    if (!first || first.bestMs === Number.POSITIVE_INFINITY) return undefined;
    let challengers = runners.filter((r) => r !== first && r.bestMs < Number.POSITIVE_INFINITY);
    const compared = challengers.length + 1;
    for (let samples = samplesOfFirstRound; challengers.length > 0 && inTime(); samples *= 2) {
      for (let i = 0; i < samples; i++)
        for (const entrant of [first, ...challengers])
          if (inTime()) entrant.bestMs = Math.min(entrant.bestMs, await entrant.runner.sample());
      if (challengers.length === 1) break;
      challengers = challengers.sort((a, b) => a.bestMs - b.bestMs).slice(0, Math.ceil(challengers.length / 2));
    }
    const winner = runners.reduce((a, b) => (b.bestMs < a.bestMs ? b : a));
    const { candidate, bestMs } = winner.bestMs < advantage * first.bestMs ? winner : first;
    return { candidate, bestMs, firstMs: first.bestMs, compared, complete: inTime() };
  } finally {
    for (const { runner } of runners) runner.dispose();
  }
}
