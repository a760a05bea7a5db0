/** Measures rows: all entries of a row in turn, round after round, so that a busy machine disturbs them alike. */
import { Contender, isInstalled, type System } from "./contender.ts";
import type { Facts } from "./protocol.ts";
import type { Entry, Goal, Row } from "./rows.ts";
import { median } from "./statistics.ts";

export interface RowResult {
  readonly row: Row;
  /** Medians in the row's unit, by label; ours under `jaxscale`. */
  readonly medians: Readonly<Record<string, number>>;
  readonly fastest: Readonly<Record<string, number>>;
  readonly samples: Readonly<Record<string, readonly number[]>>;
  /** How many times as fast as each other entry: median over the rounds. */
  readonly ratios: Readonly<Record<string, number>>;
  readonly facts: Facts;
  readonly reach: Verdict;
  readonly stretch?: Verdict;
  readonly errors: Readonly<Record<string, string>>;
}

/** Undefined where what it is compared with was not measured. */
export interface Verdict {
  readonly figure: number | undefined;
  readonly met: boolean | undefined;
}

export interface Effort {
  readonly rounds: number;
  readonly samplesPerRound: number;
}

export class Arena {
  readonly #contenders = new Map<System, Contender>();
  readonly #streamBytes: number;

  constructor(streamBytes: number) {
    this.#streamBytes = streamBytes;
  }

  async measure(row: Row, { rounds, samplesPerRound }: Effort): Promise<RowResult> {
    const entries: [string, Entry][] = [["jaxscale", row.ours], ...Object.entries(row.others)];
    const samples: Record<string, number[]> = {};
    const errors: Record<string, string> = {};
    let facts: Facts = {};
    for (const [label, entry] of entries) {
      if (!isInstalled(entry.system)) continue;
      try {
        const prepared = await this.#contender(entry.system).measure(entry.work, 0);
        if (label === "jaxscale") facts = prepared.facts;
        samples[label] = [];
      } catch (error) {
        errors[label] = String(error);
      }
    }
    const perRound: Record<string, number[]> = {};
    for (let round = 0; round < rounds; round++)
      for (const [label, entry] of entries) {
        if (!samples[label]) continue;
        const taken = (await this.#contender(entry.system).measure(entry.work, samplesPerRound)).samples;
        samples[label].push(...taken);
        (perRound[label] ??= []).push(median(taken));
      }
    const by = (of: (values: readonly number[]) => number): Record<string, number> =>
      Object.fromEntries(Object.entries(samples).map(([label, values]) => [label, of(values)]));
    const ratios: Record<string, number> = {};
    for (const label of Object.keys(samples))
      if (label !== "jaxscale" && samples.jaxscale)
        ratios[label] = median(perRound[label].map((other, i) => other / perRound.jaxscale[i]));
    const medians = by(median);
    const judge = (goal: Goal): Verdict => this.#judge(goal, row, medians, ratios, facts);
    return {
      row,
      medians,
      fastest: by((values) => Math.min(...values)),
      samples,
      ratios,
      facts,
      reach: judge(row.reach),
      stretch: row.stretch && judge(row.stretch),
      errors,
    };
  }

  #judge(goal: Goal, row: Row, medians: RowResult["medians"], ratios: RowResult["ratios"], facts: Facts): Verdict {
    const factsHold = Object.entries(row.facts ?? {}).every(([name, value]) => facts[name] === value);
    const verdict = (figure: number | undefined, reached: (figure: number) => boolean): Verdict => ({
      figure,
      met: figure === undefined ? undefined : reached(figure) && factsHold,
    });
    switch (goal.kind) {
      case "faster":
        return verdict(ratios[goal.than], (ratio) => ratio >= goal.times);
      case "atMost":
        return verdict(medians.jaxscale, (value) => value <= goal.value);
      case "roof":
        // The stream reads its bytes in so many times our time.
        return verdict(
          ratios.stream === undefined ? undefined : (ratios.stream * (row.bytes ?? 0)) / this.#streamBytes,
          (share) => share >= goal.share,
        );
    }
  }

  #contender(system: System): Contender {
    let known = this.#contenders.get(system);
    if (!known) this.#contenders.set(system, (known = new Contender(system)));
    return known;
  }

  close(): void {
    for (const contender of this.#contenders.values()) contender.close();
  }
}
