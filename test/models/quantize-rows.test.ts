/** Quantizing to the nearest code, against vectors of the rule in NumPy. */
import { join } from "node:path";
import { folderFiles, SafetensorsFile } from "@jaxscale/models";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { dequantizedRows } from "../../packages/models/src/weights/quantized/dequantize.ts";
import { quantizedRows } from "../../packages/models/src/weights/quantized/round.ts";
import { parseScheme, schemeText } from "../../packages/models/src/weights/quantized/scheme.ts";

const folder = join(import.meta.dirname, "..", "fixtures", "quant", "onload");

const schemes = {
  "int8-channel-sym": "int8",
  "int4-g32-sym": "int4:32:sym",
  "int4-g32-asym": "int4",
  "int4-g64-sym": "int4:64:sym",
  "int4-g64-asym": "int4:64",
  "int4-g128-sym": "int4:128:sym",
  "int4-g128-asym": "int4:128:asym",
};

for (const [name, text] of Object.entries(schemes))
  test(`${name}: codes, scales, zero points and values bit for bit`, async () => {
    const source = await folderFiles(folder).open("vectors.safetensors");
    assert.ok(source);
    const file = await SafetensorsFile.open(source);
    const w = (await file.read("w")).values as Float32Array;
    const floats = { rows: 10, columns: 200, read: async (a: number, b: number) => w.slice(200 * a, 200 * b) };
    const matrix = quantizedRows(floats, parseScheme(text), "float32");
    const wanted = async (key: string) => [...(await file.read(`${name}.${key}`)).values];
    assert.equal([...(await matrix.codes.read(0, 10))], await wanted("q"));
    assert.equal([...(await matrix.scales.read(0, 10))], await wanted("scale"));
    if (matrix.zeros) assert.equal([...(await matrix.zeros.read(0, 10))], await wanted("zero"));
    assert.is(matrix.zeros === undefined, text === "int8" || text.endsWith(":sym"));
    assert.equal(
      [...(await dequantizedRows(matrix).read(0, 10))].map((x) => x + 0),
      (await wanted("dequantized")).map((x) => x + 0),
    );
    await file.close();
  });

test("a scheme and its text", () => {
  for (const text of ["int8:sym", "int4:32:asym", "int4:128:sym", "int8:64:asym"])
    assert.is(schemeText(parseScheme(text)), text);
  assert.is(schemeText(parseScheme("int8")), "int8:sym");
  assert.is(schemeText(parseScheme("int4")), "int4:32:asym");
  for (const text of ["int5", "int4:", "int4:3", "int4:32:both", "", "INT8"])
    assert.throws(() => parseScheme(text), /as in int4:32:asym; got/);
});

test.run();
