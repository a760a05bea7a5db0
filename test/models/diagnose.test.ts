/** What `diagnose` finds in models that are right, and in such that are broken on purpose. */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import {
  blobSource,
  compareWithGolden,
  cosineBetween,
  diagnoseAccumulation,
  diagnoseGeneration,
  diagnoseLayers,
  diagnoseRope,
  diagnoseWeights,
  encodeRuns,
  folderFiles,
  GoldenFile,
  type HostTensor,
  LanguageModel,
  nextTokens,
  observeGolden,
  observeRun,
  openCheckpoint,
  parseQuestions,
  repetitionOf,
  SafetensorsFile,
  topTokens,
} from "@jaxscale/models";
import * as nnx from "@jaxscale/nnx";
import type * as jax from "jaxscale";
import { test } from "uvu";
import * as assert from "uvu/assert";
import "../setup.ts";
import { copyOf, editJson, editTensors, exchangeTensors } from "./broken.ts";
import { fixture, readJson, recorded, shipped } from "./fixtures.ts";

const copies: string[] = [];
test.after(() => {
  for (const folder of copies) rmSync(folder, { recursive: true });
});
function broken(folder: string): string {
  const copy = copyOf(folder);
  copies.push(copy);
  return copy;
}

async function openGolden(name: string): Promise<GoldenFile> {
  const source = await folderFiles(recorded(name)).open("golden.safetensors");
  assert.ok(source);
  return new GoldenFile(await SafetensorsFile.open(source));
}

/** Every part of a checkpoint's layers against the golden ones of another. */
async function againstGolden(folder: string, name: string, dtype: jax.DType = "float32") {
  const language = await LanguageModel.load(folder, { dtype });
  const golden = await openGolden(name);
  const pairs = await observeGolden(language.model, golden, () => true);
  await golden.close();
  language.dispose();
  const [{ run, other }] = pairs;
  const { columns } = other;
  return diagnoseLayers(run.tensors, other.tensors, { columns, toleratesOtherExperts: dtype !== "float32" });
}

test("loaded parameters equal the files', stacked and cast", async () => {
  const folder = fixture("glm4_moe_lite-tiny");
  for (const dtype of ["bfloat16", "float32"] as const) {
    const language = await LanguageModel.load(folder, { dtype });
    const parameters = await diagnoseWeights(language.model, await openCheckpoint(folder));
    assert.ok(parameters.every(({ passed }) => passed));
    const experts = parameters.find(({ name }) => name === "model.layers.1.mlp.experts.gate_up_proj");
    // 8 experts, gate and up.
    assert.is(experts?.tensors, 16);
    language.dispose();
  }
});

test("a parameter that is not the file's is named, with its number of differing elements", async () => {
  const language = await LanguageModel.load(fixture("glm-tiny"), { dtype: "float32" });
  const [[path, leaf]] = [...nnx.state(language.model, nnx.Param)].filter(([at]) => at.includes("o_proj"));
  const parameter = leaf as nnx.Param;
  parameter.set(parameter.get().at(1, 3).set(7));
  const found = await diagnoseWeights(language.model, await openCheckpoint(fixture("glm-tiny")));
  const bad = found.filter(({ passed }) => !passed);
  assert.equal(
    bad.map(({ name, differing }) => [name, differing]),
    [[path.join("."), 1]],
  );
  parameter.set(parameter.get().at(0, 0).set(Number.NaN));
  const [again] = (await diagnoseWeights(language.model, await openCheckpoint(fixture("glm-tiny")))).filter(
    ({ passed }) => !passed,
  );
  assert.equal([again.notFinite, again.differing, Number.isNaN(again.maxAbs)], [1, 2, true]);
  language.dispose();
});

test("inverse frequencies are those of transformers; another theta, and another share of the head, are found", async () => {
  for (const name of ["glm4-tiny", "glm4_moe_lite-tiny"]) {
    const file = await SafetensorsFile.open((await folderFiles(recorded(name)).open("golden.safetensors")) as never);
    const expected = [...(await file.read("inv_freq")).values];
    await file.close();
    const { config, rope } = (await LanguageModel.load(fixture(name))).model;
    const right = await diagnoseRope(rope, expected);
    assert.ok(right.passed, `${config.modelType}: ${right.relative}, ${right.deviceError}`);
    assert.not((await diagnoseRope({ ...rope, theta: rope.theta / 2 }, expected)).passed);
    assert.not((await diagnoseRope({ ...rope, rotaryDim: rope.rotaryDim / 2 }, expected)).passed);
  }
});

