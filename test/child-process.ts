/** Programs of their own process: another environment, or an end that must not be this one's. */
import { spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly output: string;
  readonly errors: string;
}

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Runs a program of the test folder, such as `memory/eager-loop.ts`. */
export function runProgram(path: string, env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ["--import", "tsx", `test/${path}`], {
      cwd: root,
      env: { XDG_RUNTIME_DIR: tmpdir(), ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const texts = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8");
      child[name].on("data", (text: string) => {
        texts[name] += text;
      });
    }
    child.on("close", (code, signal) => resolve({ code, signal, output: texts.stdout, errors: texts.stderr }));
  });
}
