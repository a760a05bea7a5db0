/** Decodes on and on, and samples what must not grow. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { LanguageModel } from "@jaxscale/models";
import * as jax from "jaxscale";
import { fewestPoints, type Series } from "./growth.ts";
import { allWorks, probe, probeTokens, randomNumbers, type Work } from "./workload.ts";

export interface SoakOptions {
  /** After every work has run once; it may take longer, until there are samples enough to judge. */
  readonly minutes: number;
  /** `allWorks` if absent. */
  readonly works?: readonly Work[];
  readonly seed?: number;
  /** Disposes of the model and loads it again after so many works; never if absent. */
  readonly reloadEvery?: number;
  readonly onSample?: (sample: Sample) => void;
}

/** Of one moment, after a work, a probe and a collection of garbage. */
export interface Sample {
  readonly seconds: number;
  /** Of a step of the probe. */
  readonly wallMs: number;
  readonly processorMs: number;
  readonly deviceBytes: number;
  readonly deviceBytesUncollected: number;
  readonly allocatedBytes: number;
  readonly buffers: number;
  readonly pipelines: number;
  readonly heapBytes: number;
  readonly residentBytes: number;
}

export interface Soaked {
  readonly adapter: string;
  /** Whether the adapter is the processor, whose time of the process is then the time of a step. */
  readonly isSoftware: boolean;
  readonly works: number;
  readonly reloads: number;
  /** When every work had run once, and a fifth of the time after that was over. */
  readonly warmSeconds: number;
  /** From the beginning, warm-up included. */
  readonly samples: readonly Sample[];
}

/** Until finalizers of dropped arrays have run. */
async function collectGarbage(): Promise<void> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let i = 0; i < 2; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function takeSample(language: LanguageModel, started: number): Promise<Sample> {
  const [wall, processor] = [performance.now(), process.cpuUsage()];
  await probe(language);
  const wallMs = (performance.now() - wall) / probeTokens;
  const { user, system } = process.cpuUsage(processor);
  const deviceBytesUncollected = jax.statistics().bytesInUse;
  await collectGarbage();
  const { bytesInUse, bytesAllocated, buffersInUse, pipelinesCreated } = jax.statistics();
  const { heapUsed, external, rss } = process.memoryUsage();
  return {
    seconds: (performance.now() - started) / 1000,
    wallMs,
    processorMs: (user + system) / 1000 / probeTokens,
    deviceBytes: bytesInUse,
    deviceBytesUncollected,
    allocatedBytes: bytesAllocated,
    buffers: buffersInUse,
    pipelines: pipelinesCreated,
    heapBytes: heapUsed + external,
    residentBytes: rss,
  };
}

/** Runs every work once, then works by chance until the time is over; the model is disposed of at the end. */
export async function soak(
  load: () => Promise<LanguageModel>,
  { minutes, works = allWorks({ chats: true }), seed = 0, reloadEvery, onSample }: SoakOptions,
): Promise<Soaked> {
  const { name, kind } = await jax.ready();
  const random = randomNumbers(seed);
  const samples: Sample[] = [];
  const started = performance.now();
  const seconds = (): number => (performance.now() - started) / 1000;
  let [done, reloads, end] = [0, 0, Number.POSITIVE_INFINITY];
  const warmSeconds = (): number => end - 0.8 * 60 * minutes;
  const isJudgeable = (): boolean => samples.filter((sample) => sample.seconds >= warmSeconds()).length >= fewestPoints;
  let language = await load();
  for (; seconds() < end || !isJudgeable(); done++) {
    await (works[done] ?? works[Math.floor(random() * works.length)])(language, random);
    if (reloadEvery !== undefined && (done + 1) % reloadEvery === 0) {
      language.dispose();
      language = await load();
      reloads++;
    }
    const sample = await takeSample(language, started);
    samples.push(sample);
    onSample?.(sample);
    if (done + 1 === works.length) end = seconds() + 60 * minutes;
  }
  language.dispose();
  return { adapter: name, isSoftware: kind !== "hardware", works: done, reloads, warmSeconds: warmSeconds(), samples };
}

const mebi = 2 ** 20;

/** What must not grow after the warm-up, with what is allowed. */
export function seriesOf({ isSoftware, warmSeconds, samples }: Soaked): Series[] {
  const warm = samples.filter(({ seconds }) => seconds >= warmSeconds);
  const seconds = warm.map((sample) => sample.seconds);
  const of = (
    name: string,
    unit: string,
    value: (sample: Sample) => number,
    allowed: (first: number) => number,
  ): Series => {
    const values = warm.map(value);
    return { name, unit, seconds, values, allowed: allowed(values[0]) };
  };
  const bytes = (most: number) => (): number => most / mebi;
  // On a software adapter other processes take the device's time; that of this process is what it used itself.
  const step = isSoftware
    ? of(
        "a step, time of the processor",
        "ms",
        ({ processorMs }) => processorMs,
        (first) => 0.2 * first,
      )
    : of(
        "a step",
        "ms",
        ({ wallMs }) => wallMs,
        (first) => 0.2 * first,
      );
  return [
    of("device memory in use", "MiB", ({ deviceBytes }) => deviceBytes / mebi, bytes(0)),
    of("device memory in use before collection", "MiB", (s) => s.deviceBytesUncollected / mebi, bytes(mebi)),
    of("device memory allocated", "MiB", ({ allocatedBytes }) => allocatedBytes / mebi, bytes(mebi)),
    of(
      "buffers in use",
      "",
      ({ buffers }) => buffers,
      () => 0,
    ),
    of(
      "pipelines",
      "",
      ({ pipelines }) => pipelines,
      () => 0,
    ),
    of("JavaScript's heap and external memory", "MiB", ({ heapBytes }) => heapBytes / mebi, bytes(mebi)),
    of("resident memory", "MiB", ({ residentBytes }) => residentBytes / mebi, bytes(16 * mebi)),
    step,
  ];
}
