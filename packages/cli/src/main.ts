#!/usr/bin/env node
/** The command `jaxscale`. */
import { Command, CommanderError } from "commander";
import { addBenchmark } from "./commands/benchmark.ts";
import { addChat } from "./commands/chat.ts";
import { addCompare } from "./commands/compare.ts";
import { addDiagnose } from "./commands/diagnose.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addEval } from "./commands/eval.ts";
import { addGenerate } from "./commands/generate.ts";
import { addKernels } from "./commands/kernels.ts";
import { addProfile } from "./commands/profile.ts";
import { addQuantize } from "./commands/quantize.ts";
import { addVerifyKvcache } from "./commands/verify-kvcache.ts";
import { withUnderscores } from "./flags.ts";
import { exitOnOutputErrors } from "./output.ts";

/** Each adds one command. */
const additions: readonly ((program: Command) => void)[] = [
  addDoctor,
  addCompare,
  addDiagnose,
  addEval,
  addVerifyKvcache,
  addGenerate,
  addChat,
  addBenchmark,
  addProfile,
  addKernels,
  addQuantize,
];

const program = new Command("jaxscale")
  .description("Models of the GLM family, compiled for WebGPU.")
  .usage("<command> [options]")
  .showHelpAfterError("(jaxscale <command> --help says what there is)")
  .exitOverride();
for (const add of additions) add(program);

exitOnOutputErrors();

try {
  const args = process.argv.slice(2);
  const named = program.commands.find((command) => command.name() === args[0]);
  const options = named ? [named, ...named.commands].flatMap((command) => command.options) : [];
  await program.parseAsync(withUnderscores(args, options), { from: "user" });
} catch (error) {
  process.exitCode = reportError(error);
}

/** @returns the exit code: 2 for a command line that cannot be read, 1 for what fails on the way */
function reportError(error: unknown): number {
  // Commander has said already what was wrong with the flags.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  // A message that our errors carry, or the file system's, is for the user; a stack is for our own bugs.
  const known = error instanceof Error && (/.Error$/.test(error.name) || "syscall" in error);
  console.error(known ? `${error.name}: ${error.message}` : error);
  return 1;
}
