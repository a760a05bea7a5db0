/** From a traced function to something that runs: every stage in order. */
import type { Target } from "./base/target.ts";
import { assemble } from "./fuse/assemble.ts";
import { fuse } from "./fuse/grouping.ts";
import { defaultParameters, type ScheduleParameters } from "./fuse/parameters.ts";
import { scheduled } from "./fuse/schedule-cache.ts";
import { checkJaxpr } from "./jaxpr/check.ts";
import type { ClosedJaxpr, Var } from "./jaxpr/ir.ts";
import { checkKernel } from "./kernel/check.ts";
import { printKernel } from "./kernel/print.ts";
import type { Program } from "./kernel/program.ts";
import { inlineCalls } from "./passes/inline-calls.ts";
import { storeLiteralResults } from "./passes/literal-results.ts";
import { simplify } from "./passes/simplify.ts";
import { printWgsl } from "./wgsl/print.ts";

export interface CompileOptions {
  readonly name: string;
  /** Arguments, by position, whose buffers may be taken over. */
  readonly donated: readonly number[];
  readonly parameters?: ScheduleParameters;
}

/** The part of compiling that needs no target: one flat jaxpr without calls, duplicates or dead code. */
export const optimize = (traced: ClosedJaxpr): ClosedJaxpr =>
  checked(storeLiteralResults(checked(simplify(checked(inlineCalls(traced))))));

/** @param optimized from `optimize`; its constants are the program's, in order */
export function compile(optimized: ClosedJaxpr, target: Target, options: CompileOptions): Program {
  const { jaxpr } = optimized;
  const fusion = fuse(jaxpr, target);
  const parameters = options.parameters ?? defaultParameters(target);
  const resolve = (v: Var): Var => fusion.aliases.get(v) ?? v;
  const context = { graph: fusion.graph, target, parameters, resolve };
  const schedules = new Map(fusion.groups.map((group) => [group, scheduled(group, context, fusion.access)]));
  const program = assemble(jaxpr, fusion, schedules, target, options);
  if (checks.enabled) for (const kernel of program.kernels) checkKernel(kernel);
  return program;
}

/** Whether each IR is checked between stages; on in tests. */
export const checks = { enabled: false };

function checked(closed: ClosedJaxpr): ClosedJaxpr {
  if (checks.enabled) checkJaxpr(closed);
  return closed;
}

export { storageBytes } from "./fuse/memory-view.ts";
export type { Program } from "./kernel/program.ts";
export { type Client, getClient } from "./runtime/client.ts";
export type { HostConstant, LazyProgram } from "./runtime/lazy-program.ts";
export type { Storage } from "./runtime/storage.ts";

/** IR no. 2 of each distinct kernel. */
export const kernelsText = (program: Program): string => program.kernels.map(printKernel).join("\n\n");

/** WGSL of each distinct kernel. */
export const wgslText = (program: Program): string => program.kernels.map((k) => printWgsl(k)).join("\n\n");
