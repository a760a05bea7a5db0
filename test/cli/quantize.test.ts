/** `jaxscale quantize`: what it writes is what `--quantize` makes while loading. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LanguageModel, parametersOf, parseScheme } from "@jaxscale/models";
import * as nnx from "@jaxscale/nnx";
import { test } from "uvu";
import * as assert from "uvu/assert";
import "../setup.ts";
import { shipped } from "../models/fixtures.ts";
import { jaxscale } from "./command.ts";

const folder = mkdtempSync(join(tmpdir(), "jaxscale-quantize-"));

/** Bytes of every parameter by name. */
async function valuesOf(model: LanguageModel): Promise<ReadonlyMap<string, readonly number[]>> {
  const values = new Map<string, readonly number[]>();
  for (const [path, leaf] of nnx.state(model.model, nnx.Param))
    values.set(path.join("."), [...(await (leaf as nnx.Param).get().data())]);
  return values;
}

const written = [
  ["glm-4-tiny", "int4"],
  ["glm-4.7-flash-tiny", "int8"],
] as const;
for (const [name, scheme] of process.env.JAXSCALE_FULL === "1" ? written : written.slice(0, 1))
  test(`${name} in ${scheme}: codes, scales and zero points are those of quantizing while loading`, async () => {
    const output = join(folder, `${name}-${scheme}`);
    const { code, errors } = await jaxscale([
      "quantize",
      "--model_path",
      shipped(name),
      "--quantize",
      scheme,
      "--output",
      output,
    ]);
    assert.is(code, 0, errors);
    const loaded = await LanguageModel.load(output);
    const quantized = await LanguageModel.load(shipped(name), { quantize: { weights: parseScheme(scheme) } });
    const dtypes = Object.values(parametersOf(loaded.model)).map(({ dtype }) => dtype);
    assert.ok(dtypes.includes(scheme === "int4" ? "uint4" : "int8"));
    const [a, b] = [await valuesOf(loaded), await valuesOf(quantized)];
    assert.equal([...a.keys()], [...b.keys()]);
    for (const [key, values] of a) assert.equal(values, b.get(key), key);
    assert.equal(
      readdirSync(output).filter((file) => file.startsWith("tokenizer")),
      ["tokenizer.json", "tokenizer_config.json"],
    );
    assert.is(
      JSON.parse(readFileSync(join(output, "config.json"), "utf8")).quantization_config.format,
      "pack-quantized",
    );
    for (const model of [loaded, quantized]) model.dispose();
  });

const refusals = [
  [[], /must say how; got neither/],
  [["--quantize", "int4", "--quantize_head"], /hold floats for the embedding and the head; got --quantize_head/],
  [["--quantize", "int5"], /a scheme is int8 or int4, .*; got int5/],
] as const;
for (const [flags, message] of refusals)
  test(`${["quantize", ...flags].join(" ")} is refused`, async () => {
    const { code, errors } = await jaxscale([
      "quantize",
      "--model_path",
      shipped("glm-4-tiny"),
      ...flags,
      "--output",
      join(folder, "refused"),
    ]);
    assert.ok(code !== 0);
    assert.match(errors, message);
  });

test("a folder with files, and a checkpoint that is quantized, are refused", async () => {
  const full = join(folder, "glm-4-tiny-int4");
  const again = await jaxscale([
    "quantize",
    "--model_path",
    shipped("glm-4-tiny"),
    "--quantize",
    "int4",
    "--output",
    full,
  ]);
  assert.is(again.code, 1);
  assert.match(again.errors, /must be an empty folder; got one with files/);
  const twice = await jaxscale([
    "quantize",
    "--model_path",
    full,
    "--quantize",
    "int4",
    "--output",
    join(folder, "twice"),
  ]);
  assert.is(twice.code, 1);
  assert.match(twice.errors, /quantization_config: must be absent, to quantize; got one/);
});

test("a folder that cannot be made is said in one line", async () => {
  const file = join(folder, "file");
  writeFileSync(file, "");
  const { code, errors } = await jaxscale([
    ...["quantize", "--model_path", shipped("glm-4-tiny"), "--quantize", "int4"],
    ...["--output", file],
  ]);
  assert.is(code, 1);
  assert.match(errors, /^Error: EEXIST: file already exists, mkdir '.*file'$/m);
  assert.not.match(errors, /^ +at /m);
});

test.after(() => rmSync(folder, { recursive: true }));

test.run();
