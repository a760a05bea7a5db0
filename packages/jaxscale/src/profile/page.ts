/** The page of a profile, or of several side by side: one file that needs nothing else. */
import type { RunData } from "./run-data.ts";

export async function profilePage(runs: readonly RunData[]): Promise<string> {
  // Only who wants a page loads what it is made of.
  const { pageOf } = await import("./page-asset.ts");
  return pageOf(runs);
}
