/** From a traced function to something that runs: every stage in order. */
import type { Target } from "./base/target.ts";
import { assemble } from "./fuse/assemble.ts";
import { draft } from "./fuse/draft.ts";
import { kernelsOf } from "./fuse/drafts.ts";
import { type Fusion, fuse } from "./fuse/grouping.ts";
import { Homes } from "./fuse/homes.ts";
import { defaultParameters, type ScheduleParameters } from "./fuse/parameters.ts";
import { ParameterChoice } from "./fuse/tuning.ts";
import { checkJaxpr } from "./jaxpr/check.ts";
import type { ClosedJaxpr, Jaxpr } from "./jaxpr/ir.ts";
import { checkKernel } from "./kernel/check.ts";
import { printKernel } from "./kernel/print.ts";
import type { Program } from "./kernel/program.ts";
import { inlineCalls } from "./passes/inline-calls.ts";
import { storeLiteralResults } from "./passes/literal-results.ts";
import { inBodies } from "./passes/nested.ts";
import { simplify } from "./passes/simplify.ts";
import { tunedFor } from "./tune/table.ts";
import { printWgsl } from "./wgsl/print.ts";

export interface CompileOptions {
  readonly name: string;
  /** Arguments, by position, whose buffers may be taken over. */
  readonly donated: readonly number[];
  /** For all groups, instead of the adapter's defaults and what was tuned. */
  readonly parameters?: ScheduleParameters;
}

/** One flat jaxpr without calls, each equation as it was traced. */
export const flatten = (traced: ClosedJaxpr): ClosedJaxpr => checked(inBodies(inlineCalls, inlineCalls(traced)));

/** The part of compiling that needs no target: one flat jaxpr without calls, duplicates or dead code. */
export const optimize = (traced: ClosedJaxpr): ClosedJaxpr => {
  const flat = flatten(traced);
  const lean = checked(inBodies(simplify, simplify(flat)));
  return checked(storeLiteralResults(lean));
};

/** @param optimized from `optimize`; its constants are the program's, in order */
export function compile(optimized: ClosedJaxpr, target: Target, options: CompileOptions): Program {
  const { jaxpr } = optimized;
  const homes = new Homes(jaxpr, new Set(options.donated));
  const choice = options.parameters
    ? new ParameterChoice(options.parameters, new Map())
    : new ParameterChoice(defaultParameters(target), tunedFor(target));
  const fuseFor = (part: Jaxpr): Fusion => choice.add(fuse(part, target));
  const drafts = draft(fuseFor(jaxpr), { target, homes, parametersFor: choice.for, fuse: fuseFor });
  if (checks.enabled) for (const kernel of kernelsOf(drafts)) checkKernel(kernel);
  return assemble(jaxpr, drafts, homes, target, options);
}

/** Whether each IR is checked between stages; on in tests. */
export const checks = { enabled: false };

function checked(closed: ClosedJaxpr): ClosedJaxpr {
  if (checks.enabled) checkJaxpr(closed);
  return closed;
}

export { storageBytes } from "./fuse/memory-view.ts";
export type { KernelOrigin, Program, Step } from "./kernel/program.ts";
export { type Client, getClient } from "./runtime/client.ts";
export type { HostConstant, LazyProgram } from "./runtime/lazy-program.ts";
export { measureRoofs, type Roofs } from "./runtime/measure.ts";
export type { KernelTiming } from "./runtime/profile.ts";
export { type ProgramTimer, timerFor } from "./runtime/program-timer.ts";
export { type DoctorReport, examine, formatReport } from "./runtime/report.ts";
export type { Storage } from "./runtime/storage.ts";

/** IR no. 2 of each distinct kernel. */
export const kernelsText = (program: Program): string =>
  program.kernels.map((kernel) => printKernel(kernel)).join("\n\n");

/** WGSL of each distinct kernel. */
export const wgslText = (program: Program): string => program.kernels.map((k) => printWgsl(k)).join("\n\n");
