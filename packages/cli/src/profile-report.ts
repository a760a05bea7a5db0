/** The tables of `jaxscale profile`. */
import {
  type HostStep,
  type KernelsOfStep,
  type ModelProfile,
  type StepProfile,
  waitingPhases,
} from "@jaxscale/models";
import type { profiler } from "jaxscale";
import type { Environment } from "./benchmark-report.ts";
import { formatTable } from "./table.ts";

/** A profile, and where it was made. */
export interface ProfileReport {
  readonly profile: Omit<ModelProfile, "recording">;
  readonly environment: Environment;
  readonly clock: profiler.Profile["clock"];
  readonly roofs: profiler.Roofs | undefined;
}

const heading = ["component", "ms", "%", "kernels", "MB", "MFLOP", "GB/s", "GFLOP/s", "% of roof", "bound by"];

/** Prefill, then a step of decoding; then what shares are of, and where it was measured. */
export function profileText({ profile, environment, clock, roofs }: ProfileReport): string {
  const { batch, promptTokens, decodeSteps, repeats, prefill, decode } = profile;
  const rows = batch === 1 ? "1 row" : `${batch} rows`;
  const submits = "the device has no timestamps: each dispatch was a submit of its own, timed by the host";
  return [
    `prefill of ${rows} of ${promptTokens} tokens, mean of ${repeats}`,
    stepTable(prefill),
    "",
    `a decoding step of ${rows} with ${promptTokens + 1} to ${promptTokens + decodeSteps} tokens present, mean of ${repeats} × ${decodeSteps}`,
    stepTable(decode),
    "",
    hostTable(prefill, decode),
    "",
    ...(clock === "submits" ? [submits] : []),
    ...(roofs ? [`roofs: ${roofs.gigaflopsPerSecond.toFixed(1)} GFLOP/s, ${bandwidth(roofs).toFixed(1)} GB/s`] : []),
    `${environment.adapter}; ${environment.processor}, ${environment.threads} threads; load ${environment.load.toFixed(1)}`,
  ].join("\n");
}

function stepTable({ components, experts, kernels, exchangeMs, overheadMs, stepMs }: StepProfile): string {
  const withoutKernels = (name: string, ms: number): string[] => [name, ...timeCells(ms, ms / stepMs), ...blanks(7)];
  return formatTable(heading, [
    ...components.map(({ component, ...work }) => kernelsRow(component, work)),
    kernelsRow("all kernels", kernels),
    ...(experts ? [kernelsRow("of these, experts and router", experts)] : []),
    ...(exchangeMs > 0 ? [withoutKernels("exchange between GPUs", exchangeMs)] : []),
    withoutKernels("launch overhead", overheadMs),
    withoutKernels("full step", stepMs),
  ]);
}

const kernelsRow = (name: string, k: KernelsOfStep): string[] => [
  name,
  ...timeCells(k.elapsedMs, k.share),
  k.count.toFixed(0),
  (k.bytes / 1e6).toFixed(2),
  (k.flops / 1e6).toFixed(2),
  k.gigabytesPerSecond.toFixed(2),
  k.gigaflopsPerSecond.toFixed(2),
  Number.isNaN(k.shareOfRoof) ? "-" : percent(k.shareOfRoof),
  k.boundBy,
];

/** What the host does in a step while no kernel is timed. */
function hostTable(...profiles: readonly StepProfile[]): string {
  const steps = profiles.flatMap(({ untimed: { mean, least } }) => [mean, least]);
  const row = (name: string, of: (step: HostStep) => number): string[] => [name, ...steps.map((s) => of(s).toFixed(3))];
  const phases = [...new Set(steps.flatMap(({ phasesMs }) => Object.keys(phasesMs) as (keyof profiler.HostTimes)[]))];
  const isWaiting = (phase: string): boolean => waitingPhases.has(phase);
  const rowOf = (phase: keyof profiler.HostTimes) => row(phase, ({ phasesMs }) => phasesMs[phase] ?? 0);
  return formatTable(
    ["host, while no kernel is timed", "prefill ms", "least", "decode ms", "least"],
    [
      ...phases.filter((phase) => !isWaiting(phase)).map(rowOf),
      row("host at work", ({ workMs }) => workMs),
      ...phases.filter(isWaiting).map(rowOf),
      row("full step", ({ stepMs }) => stepMs),
    ],
  );
}

const percent = (share: number): string => (100 * share).toFixed(1);
const timeCells = (ms: number, share: number): string[] => [ms.toFixed(3), percent(share)];
const blanks = (count: number): string[] => new Array<string>(count).fill("");
const bandwidth = ({ readGigabytesPerSecond: read, copyGigabytesPerSecond: copy }: profiler.Roofs): number =>
  Math.max(read, copy);
