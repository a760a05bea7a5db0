/** Every example runs alone and ends by itself. */
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";

const root = join(import.meta.dirname, "../..");
const expected: Record<string, readonly RegExp[]> = {
  "01-arrays.ts": [/dot_general\[/, /@compute/, /Array\(\[\[ 0\.86/],
  "02-jit-and-kernels.ts": [/two calls, 1 trace/, /flops: \d+/, /\[3\., 3\., 3\.\]/],
  "04-custom-kernel.ts": [
    /after round 0: hottest 78\.\d+, sum 1200/,
    /var<storage, read> u: array<f32>;/,
    /const u_size = 1152; const u_shape = array\(24, 48\);/,
    /largest difference (0|\d(\.\d+)?e-\d+|0\.0000\d+)\n/,
  ],
};

for (const file of readdirSync(join(root, "examples")).filter((f) => f.endsWith(".ts")))
  test(`examples/${file} runs and shows its results`, async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", join(root, "examples", file)], {
      cwd: root,
      timeout: 300_000,
    });
    assert.ok(expected[file], `say in this test what ${file} must print`);
    for (const pattern of expected[file]) assert.match(stdout, pattern);
  });

test.run();
