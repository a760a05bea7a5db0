/** Where the time of prefill and of a decoding step goes, by parts of the model. */
import { profiler } from "jaxscale";
import { type MeasuredRun, runOnce } from "../benchmark/measure.ts";
import type { Generating } from "../generate/generate.ts";
import { type Component, componentNames, componentOf, expertComponents } from "./components.ts";

/** What to profile. */
export interface ProfiledCase extends MeasuredRun {
  /** Runs before the recorded ones; the first compiles. */
  readonly warmup: number;
  /** Recorded runs, of which means are given. */
  readonly repeats: number;
}

/** Options of `profileModel`. */
export interface ProfileModelOptions {
  /** Where to write `index.html`, `trace.json` and `profile.json`; nothing is written if absent. */
  readonly folder?: string;
  readonly name?: string;
  /** Whether to measure the adapter's roofs: on by default, takes about a second. */
  readonly roofs?: boolean;
}

/** Kernels taken together; everything is of one step, the mean of all recorded ones. */
export interface KernelsOfStep extends profiler.Rates {
  readonly elapsedMs: number;
  /** Of the step. */
  readonly share: number;
  /** Dispatches. */
  readonly count: number;
  readonly flops: number;
  readonly bytes: number;
}

/** A prefill, or a step of decoding; times are means. Components, exchanges and overhead add up to the step. */
export interface StepProfile {
  /** Recorded ones. */
  readonly steps: number;
  /** From the call to the tokens on the host, while kernels are timed. */
  readonly stepMs: number;
  /** Those that have kernels, in the order of a step. */
  readonly components: readonly (KernelsOfStep & { readonly component: Component })[];
  /** Router, routed experts and shared expert; absent without experts. */
  readonly experts?: KernelsOfStep;
  /** All of them. */
  readonly kernels: KernelsOfStep;
  /** In which GPUs exchanged and none computed. */
  readonly exchangeMs: number;
  /** In which nothing ran on a GPU: launches, and the way of tokens to the host. */
  readonly overheadMs: number;
  /** The same steps while no kernel is timed: their mean, and the one in which the host worked least, as on an idle machine. */
  readonly untimed: { readonly mean: HostStep; readonly least: HostStep };
}

/** A step of the host: its phases, those in which it works and those in which it waits for a device, add up to it. */
export interface HostStep {
  readonly stepMs: number;
  readonly workMs: number;
  readonly phasesMs: profiler.HostTimes;
}

/** Prefill and decoding of a model. */
export interface ModelProfile extends ProfiledCase {
  readonly prefill: StepProfile;
  /** One token for each row. */
  readonly decode: StepProfile;
  /** All of it, kernel by kernel. */
  readonly recording: profiler.Recording;
}

/**
 * Profiles prompts of one length and single decoding steps behind them: first the host while no kernel is timed, then the kernels.
 * @throws RangeError for sizes that the model has no room for; DeviceError
 */
export async function profileModel(
  model: Generating,
  given: ProfiledCase,
  { folder, name = model.model.config.modelType, roofs = true }: ProfileModelOptions = {},
): Promise<ModelProfile> {
  const run = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) await runOnce(model, given);
  };
  await run(given.warmup);
  const untimed = await profiler.record(() => run(given.repeats), { kernels: false, roofs: false });
  const timed = () => run(given.repeats);
  const recording = await (folder === undefined
    ? profiler.record(timed, { name, roofs })
    : profiler.trace(folder, timed, { name, roofs }));
  const stepOf = (part: "prefill" | "decode"): StepProfile =>
    stepProfile(recording.during(part), untimed.during(part), recording.roofs);
  return { ...given, prefill: stepOf("prefill"), decode: stepOf("decode"), recording };
}

function stepProfile(
  timed: profiler.Stretch,
  untimed: profiler.Stretch,
  roofs: profiler.Roofs | undefined,
): StepProfile {
  const { count: steps, wallMs } = timed;
  const together = (kernels: readonly profiler.KernelProfile[]): KernelsOfStep => {
    const mean = (of: (kernel: profiler.KernelProfile) => number): number =>
      kernels.reduce((sum, kernel) => sum + of(kernel), 0) / steps;
    const [elapsedMs, flops, bytes] = [mean((k) => k.elapsedMs), mean((k) => k.flops), mean((k) => k.bytes)];
    const share = (elapsedMs * steps) / wallMs;
    return {
      elapsedMs,
      share,
      count: mean((k) => k.count),
      flops,
      bytes,
      ...profiler.rates(bytes, flops, elapsedMs, roofs),
    };
  };
  const kernelsOf = (wanted: readonly Component[]) =>
    timed.kernels.filter(({ scope }) => wanted.includes(componentOf(scope)));
  const components = componentNames
    .map((component) => ({ component, kernels: kernelsOf([component]) }))
    .filter(({ kernels }) => kernels.length > 0)
    .map(({ component, kernels }) => ({ component, ...together(kernels) }));
  const experts = kernelsOf(expertComponents);
  return {
    steps,
    stepMs: wallMs / steps,
    components,
    ...(experts.length > 0 && { experts: together(experts) }),
    kernels: together(timed.kernels),
    exchangeMs: timed.exchangeMs / steps,
    overheadMs: timed.overheadMs / steps,
    untimed: hostSteps(untimed),
  };
}

/** Phases in which the host waits for a device. */
export const waitingPhases: ReadonlySet<string> = new Set(["readback", "wait", "exchange"]);

function hostSteps({ hostMs }: profiler.Stretch): StepProfile["untimed"] {
  const names = [...new Set(hostMs.flatMap((times) => Object.keys(times) as (keyof profiler.HostTimes)[]))];
  const mean = names.map((name) => [name, hostMs.reduce((sum, times) => sum + (times[name] ?? 0), 0) / hostMs.length]);
  const steps = hostMs.map(hostStep).sort((a, b) => a.workMs - b.workMs);
  return { mean: hostStep(Object.fromEntries(mean)), least: steps[0] };
}

function hostStep(phasesMs: profiler.HostTimes): HostStep {
  const total = (wanted: (phase: string) => boolean): number =>
    Object.entries(phasesMs).reduce((sum, [phase, ms]) => sum + (wanted(phase) ? ms : 0), 0);
  return { stepMs: total(() => true), workMs: total((phase) => !waitingPhases.has(phase)), phasesMs };
}
