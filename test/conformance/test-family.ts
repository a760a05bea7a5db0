/** A family of golden cases as tests: one for each op and backend. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { FamilyName } from "./fixtures.ts";
import type { BackendName } from "./run-case.ts";
import { describeOutcome, type Outcome, runFamily } from "./run-table.ts";

/** The GPU runs the whole tables only when asked; otherwise a share of the cases, chosen with a fixed seed. */
const full = process.env.JAXSCALE_FULL === "1";

/** The reference runs every case always. @param gpuFraction share of the cases that run on the GPU @returns tests to run */
export async function familyTests(name: FamilyName, gpuFraction = 0.2): Promise<typeof test> {
  const fractions: Readonly<Record<BackendName, number>> = { reference: 1, gpu: full ? 1 : gpuFraction };
  for (const backend of ["reference", "gpu"] as const) {
    const outcomes = await runFamily(name, { backends: [backend], fraction: fractions[backend] });
    const ops = new Set(outcomes.map(({ item }) => item.op));
    for (const op of ops)
      addTest(
        op,
        backend,
        outcomes.filter(({ item }) => item.op === op),
      );
  }
  return test;
}

function addTest(op: string, backend: BackendName, outcomes: readonly Outcome[]): void {
  test(`${op} is as in JAX on ${backend} (${outcomes.length} cases)`, () => {
    const wrong = outcomes.filter(({ status }) => status === "failed");
    assert.is(wrong.length, 0, wrong.map(describeOutcome).join("\n"));
  });
}
