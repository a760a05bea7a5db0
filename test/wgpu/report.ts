/** The verdicts of a suite in lines. */
import { describeCounts } from "../conformance/run-table.ts";
import type { Verdict } from "./suite.ts";

export const describeVerdict = ({ name, status, message = "as expected" }: Verdict): string =>
  `${status === "failed" ? "FAIL" : status.padEnd(4)} ${name} on wgpu: ${message}`;

/** Counts of each group, and the sum. */
export function describeVerdicts(verdicts: readonly Verdict[]): string {
  const statusesOf = (group?: string) =>
    verdicts.filter((verdict) => group === undefined || verdict.group === group).map(({ status }) => status);
  const groups = [...new Set(verdicts.map(({ group }) => group))];
  const failed = verdicts.filter(({ status }) => status === "failed").length;
  const lines = groups.map((group) => describeCounts(group, statusesOf(group)));
  return [...lines, `${verdicts.length - failed} passed, ${failed} failed`].join("\n");
}