test("exchanged norms are the first tensor below 0.99", async () => {
  const folder = broken(fixture("glm4-tiny"));
  assert.ok((await againstGolden(folder, "glm4-tiny")).passed);
  const norm = (name: string): string => `model.layers.1.${name}.weight`;
  await exchangeTensors(folder, norm("input_layernorm"), norm("post_attention_layernorm"));
  const { passed, firstBelow } = await againstGolden(folder, "glm4-tiny");
  assert.equal([passed, firstBelow], [false, "layers.1.input_layernorm"]);
});

test("a written run is a golden file, which the model is compared with and its tokens are found in", async () => {
  const language = await LanguageModel.load(fixture("glm4_moe_lite-tiny"), { dtype: "float32" });
  const run = await observeRun(language.model, [[5, 17, 3]], () => true);
  const bytes = await encodeRuns([{ name: "again", run }]);
  const golden = new GoldenFile(await SafetensorsFile.open(blobSource("again", new Blob([bytes]))));
  const { cases, passed } = await compareWithGolden(language.model, golden);
  language.dispose();
  assert.ok(passed);
  assert.equal([cases[0].tokens, cases[0].tensors.length], [3, run.tensors.size]);
});

test("golden tensors of other shapes are told; a file without any that are asked for is refused", async () => {
  const language = await LanguageModel.load(fixture("glm4-tiny"), { dtype: "float32" });
  const { model } = language;
  const run = await observeRun(model, [[5, 17, 3]], () => true);
  const norm = run.tensors.get("norm") as HostTensor;
  const narrow: HostTensor = {
    ...norm,
    shape: [1, 3, norm.shape[2] / 2],
    values: norm.values.slice(0, norm.values.length / 2),
  };
  const { firstBelow, tensors } = diagnoseLayers(run.tensors, new Map(run.tensors).set("norm", narrow), {
    columns: [[0, 1, 2]],
    toleratesOtherExperts: false,
  });
  assert.equal(
    [firstBelow, tensors.find(({ name }) => name === "norm")?.problem],
    ["norm", "has shape [1,3,56], not [1,3,28]"],
  );
  const golden = await openGolden("glm4-tiny");
  const refused = await observeGolden(model, golden, (name) => name === "nothing").catch((error: Error) => error);
  await golden.close();
  language.dispose();
  assert.match(`${refused}`, /CheckpointError: prompt1: must have tensors to compare; got \d+ others$/);
});

