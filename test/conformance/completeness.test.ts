import { test } from "uvu";
import * as assert from "uvu/assert";
import type { ClosedJaxpr } from "../../packages/jaxscale/src/jaxpr/ir.ts";
import { allPrimitives, rulesOf } from "../../packages/jaxscale/src/primitives/primitive.ts";
import { deviations } from "./deviations.ts";
import { familyNames, readFamily } from "./fixtures.ts";
import { isLater, later } from "./later.ts";
import { prepare, trace } from "./run-case.ts";
import { hasRow, rowOps } from "./table.ts";

const families = familyNames.flatMap((name) => readFamily(name) ?? []);
const cases = families.flatMap((family) => family.cases.map((item) => ({ item, family })));
const ops = new Set(cases.map(({ item }) => item.op));

test("every op of the fixtures has a row, or a place among later work", () => {
  assert.equal(
    [...ops].filter((op) => !hasRow(op) && !isLater(op)),
    [],
  );
});

test("no op has both a row and a place among later work, and none is unknown to the fixtures", () => {
  assert.equal(
    rowOps().filter((op) => isLater(op) || !ops.has(op)),
    [],
  );
  const named = Object.values(later).flat();
  assert.equal(
    named.filter((name) => ![...ops].some((op) => op === name || name === `${op.split(".")[0]}.*`)),
    [],
  );
});

/** Primitives that no golden case of a row reaches, and where they are tested instead. */
const testedElsewhere: Readonly<Record<string, string>> = {
  all_gather: "resolved by the mapping that shardMap is: test/conformance/sharding.test.ts",
  all_to_all: "resolved by the mapping that shardMap is: test/conformance/sharding.test.ts",
  ppermute: "resolved by the mapping that shardMap is: test/conformance/sharding.test.ts",
  reduce_scatter: "resolved by the mapping that shardMap is: test/conformance/sharding.test.ts",
  own_part: "made by partitioning: test/partition/partition.test.ts",
  shard_map: "between GPUs: test/conformance/sharding-gpus.test.ts",
  exchange: "what collectives between GPUs become: test/partition/two-gpus.test.ts",
  sharding_constraint: "what partitioning is told: test/partition/partition.test.ts",
  pvary: "resolved by the mapping that shardMap is: test/api/shard-map.test.ts",
  axis_index: "over an axis of vmap: test/api/transforms-collectives.test.ts",
  psum: "over an axis of vmap: test/api/transforms-collectives.test.ts",
  psum_invariant: "resolved by the mapping that shardMap is: test/api/shard-map-gradients.test.ts",
  pmax: "over an axis of vmap: test/api/transforms-collectives.test.ts",
  pmin: "over an axis of vmap: test/api/transforms-collectives.test.ts",
  conv_patches: "what conv_general_dilated becomes when it is lowered: test/fuse/conv.test.ts",
  custom_lin: "what custom_vjp_call becomes on the way: test/api/transforms-custom.test.ts",
  custom_kernel: "a user's own WGSL, which has no counterpart in JAX",
  debug_print: "no result to compare: test/api/debug-print.test.ts",
  inspect_sharding: "no result to compare: test/api/visualize-sharding.test.ts",
  reduce_xor: "not in numpy: test/primitives/reduction.test.ts",
  "scatter-sub": "JAX gives scatter_sub no case: test/primitives/indexing.test.ts",
};

function primitivesIn({ jaxpr }: ClosedJaxpr, found: Set<string>): void {
  for (const { primitive, params } of jaxpr.eqns) {
    found.add(primitive.name);
    for (const body of rulesOf(primitive).subJaxprs(params)) primitivesIn(body, found);
  }
}

test("every primitive is reached by a row's golden cases, or named as tested elsewhere", () => {
  const reached = new Set<string>();
  for (const { item, family } of cases) {
    if (!hasRow(item.op)) continue;
    try {
      primitivesIn(trace(item, prepare(item, family)), reached);
    } catch {
      // A case that does not trace fails in its own family.
    }
  }
  const missing = allPrimitives()
    .map(({ name }) => name)
    .filter((name) => !reached.has(name));
  assert.equal(missing.sort(), Object.keys(testedElsewhere).sort());
});

test("every deviation names cases that exist", () => {
  for (const { cases: pattern } of deviations)
    assert.ok(
      cases.some(({ item }) => pattern.test(item.name)),
      String(pattern),
    );
});

test.run();
