/** Suites in Deno, whose WebGPU is wgpu, as Firefox's: bundled as for a browser, with no network and no file but in the folders given. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { bundle } from "../browser/bundle.ts";
import { type Ending, mark, type Verdict } from "./suite.ts";

const installed = join(import.meta.dirname, "node_modules", "@deno");

/** The executable, or undefined where it is not installed. The package beside it holds none: npm takes that of this system. */
export function findDeno(): string | undefined {
  const [name] = existsSync(installed) ? readdirSync(installed) : [];
  return name && join(installed, name, process.platform === "win32" ? "deno.exe" : "deno");
}

export const howToInstall = "npm ci --ignore-scripts --prefix test/wgpu";

export interface DenoOptions {
  /** Its one argument, as JSON. */
  readonly settings?: unknown;
  /** Folders that it may read. */
  readonly folders?: readonly string[];
  readonly onVerdict: (verdict: Verdict) => void;
}

/**
 * Runs a suite.
 * @param script name of a file beside this one
 * @returns the adapter's name
 * @throws Error if Deno is missing, or the suite does not come to its end
 */
export async function runInDeno(script: string, { settings, folders = [], onVerdict }: DenoOptions): Promise<string> {
  const deno = findDeno();
  if (deno === undefined) throw new Error(`wgpu: Deno must be installed: ${howToInstall}`);
  const text = await bundle(join(import.meta.dirname, script));
  const cache = mkdtempSync(join(tmpdir(), "jaxscale-deno-"));
  const closed = ["--no-prompt", "--no-remote", "--no-npm", "--no-config", "--no-lock"];
  const reads = folders.map((folder) => `--allow-read=${folder}`);
  const child = spawn(deno, ["run", ...closed, ...reads, "--ext=js", "-", JSON.stringify(settings ?? null)], {
    env: { XDG_RUNTIME_DIR: tmpdir(), ...process.env, DENO_DIR: cache, DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" },
  });
  const ended = new Promise((resolve) => child.on("close", (code, signal) => resolve(signal ?? `code ${code}`)));
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (part: string) => {
    errors += part;
  });
  let [adapter, last]: (string | undefined)[] = [];
  try {
    child.stdin.on("error", () => {}).end(text);
    for await (const line of createInterface(child.stdout)) {
      if (!line.startsWith(mark)) continue;
      const said = JSON.parse(line.slice(mark.length)) as Verdict | Ending;
      if ("adapter" in said) adapter = said.adapter;
      else onVerdict(said);
      if ("name" in said) last = said.name;
    }
    const how = await ended;
    if (adapter !== undefined && how === "code 0") return adapter;
    const where = last === undefined ? "before its first case" : `after ${last}`;
    throw new Error(`wgpu: ${script} must come to its end; Deno ended with ${how} ${where}:\n${errors.trim()}`);
  } finally {
    child.kill();
    rmSync(cache, { recursive: true, force: true });
  }
}
