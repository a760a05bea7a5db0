/** A comparison as a page: one file that needs nothing else. */
import type { Comparison } from "./comparison-data.ts";

export async function comparisonPage(comparison: Comparison): Promise<string> {
  // Only who wants a page loads what it is made of.
  const { pageOf } = await import("./page-asset.ts");
  return pageOf(comparison);
}
