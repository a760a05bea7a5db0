/** Runs the test files, each in a process of its own: `tsx test/run.ts [part of a path …]`. */
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const full = process.env.JAXSCALE_FULL === "1";
const timeoutMs = (full ? 30 : 5) * 60_000;
const parallel = Math.max(1, Math.min(availableParallelism(), 8));

function testFiles(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".test.ts") && !path.includes("node_modules"))
    .map((path) => join(folder, path));
}

interface Outcome {
  readonly file: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly output: string;
  readonly elapsedMs: number;
  /** Why the file counts as failed though no test of it did. */
  readonly problem?: string;
}

// uvu ends each process with its totals; a file may run several suites.
const total = (output: string, label: string): number =>
  [...output.matchAll(new RegExp(`^ *${label}: +(\\d+)`, "gm"))].reduce((sum, found) => sum + Number(found[1]), 0);
// biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one
const withoutColours = (text: string): string => text.replace(/\u001b\[\d+(;\d+)*m/g, "");

function run(file: string): Promise<Outcome> {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ["--import", "tsx", file], {
      cwd: root,
      env: { XDG_RUNTIME_DIR: tmpdir(), ...process.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (text: string) => {
        output += text;
      });
    }
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill("SIGKILL");
    }, timeoutMs);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      const plain = withoutColours(output);
      const all = total(plain, "Total");
      const passed = total(plain, "Passed");
      const skipped = total(plain, "Skipped");
      // The total leaves out what was skipped.
      const failed = all - passed;
      resolve({
        file,
        passed,
        failed,
        skipped,
        output,
        elapsedMs: performance.now() - startedAt,
        problem: problemOf({ timedOut, signal, code, all: all + skipped, failed }),
      });
    });
  });
}

interface Ending {
  readonly timedOut: boolean;
  readonly signal: string | null;
  readonly code: number | null;
  readonly all: number;
  readonly failed: number;
}
function problemOf({ timedOut, signal, code, all, failed }: Ending): string | undefined {
  if (timedOut) return `did not end within ${timeoutMs / 1000} s`;
  if (signal) return `was ended by ${signal}`;
  if (code !== 0 && failed === 0) return `ended with exit code ${code}`;
  if (all === 0) return "ran no test: is test.run() missing?";
  return undefined;
}

/** A file that skips tests prints why: `skipped: …`. */
const skipReasons = (output: string): string =>
  output.match(/^skipped: .*$/gm)?.join("\n") ?? "skipped: no reason given";

function report(outcome: Outcome, done: number, of: number): void {
  const { file, passed, failed, skipped, output, elapsedMs, problem } = outcome;
  const bad = failed > 0 || problem !== undefined;
  const counts = `${passed} passed${failed ? `, ${failed} failed` : ""}${skipped ? `, ${skipped} skipped` : ""}`;
  console.log(`${bad ? "FAIL" : "ok  "} [${done}/${of}] ${file}: ${counts} (${(elapsedMs / 1000).toFixed(1)} s)`);
  if (skipped > 0) console.log(skipReasons(output));
  if (bad) console.log(`${output.trimEnd()}\n${problem ? `${file} ${problem}\n` : ""}`);
}

async function main(filters: readonly string[]): Promise<void> {
  const files = [...testFiles("test"), ...testFiles("packages")]
    .map((path) => relative(root, join(root, path)))
    .filter((path) => filters.length === 0 || filters.some((part) => path.includes(part)))
    .sort();
  const outcomes: Outcome[] = [];
  const queue = [...files];
  const worker = async (): Promise<void> => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      const outcome = await run(file);
      outcomes.push(outcome);
      report(outcome, outcomes.length, files.length);
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));

  const passed = outcomes.reduce((sum, { passed }) => sum + passed, 0);
  const failed = outcomes.reduce((sum, { failed, problem }) => sum + Math.max(failed, problem ? 1 : 0), 0);
  const bad = outcomes.filter(({ failed, problem }) => failed > 0 || problem);
  if (bad.length > 0) console.log(`Files with failures:\n${bad.map(({ file }) => `  ${file}`).join("\n")}`);
  if (files.length === 0) console.log(`no test file matches ${filters.join(" ")}`);
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 || files.length === 0 ? 1 : 0;
}

await main(process.argv.slice(2));
