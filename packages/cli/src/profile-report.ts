/** The tables of `jaxscale profile`. */
import type { KernelsOfStep, ModelProfile, StepProfile } from "@jaxscale/models";
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
function hostTable(prefill: StepProfile, decode: StepProfile): string {
  const known = new Set([prefill, decode].flatMap(({ untimed }) => Object.keys(untimed.hostMs)));
  const phases = [...known].filter((phase) => !(phase in waits)).concat([...known].filter((phase) => phase in waits));
  const cells = ({ untimed: { stepMs, hostMs } }: StepProfile, ms: (of: Record<string, number>) => number): string[] =>
    timeCells(ms(hostMs), ms(hostMs) / stepMs);
  const row = (name: string, ms: (of: Record<string, number>) => number): string[] => [
    name,
    ...cells(prefill, ms),
    ...cells(decode, ms),
  ];
  return formatTable(
    ["host, while no kernel is timed", "prefill ms", "%", "decode ms", "%"],
    [
      ...phases.map((phase) => row(waits[phase] ?? phase, (hostMs) => hostMs[phase] ?? 0)),
      row("host at work", (hostMs) => sum(hostMs, (phase) => !(phase in waits))),
      row("full step", (hostMs) => sum(hostMs, () => true)),
    ],
  );
}

/** Phases in which the host waits for the device. */
const waits: Readonly<Record<string, string>> = {
  readback: "readback, with the wait for it",
  wait: "wait",
  exchange: "exchange",
};

const sum = (hostMs: Record<string, number>, wanted: (phase: string) => boolean): number =>
  Object.entries(hostMs).reduce((total, [phase, ms]) => total + (wanted(phase) ? ms : 0), 0);

const percent = (share: number): string => (100 * share).toFixed(1);
const timeCells = (ms: number, share: number): string[] => [ms.toFixed(3), percent(share)];
const blanks = (count: number): string[] => new Array<string>(count).fill("");
const bandwidth = ({ readGigabytesPerSecond: read, copyGigabytesPerSecond: copy }: profiler.Roofs): number =>
  Math.max(read, copy);
