/** Caches for tests, apart from the user's. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TextStore } from "../../packages/jaxscale/src/tune/winners.ts";

/** To be called before anything of the library is loaded. */
export function useOwnCache(): string {
  const folder = mkdtempSync(join(tmpdir(), "jaxscale-tuning-"));
  process.env.XDG_CACHE_HOME = folder;
  return join(folder, "jaxscale");
}

export function memoryStore(initial?: string): TextStore & { text: string | undefined } {
  return {
    text: initial,
    readCache() {
      return this.text;
    },
    updateCache(_, change) {
      this.text = change(this.text);
    },
  };
}
