import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Collects dropped arrays, and lets their finalizers run; without it a test that compares memory in use may see others' arrays go. */
export async function collectGarbage(): Promise<void> {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  for (let i = 0; i < 3; i++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