test("a reference with tokens that there are not is a divergence, and no crash", async () => {
  const language = await LanguageModel.load(shipped("glm-4-tiny"), { dtype: "float32" });
  const reference = [{ ...plain, prompt: [5, 6, 7], expected: [99999, -3] }];
  const { cases } = await diagnoseGeneration(language, { maxNewTokens: 4, reference });
  const far = { maxNewTokens: 4, reference: [{ ...plain, prompt: [5, 99999], expected: [1] }] };
  const refused = await diagnoseGeneration(language, far).catch((error: Error) => error);
  language.dispose();
  assert.match(cases[0].findings[0], /^leaves the reference at token 1: \d+ ".*", not 99999 ".*"$/);
  assert.match(`${refused}`, /RangeError: generate: token ids must be below the vocabulary's 2048/);
});

test("a wrong theta is first seen in the rotated queries, not in their projections", async () => {
  const folder = broken(fixture("glm4-tiny"));
  const { rope_parameters } = readJson(folder, "config.json");
  editJson(folder, "config.json", { rope_parameters: { ...rope_parameters, rope_theta: 10 } });
  const { firstBelow, tensors } = await againstGolden(folder, "glm4-tiny");
  assert.match(String(firstBelow), /^layers\.0\.(query|key)$/);
  assert.ok((tensors.find(({ name }) => name === "layers.0.q_proj")?.errors?.cosine ?? 0) > 0.999999);
});

test("other experts by near ties are left out in bfloat16; another router is found", async () => {
  const right = await againstGolden(fixture("glm4_moe_lite-tiny"), "glm4_moe_lite-tiny", "bfloat16");
  assert.ok(right.passed, right.firstBelow);
  const folder = broken(fixture("glm4_moe_lite-tiny"));
  await editTensors(folder, ["model.layers.1.mlp.gate.e_score_correction_bias"], (bytes) => bytes.reverse());
  const wrong = await againstGolden(folder, "glm4_moe_lite-tiny", "bfloat16");
  assert.equal([wrong.passed, wrong.firstBelow], [false, "layers.1.expert_ids"]);
});

test("sums in bfloat16 are told from sums in float32", async () => {
  const checkpoint = await openCheckpoint(fixture("glm4-tiny"));
  const language = await LanguageModel.load(fixture("glm4-tiny"), { dtype: "bfloat16" });
  const run = await observeRun(language.model, [[5, 17, 3, 99]], (name) => name.startsWith("layers.0."));
  language.dispose();
  const products = await diagnoseAccumulation(checkpoint, run, 0);
  assert.equal(
    products.map(({ name, passed }) => `${name} ${passed}`),
    ["q_proj", "k_proj", "v_proj", "o_proj"]
      .map((name) => `self_attn.${name} true`)
      .concat(["mlp.gate_up_proj true", "mlp.down_proj true"]),
  );
  // Of an activation of 96 units, each partial sum rounded.
  const down = await weightOf(fixture("glm4-tiny"), "model.layers.0.mlp.down_proj.weight");
  const x = run.tensors.get("layers.0.activation") as HostTensor;
  const y = run.tensors.get("layers.0.mlp") as HostTensor;
  const values = Float32Array.from(y.values);
  const [, tokens, terms] = x.shape;
  for (let row = 0; row < down.shape[0]; row++) {
    let sum = 0;
    for (let i = 0; i < terms; i++)
      sum = bfloat16(sum + x.values[(tokens - 1) * terms + i] * down.values[row * terms + i]);
    values[(tokens - 1) * down.shape[0] + row] = sum;
  }
  const tensors = new Map(run.tensors).set("layers.0.mlp", { ...y, values });
  const again = await diagnoseAccumulation(checkpoint, { ...run, tensors }, 0);
  assert.equal(
    again.filter(({ passed }) => !passed).map(({ name, model, bfloat16 }) => [name, model === bfloat16]),
    [["mlp.down_proj", true]],
  );
});

async function weightOf(folder: string, key: string): Promise<HostTensor> {
  const name = readJson(folder, "model.safetensors.index.json").weight_map[key];
  const file = await SafetensorsFile.open((await folderFiles(folder).open(name)) as never);
  const tensor = await file.read(key);
  await file.close();
  return tensor;
}

function bfloat16(value: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value);
  const bits = view.getUint32(0);
  view.setUint32(0, (bits + 0x7fff + ((bits >>> 16) & 1)) & 0xffff0000);
  return view.getFloat32(0);
}

test("the likeliest next tokens and their logits are those of transformers", async () => {
  const language = await LanguageModel.load(shipped("glm-4-tiny"), { dtype: "float32" });
  const { cases } = readJson(shipped("glm-4-tiny"), "golden.json");
  for (const { prompt_ids, first_step_top5 } of cases.slice(0, 2)) {
    const top = await nextTokens(language, prompt_ids, 5);
    assert.equal(
      top.map(({ id, logit }) => [id, Number(logit.toFixed(3))]),
      first_step_top5.map(([id, logit]: [number, number]) => [id, Number(logit.toFixed(3))]),
    );
  }
  language.dispose();
  assert.equal(
    topTokens([Number.NaN, 1, 3, 3], 4).map(({ id }) => id),
    [2, 3, 1, 0],
  );
});

/** @param name of a trained checkpoint */
async function generated(folder: string, name: string, dtype: jax.DType) {
  const reference = parseQuestions(readFileSync(join(recorded(name), "texts.json"), "utf8"), "texts.json", dtype);
  const language = await LanguageModel.load(folder, { dtype });
  const found = await diagnoseGeneration(language, { maxNewTokens: 64, reference });
  language.dispose();
  return found;
}

