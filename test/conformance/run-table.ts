/** Runs the table over families of golden cases and counts. */
import { type Deviation, deviationOf } from "./deviations.ts";
import { type Case, type Family, type FamilyName, familyNames, readFamily, sample } from "./fixtures.ts";
import { isLater } from "./later.ts";
import { type BackendName, failureOf } from "./run-case.ts";

export interface Outcome {
  readonly item: Case;
  readonly backend: BackendName;
  readonly status: Status;
  readonly message?: string;
}

/** deviates: WebGPU cannot give the golden result, and the documented one came out. open: what JAX leaves to its backend. */
export type Status = "passed" | "failed" | "deviates" | "open";

/** Judges one case on one backend. */
export async function judge(item: Case, family: Family, backend: BackendName): Promise<Outcome> {
  const message = await failureOf(item, family, backend);
  const deviation = deviationOf(item, backend);
  if (deviation) return judgeDeviation(item, backend, deviation, message);
  if (message === undefined) return { item, backend, status: "passed" };
  const open = item.tags?.includes("implementation-defined") && !message.includes("Error:");
  return { item, backend, status: open ? "open" : "failed", message };
}

function judgeDeviation(item: Case, backend: BackendName, deviation: Deviation, message: string | undefined): Outcome {
  if (message === undefined && deviation.varies) return { item, backend, status: "passed" };
  if (message !== undefined && deviation.fails.test(message)) return { item, backend, status: "deviates", message };
  const got = message === undefined ? "the golden result: remove the deviation" : message;
  return { item, backend, status: "failed", message: `should deviate (${deviation.reason}); got ${got}` };
}

export interface Selection {
  readonly folder?: string;
  readonly families?: readonly string[];
  readonly ops?: readonly string[];
  readonly backends: readonly BackendName[];
  /** Share of the cases to run, chosen with a fixed seed. */
  readonly fraction?: number;
}

/** Cases in flight at once: pipelines compile in parallel. */
const inFlight = 8;

export async function runFamily(name: FamilyName, selection: Selection): Promise<Outcome[]> {
  const family = readFamily(name, selection.folder);
  if (!family) return [];
  const { ops, fraction = 1 } = selection;
  const wanted = family.cases.filter(({ op }) => !isLater(op) && (!ops || ops.includes(op)));
  const queue = sample(wanted, fraction).flatMap((item) => selection.backends.map((backend) => ({ item, backend })));
  const outcomes: Outcome[] = [];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift())
      outcomes.push(await judge(next.item, family, next.backend));
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return outcomes;
}

export const selectedFamilies = (selection: Selection): readonly FamilyName[] =>
  familyNames.filter((name) => !selection.families || selection.families.includes(name));

export const describeOutcome = ({ item, backend, message }: Outcome): string =>
  `${item.name} on ${backend}: ${message ?? "as JAX"}`;

/** A family in a line: `dot: 218 passed, 0 failed (2 of them open in JAX)`. @param later number of its cases that are not run yet */
export function describeCounts(name: string, statuses: readonly Status[], later = 0): string {
  const count = (status: Status): number => statuses.filter((each) => each === status).length;
  const [failed, deviating, open] = [count("failed"), count("deviates"), count("open")];
  const notes = [
    deviating && `${deviating} of them as documented instead`,
    open && `${open} of them open in JAX`,
    later && `${later} cases of later work not run`,
  ].filter(Boolean);
  const counts = `${name}: ${statuses.length - failed} passed, ${failed} failed`;
  return notes.length > 0 ? `${counts} (${notes.join("; ")})` : counts;
}
