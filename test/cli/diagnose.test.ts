/** `jaxscale diagnose`: verdicts, exit codes, files written, and what cannot be. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { copyOf, editTensors } from "../models/broken.ts";
import { fixture, recorded, shipped } from "../models/fixtures.ts";
import { jaxscale } from "./command.ts";

const scratch = mkdtempSync(join(tmpdir(), "diagnose-"));
test.after(() => rmSync(scratch, { recursive: true }));
const glm4 = fixture("glm4-tiny");
const golden = join(recorded("glm4-tiny"), "golden.safetensors");
const diagnose = (kind: string, folder: string, ...args: readonly string[]) =>
  jaxscale(["diagnose", kind, "--model_path", folder, ...args]);

test("weights: a changed weight of a copy is named beside the original, and ends it with 1", async () => {
  const copy = copyOf(glm4);
  try {
    const key = "model.layers.2.mlp.down_proj.weight";
    await editTensors(copy, [key], (bytes) => {
      bytes[1] ^= 0x80;
    });
    const dump = join(scratch, "parameters.safetensors");
    const own = await diagnose("weights", copy, "--golden", golden, "--dump", dump);
    assert.is(own.code, 0, own.errors);
    assert.match(own.output, /^42 of 42 parameters in float32 equal those in /m);
    assert.match(own.output, /^largest relative difference \S+; .*: ok\n\nverdict: good$/m);
    const other = await diagnose("weights", copy, "--reference", glm4);
    assert.is(other.code, 1, other.errors);
    assert.match(other.output, /^model\.layers\.2\.mlp\.down_proj\.weight +\[56,96\] .* 1 of 5376 .* DIFFERS$/m);
    assert.match(other.output, /^the first that differs: model\.layers\.2\.mlp\.down_proj\.weight\n/m);
    assert.match(other.output, /^verdict: bad$/m);
  } finally {
    rmSync(copy, { recursive: true });
  }
});

test("weights: codes and scales are held against those on disk; a changed scale is named by its component", async () => {
  const original = join(import.meta.dirname, "../fixtures/quant/glm4-ct-int8-channel");
  const own = await diagnose("weights", original);
  assert.is(own.code, 0, own.errors);
  assert.match(own.output, /^(\d+) of \1 parameters in float32 equal those in /m);
  assert.match(own.output, /^verdict: good$/m);
  const copy = copyOf(original);
  try {
    await editTensors(copy, ["model.layers.1.self_attn.q_proj.weight_scale"], (bytes) => {
      bytes[1] ^= 0x80;
    });
    const other = await diagnose("weights", copy, "--reference", original);
    assert.is(other.code, 1, other.errors);
    assert.match(
      other.output,
      /^model\.layers\.1\.self_attn\.q_proj\.weight\.scales +\[64,1\] .* 1 of 64 .* DIFFERS$/m,
    );
    assert.match(other.output, /^verdict: bad$/m);
  } finally {
    rmSync(copy, { recursive: true });
  }
});

test("layers: one layer against transformers, on a mesh, written in the layout that compare reads", async () => {
  const dump = join(scratch, "run.safetensors");
  const found = await diagnose("layers", glm4, "--ids", "5,17,3", "--layer", "1", "--against_tp", "2", "--dump", dump);
  assert.is(found.code, 0, found.errors);
  assert.match(found.output, /^float32 on tp 1, dp 1, ep 1 against float32 on tp 2, dp 1, ep 1$/m);
  for (const part of ["input_layernorm", "q_proj", "query", "o_proj_in", "attn_residual", "up", "activation", "mlp"])
    assert.match(found.output, new RegExp(`^layers\\.1\\.${part} +\\S+ +\\S+ +1\\.000000 `, "m"));
  assert.match(found.output, /^self_attn\.q_proj +56 +\S+ +\S+ +\S+ +sums in float32$/m);
  const recordedRun = await diagnose("layers", glm4, "--golden", golden, "--dtype", "bfloat16", "--json");
  const { passed, cases } = JSON.parse(recordedRun.output);
  assert.equal([recordedRun.code, passed, cases[0].firstBelow], [0, true, undefined]);
});

test("logits: beside golden ones; generation: a reference that another model answered ends it with 1", async () => {
  const same = await diagnose("logits", glm4, "--golden", golden, "--top", "3");
  assert.is(same.code, 0, same.errors);
  assert.match(same.output, /^1 +(\d+) +(\S+) +"" +\1 +\S+ +"" +same$/m);
  assert.match(same.output, /^3 of the 3 likeliest are in both, cosine of all logits 1\.000000$/m);
  const other = join(recorded("glm-4.7-flash-tiny"), "texts.json");
  const found = await diagnose("generation", shipped("glm-4-tiny"), "--reference", other, "--max_new_tokens", "8");
  assert.is(found.code, 1, found.errors);
  assert.match(found.output, /^end tokens: 2000 "<\|endoftext\|>", 2007 "<\|user\|>", /m);
  assert.match(found.output, /^prompt 1: leaves the reference at token \d+: \d+ ".*", not \d+ ".*"$/m);
  assert.match(found.output, /^verdict: bad$/m);
});

test("what cannot be is refused in a sentence", async () => {
  const empty = join(scratch, "empty.json");
  writeFileSync(empty, "{}");
  const noFrequencies = join(fixture("glm4-tiny"), "golden.safetensors");
  const refused: readonly (readonly [args: readonly string[], code: number, says: RegExp])[] = [
    [["layers", "--layer", "9"], 1, /^RangeError: diagnose: --layer must be below the model's 3 layers; got 9$/m],
    [
      ["logits", "--ids", "5,9999"],
      1,
      /^RangeError: diagnose: token ids must be below the vocabulary's 160; got 9999$/m,
    ],
    [
      ["weights", "--golden", noFrequencies],
      1,
      /^CheckpointError: golden\.safetensors: inv_freq: must be in the file/m,
    ],
    [["weights", "--reference", fixture("glm-tiny")], 1, /^CheckpointError: .*model\.safetensors/m],
    [
      ["generation", "--reference", empty],
      1,
      /^CheckpointError: .*empty\.json line 1: must have messages, prompt or prompt_ids/m,
    ],
    [["layers", "--golden", join(scratch, "no.safetensors")], 1, /must be a file of golden tensors; got no such file/],
    [["layers", "--dump", "x.npz"], 2, /'--dump <file>' argument 'x\.npz' is invalid\. It must end in \.safetensors/],
    [["sideways"], 2, /unknown command 'sideways'/],
  ];
  // A few of them in the quick run.
  const tried = process.env.JAXSCALE_FULL === "1" ? refused : refused.filter((_, i) => i % 2 === 0);
  const all = await Promise.all(
    tried.map(([[kind, ...args]]) => jaxscale(["diagnose", kind, "--model-path", glm4, ...args])),
  );
  tried.forEach(([args, code, says], i) => {
    assert.is(all[i].code, code, `${args.join(" ")}\n${all[i].errors}`);
    assert.match(all[i].errors, says);
    assert.not.match(all[i].errors, /\n {4}at /);
  });
});

test.run();
