import { freemem } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { runProgram } from "../child-process.ts";

const [rows, columns] = [151552, 4096];
const gibibyte = 2 ** 30;

interface Size {
  readonly rows: number;
  readonly columns: number;
  readonly env: Readonly<Record<string, string>>;
}
const sizes: Readonly<Record<string, Size>> = {
  "of ten bindings": {
    rows: rows / 32,
    columns: columns / 64,
    env: { JAXSCALE_LIMITS: "maxBufferSize=65536,maxStorageBufferBindingSize=65536" },
  },
  // A real one, of 1.24 GB.
  ...(process.env.JAXSCALE_FULL === "1" && freemem() > 4 * gibibyte ? { "of GLM-4": { rows, columns, env: {} } } : {}),
};

for (const [name, { rows, columns, env }] of Object.entries(sizes))
  test(`an embedding ${name}, [${rows},${columns}]: rows, a product and a write in place are right`, async () => {
    const shape = `${rows},${columns}`;
    const { code, output, errors } = await runProgram("sizes/embedding.ts", { ...env, EMBEDDING: shape });
    assert.is(code, 0, errors);
    const [, peak] = /^done, with (\d+) bytes at most\n$/.exec(output) ?? [];
    assert.ok(peak, output);
    // Nothing of its size besides.
    assert.ok(Number(peak) < 1.2 * 2 * rows * columns, `${peak} bytes`);
  });

test.run();
