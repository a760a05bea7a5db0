/** The runtime's surroundings in a page or worker. */
import type { Platform } from "./platform.ts";

interface BrowserGlobals {
  readonly navigator?: { readonly gpu?: GPU; readonly deviceMemory?: number };
  readonly localStorage?: Storage;
  readonly gc?: () => void;
  /** Settings that Node takes from the environment. */
  readonly jaxscale?: Readonly<Record<string, string>>;
  addEventListener?(type: "pagehide", listener: () => void, options: { once: true }): void;
}

const globals = globalThis as unknown as BrowserGlobals;

// Storage may be forbidden by the page's policy: reading it then throws.
function withLocalStorage<T>(use: (storage: Storage) => T): T | undefined {
  try {
    return globals.localStorage ? use(globals.localStorage) : undefined;
  } catch {
    return undefined;
  }
}

const readCache = (name: string): string | undefined =>
  withLocalStorage((storage) => storage.getItem(`jaxscale/${name}`) ?? undefined);
function writeCache(name: string, text: string): void {
  withLocalStorage((storage) => storage.setItem(`jaxscale/${name}`, text));
}

export const platform: Platform = {
  name: "browser",
  sources: [
    {
      name: "browser",
      open: async () => globals.navigator?.gpu ?? { missing: "this browser has no navigator.gpu" },
      adapterNames: async () => [],
    },
  ],
  memoryBytes: globals.navigator?.deviceMemory ? globals.navigator.deviceMemory * 2 ** 30 : undefined,
  advice: "use a browser with WebGPU, and a secure context (https or localhost)",
  readVariable: (name) => globals.jaxscale?.[name],
  forceCollection: () => globals.gc?.(),
  readCache,
  writeCache,
  // One turn of a page's thread: nothing comes in between.
  updateCache: (name, change) => writeCache(name, change(readCache(name))),
  // A page's loop turns by itself.
  keepTurning: () => () => {},
  onExit: (callback) => globals.addEventListener?.("pagehide", callback, { once: true }),
};
