/** Tests of reference implementations against golden cases whose op is one primitive. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type HostTensor, hostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import type { Params } from "../../packages/jaxscale/src/jaxpr/ir.ts";
import { difference } from "../conformance/compare.ts";
import { type Case, type FamilyName, readFamily } from "../conformance/fixtures.ts";
import { evaluate, rulesOf } from "./samples/sample.ts";

interface Call {
  readonly primitive: { readonly name: string };
  readonly params: Params;
  /** Operands, if they are not the case's inputs. */
  readonly inputs?: readonly HostTensor[];
}
/** The call that a case is; undefined where it is more than one primitive. */
export type Mapping = (golden: Case, inputs: readonly HostTensor[], outputs: readonly HostTensor[]) => Call | undefined;

/** One test an op: every case that maps to a primitive agrees with JAX; up to axes of size 1, which `keepdims` adds. */
export function checkAgainstGolden(name: FamilyName, mappings: Readonly<Record<string, Mapping>>): void {
  const family = readFamily(name);
  assert.ok(family, `no fixtures of ${name}`);
  for (const [op, mapping] of Object.entries(mappings))
    test(`${op} as a primitive agrees with JAX`, () => {
      let checked = 0;
      for (const golden of family.cases.filter((c) => c.op === op && !c.tags?.includes("implementation-defined"))) {
        const inputs = golden.inputs.map((input) => {
          assert.type(input, "string", "a primitive takes no Python scalars");
          return family.tensor(input as string);
        });
        const wanted = golden.outputs.map(family.tensor);
        const call = mapping(golden, inputs, wanted);
        if (!call) continue;
        const results = evaluate(rulesOf(call), call.inputs ?? inputs, call.params);
        assert.is(results.length, wanted.length, golden.name);
        wanted.forEach((want, i) => {
          const got = golden.params.keepdims ? hostTensor(want.shape, results[i].dtype, results[i].values) : results[i];
          assert.is(difference(got, want, golden), undefined, golden.name);
        });
        checked++;
      }
      assert.ok(checked > 0, `no case of ${op} is one primitive`);
    });
}