// The second model in both dtypes with the full tables only.
const isFull = process.env.JAXSCALE_FULL === "1";
const dtypesOf = {
  "glm-4-tiny": ["float32", "bfloat16"],
  "glm-4.7-flash-tiny": isFull ? ["float32", "bfloat16"] : ["float32"],
} as const;
for (const [name, dtypes] of Object.entries(dtypesOf) as [string, readonly jax.DType[]][])
  test(`answers of ${name} to five prompts are those of transformers, in ${dtypes.join(" and ")}`, async () => {
    for (const dtype of dtypes) {
      const { cases, passed } = await generated(shipped(name), name, dtype);
      assert.equal(
        cases.flatMap(({ findings }) => findings),
        [],
      );
      assert.ok(passed);
      if (dtype === "float32") assert.ok(cases.every(({ reference }) => reference && !reference.divergence));
    }
  });

test("a missing end token is found by the role token that the answer goes on behind, without a reference", async () => {
  const folder = broken(shipped("glm-4-tiny"));
  editJson(folder, "config.json", { eos_token_id: [2000] });
  editJson(folder, "generation_config.json", { eos_token_id: [2000] });
  const language = await LanguageModel.load(folder, { dtype: "float32" });
  const { cases, passed } = await diagnoseGeneration(language, { maxNewTokens: 64 });
  language.dispose();
  assert.not(passed);
  // The first prompt's answer has 6 tokens in transformers, then <|user|>.
  const { wentOnBehind, findings } = cases[0];
  assert.equal(wentOnBehind, { id: 2007, text: '"<|user|>"', at: 6 });
  assert.match(findings[0], /^went on behind the special token 2007 "<\|user\|>" at token 7: it is no end token$/);
});

test("an end token that only config.json has is a finding; so is one that is none", async () => {
  const folder = broken(shipped("glm-4-tiny"));
  editJson(folder, "generation_config.json", { eos_token_id: [2000, 2047] });
  const language = await LanguageModel.load(folder, { dtype: "float32" });
  const reference = [{ ...plain, prompt: [5, 6, 7], expected: [1] }];
  const { endTokens } = await diagnoseGeneration(language, { maxNewTokens: 1, reference });
  language.dispose();
  assert.equal(endTokens.findings, [
    "the end token 2047 is no token of the vocabulary",
    'generation_config.json has no end token 2007 "<|user|>", which config.json has',
    'generation_config.json has no end token 2009 "<|observation|>", which config.json has',
  ]);
});

const plain = { name: "one", domain: "all", split: undefined, enableThinking: undefined } as const;

test("where an answer leaves the reference, both tokens and their gap are told", async () => {
  const { cases } = readJson(shipped("glm-4-tiny"), "golden.json");
  const { prompt_ids, output_ids, first_step_top5 } = cases[0];
  const [[, best], [second, other]] = first_step_top5;
  const expected = [second, ...output_ids.slice(1)];
  const language = await LanguageModel.load(shipped("glm-4-tiny"), { dtype: "float32" });
  const reference = [{ ...plain, prompt: prompt_ids, expected }];
  const found = await diagnoseGeneration(language, { maxNewTokens: 16, reference });
  language.dispose();
  const { divergence } = found.cases[0].reference ?? {};
  assert.equal([divergence?.at, divergence?.got?.id, divergence?.expected?.id], [0, output_ids[0], second]);
  assert.ok(Math.abs((divergence?.gap ?? 0) - (best - other)) < 1e-3);
  assert.match(found.cases[0].findings.join(), /^leaves the reference at token 1: 372 "The", not 37 "F"/);
});

test("repetition: words, pairs and triples, counted by hand", () => {
  // 9 words, 4 distinct; 8 pairs, 4 distinct; 7 triples, 4 distinct. "a b c" stands twice in a row.
  const found = repetitionOf("a b c a b c a b d");
  assert.is(found.words, 9);
  assert.is(found.unique, 4 / 9);
  assert.is(found.bigrams, 1 - 4 / 8);
  assert.is(found.trigrams, 1 - 4 / 7);
  assert.equal([found.longestRepeat, found.isHigh], [3, true]);
  assert.equal(repetitionOf("").words, 0);
  assert.equal(repetitionOf("one two three four").isHigh, false);
  assert.is(repetitionOf("法国的首都是巴黎。").words, 9);
});

test("cosines of zeros and NaN", () => {
  assert.equal([cosineBetween([0, 0], [0, 0]), cosineBetween([0, 1], [0, 0])], [1, 0]);
  assert.ok(Number.isNaN(cosineBetween([Number.NaN, 1], [1, 1])));
  assert.ok(Math.abs(cosineBetween([1, 0], [1, 1]) - Math.SQRT1_2) < 1e-12);
});

test.run();
