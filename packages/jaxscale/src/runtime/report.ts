/** What `jaxscale doctor` prints: the adapter, what it offers, and how fast it is. */
import type { Target } from "../base/target.ts";
import type { FoundAdapter } from "./adapter.ts";
import type { Client } from "./client.ts";
import { measureRoofs, type Roofs } from "./measure.ts";

export interface DoctorReport {
  readonly adapter: string;
  /** The GPU's name; browsers keep it to themselves, and it is empty. */
  readonly device: string;
  readonly driver: string;
  readonly source: string;
  readonly kind: Target["kind"];
  readonly features: Readonly<Record<string, boolean>>;
  readonly limits: Readonly<Record<string, number>>;
  readonly subgroupSize: { readonly min: number; readonly max: number };
  readonly memoryBudgetBytes: number;
  readonly roofs: Roofs;
  /** What would make it faster, if anything is known. */
  readonly advice: string | undefined;
}

/** Opens a GPU and measures it. @throws DeviceError if there is none */
export async function examine(
  client: Client,
  gpu = 0,
  options: { readonly anew?: boolean } = {},
): Promise<DoctorReport> {
  const { found, target, pool } = await client.device(gpu);
  const { vendor, architecture, device, description } = found.adapter.info;
  return {
    adapter: found.name,
    device,
    driver: [vendor, architecture, device, description].filter(Boolean).join(", "),
    source: found.source.name,
    kind: found.kind.name,
    features: target.features,
    limits: target.limits,
    subgroupSize: target.subgroupSize,
    memoryBudgetBytes: pool.budgetBytes,
    roofs: await measureRoofs(client, gpu, options),
    advice: adviceFor(found, client.platform.advice),
  };
}

/** What would be faster than an adapter: as its source says, else its kind; undefined for hardware. */
export const adviceFor = (
  { source, kind }: Pick<FoundAdapter, "source" | "kind">,
  platformAdvice: string,
): string | undefined => source.advice ?? kind.advice?.(platformAdvice);

/** The report as lines of text. */
export function formatReport(report: DoctorReport): string {
  const { roofs, subgroupSize } = report;
  const lines: [string, string][] = [
    ["adapter", report.adapter],
    ["driver", `${report.driver} (${report.kind}, ${report.source})`],
    ...Object.entries(report.features).map(([name, has]): [string, string] => [name, has ? "yes" : "no"]),
    [
      "subgroup size",
      subgroupSize.min === subgroupSize.max ? `${subgroupSize.min}` : `${subgroupSize.min} to ${subgroupSize.max}`,
    ],
    ...Object.entries(report.limits).map(([name, value]): [string, string] => [name, value.toLocaleString("en-US")]),
    ["memory budget", `${(report.memoryBudgetBytes / 2 ** 30).toFixed(1)} GiB`],
    ["streaming read", `${roofs.readGigabytesPerSecond.toFixed(1)} GB/s (${roofs.variants.read})`],
    ["streaming copy", `${roofs.copyGigabytesPerSecond.toFixed(1)} GB/s, read and write (${roofs.variants.copy})`],
    [
      "bfloat16 weights",
      `${roofs.bfloat16GigabytesPerSecond.toFixed(1)} GB/s, read, unpacked, multiplied (${roofs.variants.bfloat16})`,
    ],
    ["f32 multiply-add", `${roofs.gigaflopsPerSecond.toFixed(1)} GFLOP/s (${roofs.variants.flops})`],
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  const text = lines.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join("\n");
  return report.advice ? `${text}\n\n${report.advice}` : text;
}
