import { platform } from "../../packages/jaxscale/src/runtime/node/platform.ts";

/** Collects garbage and lets finalizers run. */
export async function collectGarbage(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    platform.forceCollection();
  }
  await new Promise((resolve) => setTimeout(resolve, 5));
}
