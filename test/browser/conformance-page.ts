/** Runs in a browser: families of golden cases on its GPU, by the code that runs them in Node. */
import * as jax from "jaxscale";
import type { FamilyName } from "../conformance/fixtures.ts";
import { fetchFixtures } from "./fixture-files.ts";

export interface Found {
  readonly adapter: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly wrong: readonly string[];
}

async function find(name: FamilyName): Promise<Found> {
  await fetchFixtures();
  // Its table reads fixtures when it is loaded.
  const { describeOutcome, runFamily } = await import("../conformance/run-table.ts");
  const outcomes = await runFamily(name, { backends: ["gpu"] });
  const counts: Record<string, number> = {};
  for (const { status } of outcomes) counts[status] = (counts[status] ?? 0) + 1;
  const wrong = outcomes.filter(({ status }) => status === "failed").map(describeOutcome);
  return { adapter: (await jax.ready()).name, counts, wrong };
}

Object.assign(globalThis, { find });
