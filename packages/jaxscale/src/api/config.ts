/** Switches of the whole library. */
import type { Array } from "../trace/array.ts";
import type { DeviceArray } from "./device-array.ts";
import type { Runnable } from "./evaluate.ts";

export type Launch = (runnable: Runnable, operands: readonly Array[]) => DeviceArray[];

/** Stands around every launch, if there is one. */
type Watcher = (runnable: Runnable, operands: readonly Array[], launch: Launch) => DeviceArray[];

let watcher: Watcher | undefined;

export const currentWatcher = (): Watcher | undefined => watcher;

export function setWatcher(wanted: Watcher | undefined): void {
  watcher = wanted;
}

/** Runs `f` with another watcher, or none. */
export function withWatcher<T>(wanted: Watcher | undefined, f: () => T): T {
  const outer = watcher;
  watcher = wanted;
  try {
    return f();
  } finally {
    watcher = outer;
  }
}
