/** A process that runs one system's works when asked. */
import { type ChildProcess, fork } from "node:child_process";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import type { Facts, Reply, Request, Work } from "./protocol.ts";

export type System = "jaxscale" | "jax-js" | "plain WGSL" | "llama.cpp";

interface Program {
  readonly script: string;
  /** A file of the system that must be installed. */
  readonly needs?: string;
}

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const peer = (script: string, needs: string): Program => ({
  script: at(`peers/${script}`),
  needs: at(`peers/node_modules/${needs}/package.json`),
});

const programs: Record<System, Program> = {
  jaxscale: { script: at("jaxscale.ts") },
  "jax-js": peer("jax-js.mjs", "@jax-js/jax"),
  "plain WGSL": peer("plain-wgsl.mjs", "webgpu"),
  "llama.cpp": peer("llama-cpp.mjs", "@node-llama-cpp/linux-x64-vulkan"),
};

export const isInstalled = (system: System): boolean => {
  const { needs } = programs[system];
  return needs === undefined || existsSync(needs);
};

export interface Measured {
  readonly samples: readonly number[];
  readonly facts: Facts;
}

export class Contender {
  readonly system: System;
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (m: Measured) => void; reject: (e: Error) => void }>();
  #nextId = 0;

  constructor(system: System) {
    this.system = system;
    const { script } = programs[system];
    this.#process = fork(script, {
      execArgv: script.endsWith(".ts") ? ["--import", "tsx"] : [],
      env: { XDG_RUNTIME_DIR: tmpdir(), ...process.env },
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    this.#process.on("message", (reply: Reply) => {
      const waiting = this.#waiting.get(reply.id);
      this.#waiting.delete(reply.id);
      if ("error" in reply) waiting?.reject(new Error(`${system}: ${reply.error}`));
      else waiting?.resolve(reply);
    });
    this.#process.on("exit", (code) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`${system}: the process ended with ${code}`));
      this.#waiting.clear();
    });
  }

  /** @param samples 0 to prepare only */
  measure(work: Work, samples: number): Promise<Measured> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#process.send({ id, work, samples } satisfies Request);
    });
  }

  close(): void {
    if (this.#process.connected) this.#process.disconnect();
  }
}
