/** Dispatches taken together: a row a kernel, with what it did against what the adapter can do. */
import { userFrame } from "../base/call-site.ts";
import type { Kernel } from "../kernel/ir.ts";
import { printKernel } from "../kernel/print.ts";
import type { KernelTiming, Roofs } from "../runtime/index.ts";
import { printWgsl } from "../wgsl/print.ts";

/** What a kernel is made from, and what it became; empty where there is none, as of a copy. */
export interface KernelTexts {
  /** Its equations, as a jaxpr of them alone. */
  readonly jaxpr: string;
  /** Its IR. */
  readonly kernel: string;
  readonly wgsl: string;
}

/** One kernel of a program, over all its dispatches in the profile. */
export interface KernelProfile {
  readonly name: string;
  /** The jitted function that launched it. */
  readonly program: string;
  /** `namedScope`s around its main equation, joined by `/`. */
  readonly scope: string;
  /** Primitives fused into it. */
  readonly operations: readonly string[];
  /** Where the user called its main operation, such as `file:///app/train.ts:12:7`; empty if not known. */
  readonly site: string;
  /** The kind of schedule that was chosen, its workgroups, and its parameters. */
  readonly schedule: string;
  /** Dispatches. */
  readonly count: number;
  /** Device time of all of them. */
  readonly elapsedMs: number;
  /** Device time of one. */
  readonly meanMs: number;
  /** Of the device time of all kernels. */
  readonly share: number;
  /** Of all dispatches together: each read and written once; caches are not counted. */
  readonly bytes: number;
  readonly flops: number;
  readonly transcendentals: number;
  readonly gigabytesPerSecond: number;
  readonly gigaflopsPerSecond: number;
  /** Of the adapter's measured bandwidth or arithmetic, whichever the kernel is nearer to: 0 to about 1. NaN if not measured. */
  readonly shareOfRoof: number;
  readonly boundBy: "memory" | "arithmetic";
  /** Prints what it is made from and what it became. */
  readonly texts: () => KernelTexts;
}

/** Dispatches of one kernel, in one scope of one program, taken together. */
export function summarize(timings: readonly KernelTiming[], roofs: Roofs | undefined): KernelProfile[] {
  const groups = new Map<string, KernelTiming[]>();
  for (const t of timings) {
    const key = JSON.stringify([t.program, t.kernel, t.origin.scope, t.workgroups, t.origin.operations]);
    const group = groups.get(key);
    if (group) group.push(t);
    else groups.set(key, [t]);
  }
  const allMs = timings.reduce((ms, t) => ms + t.elapsedMs, 0);
  return [...groups.values()].map((group): KernelProfile => {
    const [first] = group;
    const { kernel, program, origin, code } = first;
    const sum = (of: (t: KernelTiming) => number): number => group.reduce((n, t) => n + of(t), 0);
    const elapsedMs = sum((t) => t.elapsedMs);
    const bytes = sum((t) => t.origin.bytes);
    const flops = sum((t) => t.origin.flops);
    return {
      name: kernel,
      program,
      scope: origin.scope,
      operations: origin.operations,
      site: siteOf(origin.site),
      schedule: scheduleText(first),
      count: group.length,
      elapsedMs,
      meanMs: elapsedMs / group.length,
      share: allMs === 0 ? 0 : elapsedMs / allMs,
      bytes,
      flops,
      transcendentals: sum((t) => t.origin.transcendentals),
      ...rates(bytes, flops, elapsedMs, roofs),
      texts: () => ({ jaxpr: origin.equations?.() ?? "", ...textsOf(code) }),
    };
  });
}

/** Work against time, and against what the adapter can do. */
export type Rates = Pick<KernelProfile, "gigabytesPerSecond" | "gigaflopsPerSecond" | "shareOfRoof" | "boundBy">;

/** How fast work was done. @param roofs without them the share is NaN */
export function rates(bytes: number, flops: number, elapsedMs: number, roofs: Roofs | undefined): Rates {
  const rate = (amount: number): number => (elapsedMs > 0 ? amount / elapsedMs / 1e6 : 0);
  const [gigabytesPerSecond, gigaflopsPerSecond] = [rate(bytes), rate(flops)];
  const memory = roofs ? gigabytesPerSecond / bandwidthOf(roofs) : Number.NaN;
  const arithmetic = roofs ? gigaflopsPerSecond / roofs.gigaflopsPerSecond : Number.NaN;
  const boundBy = arithmetic > memory ? "arithmetic" : "memory";
  return { gigabytesPerSecond, gigaflopsPerSecond, shareOfRoof: Math.max(memory, arithmetic), boundBy };
}

/** The roof of memory: reading, or reading and writing, whichever was faster. */
export const bandwidthOf = (roofs: Roofs): number =>
  Math.max(roofs.readGigabytesPerSecond, roofs.copyGigabytesPerSecond);

const sites = new WeakMap<object, string>();

/** Where the user called it. */
export function siteOf(site: { readonly stack?: string } | undefined): string {
  if (!site) return "";
  let place = sites.get(site);
  if (place === undefined) {
    place = userFrame(site)?.match(/\(?([^\s(]+:\d+:\d+)\)?$/)?.[1] ?? "";
    sites.set(site, place);
  }
  return place;
}

/** Such as `train.ts:12`. */
export const shortSite = (site: string): string => site.replace(/^.*\//, "").replace(/:\d+$/, "");

function scheduleText({ origin: { schedule }, code, workgroups }: KernelTiming): string {
  if (!code) return "";
  const grid = `${workgroups.join("×")} workgroups of ${code.workgroupSize.join("×")}`;
  return schedule ? `${grid}; ${schedule()}` : grid;
}

const printed = new WeakMap<Kernel, Omit<KernelTexts, "jaxpr">>();

function textsOf(code: Kernel | undefined): Omit<KernelTexts, "jaxpr"> {
  if (!code) return { kernel: "", wgsl: "" };
  let texts = printed.get(code);
  if (!texts) printed.set(code, (texts = { kernel: printKernel(code), wgsl: printWgsl(code) }));
  return texts;
}
