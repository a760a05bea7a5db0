/** Golden cases that cannot come out as in JAX, each with the reason and what comes out instead. */
import type { Case } from "./fixtures.ts";
import type { BackendName } from "./run-case.ts";

export interface Deviation {
  readonly cases: RegExp;
  readonly backends: readonly BackendName[];
  readonly reason: string;
  /** What the harness says of such a case: asserted, so that a change is noticed. */
  readonly fails: RegExp;
  /** Some adapters give the golden result. */
  readonly varies?: boolean;
}

const both = ["reference", "gpu"] as const;

export const deviations: readonly Deviation[] = [
  {
    cases: /^lax\.add\/denormal$/,
    backends: both,
    reason: "XLA on CPU takes denormal operands for zero; here two denormals may add up to a normal number",
    fails: /got 2\.35\d+e-38, wanted 0$/,
    varies: true,
  },
  {
    cases: /^jnp\.multiply\/bool\/inf$/,
    backends: both,
    reason: "inf · false is inf · 0, which is NaN; XLA rewrites a product with a bool as a choice and gives 0",
    fails: /got NaN, wanted 0$/,
  },
  {
    cases: /^jnp\.index\/bool_mask$/,
    backends: both,
    reason: "a mask decides the shape of the result, and its values are on the device: a call cannot wait for them",
    fails: /^DTypeError: index: a boolean mask decides the shape of the result/,
  },
  {
    cases: /^grad_grad\.softmax_dot\/default$/,
    backends: both,
    reason:
      "the sum of a softmax's gradient is 0: what JAX has, and what comes out here, are rounding errors below 1e-6",
    fails: /differ, worst at .* got (0|-?\d(\.\d+)?e-([789]|1\d)), wanted /,
    varies: true,
  },
];

export const deviationOf = ({ name }: Case, backend: BackendName): Deviation | undefined =>
  deviations.find((deviation) => deviation.cases.test(name) && deviation.backends.includes(backend));
