/** A process that runs one system's works when asked. */
import { type ChildProcess, fork } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import type { Facts, Reply, Request, Work } from "./protocol.ts";

export type System = "jaxscale" | "jax-js" | "TensorFlow.js" | "plain WGSL" | "llama.cpp";

interface Program {
  readonly script: string;
  /** Packages that must be installed in `bench/peers`, the one whose version counts first. */
  readonly needs: readonly string[];
  /** Whether they are among the dependencies there. */
  readonly isOptional?: boolean;
}

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const programs: Record<System, Program> = {
  jaxscale: { script: "jaxscale.ts", needs: [] },
  "jax-js": { script: "peers/jax-js.mjs", needs: ["@jax-js/jax"] },
  "TensorFlow.js": {
    script: "peers/tfjs.mjs",
    needs: ["@tensorflow/tfjs-backend-webgpu", "@tensorflow/tfjs-core"],
    isOptional: true,
  },
  "plain WGSL": { script: "peers/plain-wgsl.mjs", needs: ["webgpu"] },
  "llama.cpp": {
    script: "peers/llama-cpp.mjs",
    needs: ["@node-llama-cpp/linux-x64-vulkan", "koffi"],
    isOptional: true,
  },
};
export const systems = Object.keys(programs) as System[];

const manifest = (needed: string): string => at(`peers/node_modules/${needed}/package.json`);

export const isInstalled = (system: System): boolean =>
  programs[system].needs.every((needed) => existsSync(manifest(needed)));

/** Undefined if it is not installed. */
export function installedVersion(system: System): string | undefined {
  const [first] = programs[system].needs;
  return first !== undefined && isInstalled(system)
    ? JSON.parse(readFileSync(manifest(first), "utf8")).version
    : undefined;
}

export function howToInstall(system: System): string {
  const { needs, isOptional } = programs[system];
  return `not installed; npm install --ignore-scripts ${isOptional ? `${needs.join(" ")} ` : ""}in bench/peers, versions in the README there`;
}

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
    const script = at(programs[system].script);
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
