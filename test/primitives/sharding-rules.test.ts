/** Every primitive's sharding rule, tried on the reference: parts of the operands must give the parts of the results. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { isFloat } from "../../packages/jaxscale/src/base/dtypes.ts";
import { roundTo } from "../../packages/jaxscale/src/base/rounding.ts";
import { forEachIndex, sizeOf, stridesOf } from "../../packages/jaxscale/src/base/shapes.ts";
import { type HostTensor, hostTensor } from "../../packages/jaxscale/src/base/tensor-data.ts";
import type { Dimension } from "../../packages/jaxscale/src/primitives/factors.ts";
import {
  allPrimitives,
  type Factor,
  type PrimitiveRules,
  type ShardingRule,
} from "../../packages/jaxscale/src/primitives/primitive.ts";
import { contextOf, describe, evaluate, loadSamples, rulesOf, type Sample } from "./samples/sample.ts";

const samples = await loadSamples();

/** Part `part` of `parts` along every occurrence of a factor. */
function partOf(
  x: HostTensor,
  dims: readonly Dimension[],
  rule: ShardingRule,
  name: string,
  part: number,
  parts: number,
): HostTensor {
  const named = dims.flat();
  const whole = named.map((f) => rule.factors[f].size);
  const local = whole.map((size, i) => (named[i] === name ? size / parts : size));
  const strides = stridesOf(whole);
  const sizes = dims.map((d) => d.reduce((n, f) => n * (rule.factors[f].size / (f === name ? parts : 1)), 1));
  const out = hostTensor(sizes, x.dtype);
  forEachIndex(local, (index, linear) => {
    const from = index.map((c, i) => (named[i] === name ? c + part * local[i] : c));
    out.values[linear] = x.values[from.reduce((sum, c, i) => sum + c * strides[i], 0)];
  });
  return out;
}

const smallestDivisor = (n: number): number => {
  for (let d = 2; d * d <= n; d++) if (n % d === 0) return d;
  return n;
};

/** Unrounded results on each part of the operands. */
function onParts(
  sample: Sample,
  rules: PrimitiveRules,
  rule: ShardingRule,
  name: string,
  parts: number,
): (readonly HostTensor[])[] {
  const context = contextOf(rules, sample.inputs, sample.params);
  const sizes = Object.fromEntries(
    Object.entries(rule.factors).map(([f, { size }]) => [f, f === name ? size / parts : size]),
  );
  const params = rules.localParams?.(context, sizes) ?? sample.params;
  return Array.from({ length: parts }, (_, part) => {
    const inputs = sample.inputs.map((x, i) => partOf(x, rule.operands[i], rule, name, part, parts));
    const { outputs } = contextOf(rules, inputs, params);
    const results = rules.reference(inputs, params);
    results.forEach((r, i) =>
      assert.equal(r.shape, outputs[i].shape, "the reference's shape is that of the type rule"),
    );
    return results;
  });
}

function agree(got: HostTensor, want: HostTensor, tolerance: number, where: string): void {
  assert.equal(got.shape, want.shape, where);
  got.values.forEach((value, i) => {
    const w = want.values[i];
    const same =
      Object.is(roundTo(want.dtype, value), w) ||
      Math.abs(roundTo(want.dtype, value) - w) <= tolerance * (1 + Math.abs(w));
    assert.ok(same, `${where}: element ${i} is ${value}, of the whole it is ${w}`);
  });
}

const combines: Record<NonNullable<Factor["combine"]>, (a: number, b: number) => number> = {
  add: (a, b) => a + b,
  mul: (a, b) => a * b,
  max: Math.max,
  min: Math.min,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
};

function combined(partials: readonly HostTensor[], combine: Factor["combine"]): HostTensor {
  assert.ok(combine, "a reduction factor says how partial results combine");
  const [first, ...others] = partials;
  const values = first.values.map((x, i) => others.reduce((sum, p) => combines[combine](sum, p.values[i]), x));
  return { ...first, values };
}

function checkDimensions(
  what: string,
  tensors: readonly { shape: readonly number[] }[],
  dims: ShardingRule["operands"],
  rule: ShardingRule,
): void {
  assert.is(dims.length, tensors.length, `the rule has an entry for each of the ${what}`);
  tensors.forEach(({ shape }, i) => {
    const products = dims[i].map((d) => sizeOf(d.map((f) => rule.factors[f].size)));
    assert.equal(products, [...shape], `factors of ${what} ${i} multiply to its sizes`);
  });
}

function checkSample(sample: Sample): void {
  const rules = rulesOf(sample);
  const context = contextOf(rules, sample.inputs, sample.params);
  const rule = rules.sharding(context);
  const whole = evaluate(rules, sample.inputs, sample.params);
  checkDimensions("operands", context.inputs, rule.operands, rule);
  checkDimensions("results", context.outputs, rule.results, rule);
  for (const [name, factor] of Object.entries(rule.factors)) {
    if (factor.kind === "replicated" || factor.size < 2) continue;
    const parts = smallestDivisor(factor.size);
    const results = onParts(sample, rules, rule, name, parts);
    whole.forEach((want, output) => {
      const where = `${describe(sample)}: ${factor.kind} factor ${name} of size ${factor.size}, result ${output}`;
      const dims = rule.results[output];
      if (factor.kind === "parallel")
        results.forEach((got, part) =>
          agree(got[output], partOf(want, dims, rule, name, part, parts), 0, `${where}, part ${part}`),
        );
      else {
        assert.not.ok(dims.flat().includes(name), `${where}: a reduced factor is gone`);
        const partials = results.map((got) => got[output]);
        agree(
          combined(partials, factor.combine),
          want,
          !isFloat(want.dtype) ? 0 : want.dtype === "float32" ? 1e-6 : 0.01,
          where,
        );
      }
    });
  }
}

for (const name of new Set(samples.map((s) => s.primitive.name)))
  test(`${name} of parts of its operands gives the parts of its results`, () => {
    for (const sample of samples.filter((s) => s.primitive.name === name)) checkSample(sample);
  });

test("every primitive has a sample call, but those that call a jaxpr, run what a user wrote, or are gone before that", () => {
  const sampled = new Set(samples.map((s) => s.primitive.name));
  const unsampled = ["call", "loop", "branch", "custom", "effect"];
  const missing = allPrimitives().filter(
    (p) =>
      !unsampled.includes(p.lowering.kind) &&
      !p.axisNames &&
      !p.laidOut &&
      p.name !== "custom_lin" &&
      !sampled.has(p.name),
  );
  assert.equal(
    missing.map((p) => p.name),
    [],
  );
});

test.run();
