/** Golden cases that cannot come out as in JAX, each with the reason and what comes out instead. */
import type { Case } from "./fixtures.ts";
import type { BackendName } from "./run-case.ts";

export interface Deviation {
  readonly cases: RegExp;
  readonly backends: readonly BackendName[];
  readonly reason: string;
  /** What the harness says of such a case: asserted, so that a change is noticed. */
  readonly fails: RegExp;
}

export const deviations: readonly Deviation[] = [];

export const deviationOf = ({ name }: Case, backend: BackendName): Deviation | undefined =>
  deviations.find((deviation) => deviation.cases.test(name) && deviation.backends.includes(backend));
