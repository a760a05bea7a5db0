/** `jaxscale compare` on copies of a tiny checkpoint. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeSafetensors, folderFiles, SafetensorsFile, type WrittenTensor } from "@jaxscale/models";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fixture } from "../models/fixtures.ts";
import { jaxscale } from "./command.ts";

const folder = mkdtempSync(join(tmpdir(), "compare-"));
const quantized = join(import.meta.dirname, "../fixtures/quant");
const eightBits = "glm4-ct-int8-channel";
const isCheckpoint = (name: string): boolean => name.startsWith("glm4");
test.after(() => rmSync(folder, { recursive: true }));

async function openFile(file: string): Promise<SafetensorsFile> {
  const source = await folderFiles(folder).open(file);
  assert.ok(source);
  return SafetensorsFile.open(source);
}

/** One case of the golden file, under another name in a file of its own, without the notes that say which tokens it is of. */
async function writeCase(name: string, as: string, wanted: (tensor: string) => boolean): Promise<void> {
  const file = await openFile("golden.safetensors");
  const tensors: WrittenTensor[] = [];
  for (const key of file.entries.keys())
    if (key.startsWith(`${name}.`) && wanted(key)) {
      const { shape, dtype, values } = await file.read(key);
      const data = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      tensors.push({ name: `${as}${key.slice(name.length)}`, shape, dtype, data });
    }
  await file.close();
  writeFileSync(join(folder, "other.safetensors"), await encodeSafetensors(tensors));
}

test("a golden file with other names and without notes is followed, left padding and all, in bfloat16", async () => {
  cpSync(fixture("glm4-tiny"), folder, { recursive: true });
  // The longer prompt is row 1: row 0 is padded.
  await writeCase("batch2", "short.and.long", () => true);
  const { code, output } = await jaxscale([
    "compare",
    "--model_path",
    folder,
    "--golden",
    join(folder, "other.safetensors"),
    "--dtype",
    "bfloat16",
  ]);
  assert.is(code, 0, output);
  assert.match(output, /^short\.and\.long in bfloat16$/m);
  assert.match(output, /^layers\.2\.attn +\d\S+ +\S+ +\S+ +\S+ +\S+ +ok$/m);
  assert.match(output, /^\d+ of 48 tokens agree$/m);
  assert.match(output, /^all tensors within tolerance$/m);
});

test("after a change of one weight it names the layer that this weight is in, and ends with 1", async () => {
  const changed = "model.layers.1.mlp.down_proj.weight";
  const { weight_map } = JSON.parse(readFileSync(join(folder, "model.safetensors.index.json"), "utf8"));
  const file = await openFile(weight_map[changed]);
  const { offset, sizeBytes } = file.entry(changed);
  await file.close();
  const path = join(folder, weight_map[changed]);
  const bytes = readFileSync(path);
  // The sign of every value.
  for (let at = offset + 1; at < offset + sizeBytes; at += 2) bytes[at] ^= 0x80;
  writeFileSync(path, bytes);
  await writeCase("single", "single", (tensor) => !tensor.endsWith("decode_logits"));
  const { code, output } = await jaxscale([
    "compare",
    "--model_path",
    folder,
    "--golden",
    join(folder, "other.safetensors"),
    "--json",
  ]);
  assert.is(code, 1);
  const { passed, firstDivergence, cases } = JSON.parse(output);
  assert.equal([passed, firstDivergence], [false, { case: "single", tensor: "layers.1.mlp" }]);
  const over = cases[0].tensors.filter((tensor: { passed: boolean }) => !tensor.passed);
  assert.ok(over.every(({ name }: { name: string }) => /^(layers\.(1\.(mlp|out)|2\..*)|norm|logits)$/.test(name)));
  assert.ok(cases[0].agreement.agreeing < cases[0].agreement.total);
});

test("weights in codes are compared with transformers on the same weights in floats", async () => {
  for (const name of process.env.JAXSCALE_FULL === "1" ? readdirSync(quantized).filter(isCheckpoint) : [eightBits]) {
    const checkpoint = join(quantized, name);
    const golden = join(checkpoint, "golden.safetensors");
    const { code, output, errors } = await jaxscale(["compare", "--model_path", checkpoint, "--golden", golden]);
    assert.is(code, 0, `${name}\n${output}${errors}`);
    for (const part of [/^batch2 in float32$/m, /^single in float32$/m, /^32 of 32 tokens agree$/m])
      assert.match(output, part, name);
    assert.match(output, /^layers\.2\.mlp +\d\S+ +\S+ +\S+ +\S+ +ok$/m, name);
    assert.match(output, /^all tensors within tolerance$/m, name);
  }
});

test("a file that is missing is named", async () => {
  const { code, errors } = await jaxscale([
    "compare",
    "--model_path",
    folder,
    "--golden",
    join(folder, "no.safetensors"),
  ]);
  assert.is(code, 1);
  assert.match(errors, /CheckpointError: .*no\.safetensors: must be a file of golden tensors; got no such file/);
});

test.run();
