/** Runs a suite in a process of its own, which gives its memory and its devices back at the end. */
import { fork } from "node:child_process";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import type { Measurement, SuiteRecord } from "./record.ts";
import type { SuiteMessage } from "./suite.ts";

/** @param name of `bench/NAME.ts` */
export function runAsChild(name: string, args: readonly string[]): Promise<SuiteRecord> {
  const started = performance.now();
  const measurements: Measurement[] = [];
  const leftOut: string[] = [];
  let error: string | undefined;
  console.error(`\n${name} …`);
  const child = fork(fileURLToPath(new URL(`${name}.ts`, import.meta.url)), [...args], {
    execArgv: ["--import", "tsx"],
    env: { XDG_RUNTIME_DIR: tmpdir(), ...process.env },
    // What a suite prints goes beside the tables, not among them.
    stdio: ["ignore", 2, "inherit", "ipc"],
  });
  child.on("message", (message: SuiteMessage) => {
    switch (message.kind) {
      case "measured":
        measurements.push(message.measurement);
        break;
      case "leftOut":
        leftOut.push(message.what);
        break;
      case "failed":
        error = message.error;
        break;
    }
  });
  return new Promise((resolve) => {
    child.on("close", (code, signal) => {
      const measuredAll = code === 0 || measurements.some(({ errors }) => errors.jaxscale);
      error ??= measuredAll ? undefined : `the process ended with ${signal ?? code}`;
      resolve({ name, seconds: (performance.now() - started) / 1000, measurements, leftOut, error });
    });
  });
}
