import { basename, join } from "node:path";
import * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { observe } from "../../packages/models/src/compare/observe.ts";
import "../setup.ts";
import { alignLeft, fixtures, type GoldenCase, loadModel, openTensors, readGolden } from "./golden.ts";

interface Errors {
  maxAbs: number;
  rmsRel: number;
  largest: number;
}

/** Over real positions; those of padding hold nothing to compare. */
function errorsOf(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  shape: readonly number[],
  { lengths, offsets }: ReturnType<typeof alignLeft>,
  name: string,
): Errors {
  const [, width, ...rest] = shape;
  const size = rest.reduce((a, b) => a * b, 1);
  let [maxAbs, largest, square, errorSquare] = [0, 0, 0, 0];
  offsets.forEach((offset, b) => {
    for (let t = 0; t < lengths[b]; t++)
      for (let i = 0; i < size; i++) {
        // Weights lie along the keys, whose padding stands in front in the reference.
        const isProbs = name.endsWith("probs");
        if (isProbs && i % width >= lengths[b]) continue;
        const e = expected[(b * width + offset + t) * size + i + (isProbs ? offset : 0)];
        const error = Math.abs(actual[(b * width + t) * size + i] - e);
        maxAbs = Number.isNaN(error) ? Number.NaN : Math.max(maxAbs, error);
        largest = Math.max(largest, Math.abs(e));
        square += e * e;
        errorSquare += error * error;
      }
  });
  return { maxAbs, largest, rmsRel: Math.sqrt(errorSquare / square) };
}

const cases = ["batch2", "single"] as const;

/** A test for each dtype: every tensor of the checkpoint's golden file, with padding and without. */
export function testEveryTensor(name: string, within = fixtures): void {
  for (const dtype of ["float32", "bfloat16"] as const)
    test(`every tensor of ${name} in ${dtype} is that of transformers, with padding and without`, () =>
      compareAll(join(within, name), dtype));
}

async function compareAll(folder: string, dtype: "float32" | "bfloat16"): Promise<void> {
  const name = basename(folder);
  const golden = readGolden(folder);
  const tensors = await openTensors(folder);
  const { model } = await loadModel(folder, dtype);
  const run = jax.jit((m: typeof model, ids: jax.Array) =>
    observe(m, ids, (tensor) => cases.some((one) => tensors.entries.has(`${one}.f32.${tensor}`))),
  );
  const compared = new Set<string>();
  for (const caseName of cases) {
    const golds = golden.cases[caseName];
    const aligned = alignLeft(golds);
    const values = run(model, jax.numpy.array(aligned.ids, { dtype: "int32" }));
    for (const [tensor, value] of Object.entries(values)) {
      // The file has some tensors for the first layer only.
      if (!tensors.entries.has(`${caseName}.f32.${tensor}`)) continue;
      const expected = await tensors.read(`${caseName}.f32.${tensor}`);
      const actual = (await value.data()) as Float32Array;
      assert.equal([...value.shape], [...expected.shape], `${caseName} ${tensor}`);
      const errors = errorsOf(actual, expected.values, expected.shape, aligned, tensor);
      check(`${name} ${caseName} ${tensor}`, errors, dtype, golds.bf16_vs_f32[tensor]);
      compared.add(`${caseName}.f32.${tensor}`);
    }
  }
  const left = [...tensors.entries.keys()].filter(
    (key) => /^(batch2|single)\.f32\./.test(key) && !compared.has(key) && !/decode_logits|routing_gap/.test(key),
  );
  assert.equal(left, []);
  await tensors.close();
}

function check(what: string, errors: Errors, dtype: string, bf16: GoldenCase["bf16_vs_f32"][string] | undefined): void {
  const { maxAbs, rmsRel, largest } = errors;
  if (dtype === "float32" || what.endsWith("expert_ids"))
    assert.ok(maxAbs <= 2e-5 * Math.max(1, largest), `${what}: off by ${maxAbs}, largest ${largest}`);
  else {
    assert.ok(bf16, `${what}: has a tolerance`);
    assert.ok(maxAbs <= 3 * bf16.max_abs, `${what}: off by ${maxAbs}, may be ${3 * bf16.max_abs}`);
    assert.ok(rmsRel <= 2 * bf16.rms_rel, `${what}: off by ${rmsRel} of its rms, may be ${2 * bf16.rms_rel}`);
  }
}
