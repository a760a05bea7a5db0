/** What the runtime needs from its surroundings. `#platform` names the implementation: Node's or the browser's. */

/** A way to reach WebGPU; a platform's sources are tried in order. */
export interface GpuSource {
  readonly name: string;
  /** What would be faster than the adapters that it offers, if anything is known. */
  readonly advice?: string;
  /**
   * The GPU object, or why there is none. The source keeps it alive: a collected one crashes its devices.
   * @param adapterName exact name of the one adapter to offer
   */
  open(adapterName?: string): Promise<GPU | { readonly missing: string }>;
  /** Names of the adapters it would offer; empty where the platform does not say. */
  adapterNames(): Promise<readonly string[]>;
}

export interface Platform {
  readonly name: "node" | "browser";
  readonly sources: readonly GpuSource[];
  /** Memory of the machine in bytes, if known. */
  readonly memoryBytes: number | undefined;
  /** One sentence: what to install for a (better) adapter. */
  readonly advice: string;
  /** A setting such as `JAXSCALE_ADAPTER`. */
  readVariable(name: string): string | undefined;
  /** Collects garbage now; finalizers still need a turn of the event loop. */
  forceCollection(): void;
  /** A small text kept between runs, by name; synchronous since compiling is. */
  readCache(name: string): string | undefined;
  writeCache(name: string, text: string): void;
  /** Replaces a kept text by what `change` makes of it; other processes wait meanwhile. */
  updateCache(name: string, change: (old: string | undefined) => string): void;
  /** Writes a text into a folder, which is made if need be; absent where there are no files. @throws what the file system says */
  readonly writeFile?: (folder: string, name: string, text: string) => void;
  /** Keeps the event loop turning, without haste, until the returned function is called. @param waitedMs how long something is waited for */
  keepTurning(waitedMs: () => number): () => void;
  /** Calls back once before the process or page ends. */
  onExit(callback: () => void): void;
}
