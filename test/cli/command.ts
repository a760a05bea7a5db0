/** The command `jaxscale` in a process of its own. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

/** A command under way. */
export class Running {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Ended>;
  output = "";
  errors = "";
  readonly #watchers = new Set<() => void>();

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.child = spawn(process.execPath, ["--import", "tsx", join(root, "packages/cli/src/main.ts"), ...args], {
      cwd: root,
      env: { XDG_RUNTIME_DIR: tmpdir(), ...process.env, ...env },
    });
    for (const [stream, field] of [
      [this.child.stdout, "output"],
      [this.child.stderr, "errors"],
    ] as const) {
      stream.setEncoding("utf8");
      stream.on("data", (text: string) => {
        this[field] += text;
        for (const watch of this.#watchers) watch();
      });
    }
    this.ended = new Promise((resolve) => {
      this.child.on("close", (code) => resolve({ code, output: this.output, errors: this.errors }));
    });
  }

  /** Waits until its output, or its standard error, matches. @throws Error if it ends before */
  until(pattern: RegExp, stream: "output" | "errors" = "output"): Promise<void> {
    return new Promise((resolve, reject) => {
      const watch = (): void => {
        if (!pattern.test(this[stream])) return;
        this.#watchers.delete(watch);
        resolve();
      };
      this.#watchers.add(watch);
      void this.ended.then(({ output, errors }) =>
        reject(new Error(`the ${stream} must match ${pattern}; got ${output}\n${errors}`)),
      );
      watch();
    });
  }
}

/** Runs to the end. @param input what it reads */
export function jaxscale(
  args: readonly string[],
  { input = "", env }: { readonly input?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Ended> {
  const running = new Running(args, env);
  running.child.stdin.end(input);
  return running.ended;
}
