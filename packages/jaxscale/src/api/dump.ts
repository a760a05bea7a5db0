/**
 * What `JAXSCALE_DEBUG` and `JAXSCALE_DUMP` ask for: programs that are checked between all stages, and the texts of those stages as files.
 */

import { userFrame } from "../base/call-site.ts";
import { DeviceError } from "../base/errors.ts";
import { checks, kernelsText, type Optimized, wgslText } from "../compile.ts";
import type { ClosedJaxpr, Jaxpr } from "../jaxpr/ir.ts";
import { printJaxpr } from "../jaxpr/print.ts";
import { rulesOf } from "../primitives/primitive.ts";
import { getClient, type LazyProgram, platform } from "../runtime/index.ts";

// A client would look for its adapters before a program could name them.
const variable = (name: string): string => platform.readVariable(name) ?? "";

/** Whether `JAXSCALE_DEBUG` is set, to anything but 0; then each IR is checked between stages. */
export function debugging(): boolean {
  const on = !["", "0"].includes(variable("JAXSCALE_DEBUG"));
  if (on) checks.enabled = true;
  return on;
}

let count = 0;

/**
 * The program as it is; when it is compiled, its stages are written to the folder that `JAXSCALE_DUMP` names, numbered in the order
 * of compilation: `0001-f.jaxpr.txt` as traced, `.partitioned.txt` as one device of a mesh runs it, `.simplified.txt` as it is fused,
 * `.kernels.txt`, `.wgsl`, and `.sources.txt` with the user's line of each equation.
 */
export function dumped(program: LazyProgram, traced: ClosedJaxpr, optimized: Optimized): LazyProgram {
  const folder = variable("JAXSCALE_DUMP");
  if (folder === "") return program;
  const { writeFile } = getClient().platform;
  if (writeFile === undefined) throw new DeviceError(`JAXSCALE_DUMP: there must be files to write; got ${folder}`);
  const build: LazyProgram["build"] = (target) => {
    const built = program.build(target);
    const number = `${++count}`.padStart(4, "0");
    const stages: Record<string, string> = {
      "jaxpr.txt": printJaxpr(traced),
      ...(optimized.partitioned && { "partitioned.txt": printJaxpr(optimized.partitioned.local) }),
      "simplified.txt": printJaxpr(optimized.closed),
      "sources.txt": sourcesText(optimized.closed.jaxpr),
      "kernels.txt": kernelsText(built),
      wgsl: wgslText(built),
    };
    for (const [stage, text] of Object.entries(stages))
      writeFile(folder, `${number}-${fileName(program.name)}.${stage}`, `${text.trimEnd()}\n`);
    return built;
  };
  return { ...program, build };
}

const longestName = 80;
const fileName = (name: string): string => name.replace(/[^\w.-]+/g, "_").slice(0, longestName);

/** A line an equation: its number, primitive, named scope, and where the user called it. */
function sourcesText({ eqns }: Jaxpr, indent = ""): string {
  return eqns
    .flatMap(({ primitive, params, source: { scope, site } }, i) => [
      [`${indent}${i} ${primitive.name}`, scope, userFrame(site)].filter(Boolean).join("  "),
      ...rulesOf(primitive)
        .subJaxprs(params)
        .map(({ jaxpr }) => sourcesText(jaxpr, `${indent}  `)),
    ])
    .join("\n");
}
