/** Measures rows: all entries of a row in turn, round after round, so that a busy machine disturbs them alike. */
import { Contender, isInstalled, type System } from "./contender.ts";
import type { Facts } from "./protocol.ts";
import type { Figure, Judged, Measurement } from "./record.ts";
import type { Entry, Goal, Row } from "./rows.ts";
import { median } from "./statistics.ts";

export interface Effort {
  readonly rounds: number;
  readonly samplesPerRound: number;
}

const own = "jaxscale";

export class Arena {
  readonly #contenders = new Map<System, Contender>();
  readonly #streamBytes: number;

  constructor(streamBytes: number) {
    this.#streamBytes = streamBytes;
  }

  async measure(row: Row, { rounds, samplesPerRound }: Effort): Promise<Omit<Measurement, "load">> {
    const entries: [string, Entry][] = [[own, row.ours], ...Object.entries(row.others)];
    const samples: Record<string, number[]> = {};
    const errors: Record<string, string> = {};
    let facts: Facts = {};
    for (const [label, entry] of entries) {
      if (!isInstalled(entry.system)) continue;
      try {
        const prepared = await this.#contender(entry.system).measure(entry.work, 0);
        if (label === own) facts = prepared.facts;
        samples[label] = [];
      } catch (error) {
        errors[label] = String(error);
      }
    }
    /** Medians of rounds. */
    const perRound: Record<string, number[]> = {};
    for (let round = 0; round < rounds; round++)
      for (const [label, entry] of entries) {
        if (!samples[label]) continue;
        const taken = (await this.#contender(entry.system).measure(entry.work, samplesPerRound)).samples;
        samples[label].push(...taken);
        (perRound[label] ??= []).push(median(taken));
      }
    const ratios: Record<string, number> = {};
    for (const [label, theirs] of Object.entries(perRound))
      if (label !== own && perRound[own]) ratios[label] = median(theirs.map((time, i) => time / perRound[own][i]));
    return {
      name: row.name,
      unit: row.unit,
      samples,
      yardstick: entries.find(([label, { system }]) => system !== own && samples[label])?.[0],
      figures: samples[own] ? this.#figures(row, median(samples[own]), ratios, facts) : [],
      errors,
    };
  }

  #figures(row: Row, time: number, ratios: Readonly<Record<string, number>>, facts: Facts): Figure[] {
    const figures = new Map<string, Figure>();
    const add = (figure: Figure): void => {
      const known = figures.get(figure.name);
      figures.set(figure.name, { ...figure, goals: [...(known?.goals ?? []), ...(figure.goals ?? [])] });
    };
    if (row.bytes) add({ name: "rate", value: row.bytes / time / 1e6, unit: "GB/s" });
    if (row.flops) add({ name: "rate", value: row.flops / time / 1e6, unit: "GFLOP/s" });
    for (const label of Object.keys(row.others))
      if (label !== "stream" && ratios[label]) add({ name: `against ${label}`, value: ratios[label], unit: "×" });
    for (const goal of [row.reach, row.stretch]) if (goal) add(this.#judge(goal, row, time, ratios));
    for (const [name, value] of Object.entries(facts)) {
      const wanted = row.facts?.[name];
      const goals = wanted === undefined ? [] : [{ goal: `${wanted}`, met: value === wanted }];
      add({ name, value, unit: "", isExact: true, goals });
    }
    return [...figures.values()];
  }

  #judge(goal: Goal, row: Row, time: number, ratios: Readonly<Record<string, number>>): Figure {
    const judged = (text: string, value: number | undefined, reaches: (value: number) => boolean): Judged[] => [
      { goal: text, met: value === undefined ? undefined : reaches(value) },
    ];
    switch (goal.kind) {
      case "faster": {
        const value = ratios[goal.than];
        const goals = judged(`≥ ${goal.times} ×`, value, (ratio) => ratio >= goal.times);
        return { name: `against ${goal.than}`, value, unit: "×", goals };
      }
      case "atMost":
        return {
          name: "median",
          value: time,
          unit: row.unit,
          goals: judged(`≤ ${goal.value} ${row.unit}`, time, (value) => value <= goal.value),
        };
      case "roof": {
        // The stream reads its bytes in so many times our time.
        const { stream } = ratios;
        const value = stream === undefined ? undefined : (100 * stream * (row.bytes ?? 0)) / this.#streamBytes;
        const least = 100 * goal.share;
        return {
          name: "of the roof",
          value,
          unit: "%",
          goals: judged(`≥ ${least} %`, value, (share) => share >= least),
        };
      }
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
