/** Every example runs alone and ends by itself. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { goldenTranscript, readTranscript } from "./transcript.ts";

const root = join(import.meta.dirname, "../..");
const expected: Record<string, readonly RegExp[]> = {
  "01-arrays.ts": [/dot_general\[/, /@compute/, /Array\(\[\[ 0\.86/],
  "02-jit-and-kernels.ts": [/two calls, 1 trace/, /flops: \d+/, /\[3\., 3\., 3\.\]/],
  "03-train.ts": [/epoch 20 of 20: .* accuracy (9[5-9]|100)\./, /on new points: accuracy (9[5-9]|100)\./],
  "04-custom-kernel.ts": [
    /after round 0: hottest 78\.\d+, sum 1200/,
    /var<storage, read> u: array<f32>;/,
    /const u_size = 1152; const u_shape = array\(24, 48\);/,
    /largest difference (0|\d(\.\d+)?e-\d+|0\.0000\d+)\n/,
  ],
  "05-modules.ts": [
    /kernel +Param float32\[16,64\] +4\.10 KB/,
    /step 60: loss 0\.00/,
    /6 biases, 8 other/,
    /blocks\.1\.out/,
  ],
  "06-glm.ts": [
    /glm: 5 layers in bfloat16\n/,
    /> And of Italy\?\nThe capital of Italy is Rome\.\n {2}7 tokens in beside 23 in the cache, 9 out, ended by stop\n/,
  ],
  "07-sharding.ts": [
    /step 4: loss (0\.\d{4}) on 8 devices, \1 on one\n/,
    /up lies as NamedSharding\(.*spec=P\(None, 'tensor'\)\)/,
    /psum\[axes=\('tensor',\)/,
    /by shardMap: largest difference 0/,
  ],
  "08-glm-tensor-parallel.ts": [
    /glm-4-tiny on Mesh\('data': 2, 'tensor': 2, 'group': 2, /,
    /k_proj\.weight +\[64,128\] by P\('tensor', None\): \[32,128\] a device/,
    /experts\.down_proj +\[8,128,96\] by P\('expert', None, 'tensor'\): \[2,128,48\] a device/,
    /(the same answer: The capital of France is Paris\.\n[\s\S]*){3}/,
    /split by the compiler: 1 collective, (\d+) dispatches, .*\n.*split by shardMap: 1 collective, \1 dispatches, /,
    /largest difference between both: (0|\d(\.\d+)?e-\d+|0\.00000\d+)\n/,
  ],
  "10-profile.ts": [
    /^The capital of France is Paris\.\nThe capital of Italy is Rome\.\n/,
    / model\/layers\/\d\/(mlp|self_attn)\S* +\d+ .* \S+\.ts:\d+\n/,
    /\n\d+ others +\d+ /,
    /\ntotal +\d+ .*\nroofs: /,
    /\nhost +count +ms +MB\n(.*\n)*wall time /,
    /to look at: .*index\.html/,
  ],
  "demo.ts": [
    /^JaxScale on /,
    /glm-4-tiny \(glm, 1\.51 M parameters, bfloat16\)/,
    /glm-4\.7-flash-tiny \(glm4_moe_lite, /,
  ],
};

interface Progress {
  readonly loss: number;
  readonly accuracy: number;
}
/** What is held against more than a pattern. */
const checks: Record<string, (stdout: string) => void> = {
  "03-train.ts": (stdout) => {
    const path = new URL("../fixtures/train/golden.json", import.meta.url);
    const { epochs } = JSON.parse(readFileSync(path, "utf8")) as { readonly epochs: readonly Progress[] };
    const lines = [...stdout.matchAll(/epoch \d+ of 20: loss (\S+), accuracy (\S+) %$/gm)].map(([, l, a]) => [+l, +a]);
    assert.is(lines.length, epochs.length);
    epochs.forEach(({ loss, accuracy }, i) => {
      assert.ok(Math.abs(lines[i][0] - loss) < 0.002, `loss ${lines[i][0]} in epoch ${i + 1}, ${loss} in JAX`);
      assert.ok(Math.abs(lines[i][1] / 100 - accuracy) < 0.005, `accuracy ${lines[i][1]} %, ${accuracy} in JAX`);
      if (i > 0) assert.ok(lines[i][0] < lines[i - 1][0], "the loss falls");
    });
  },
  "demo.ts": (stdout) => {
    assert.equal(readTranscript(stdout), goldenTranscript(), "as transformers answers");
  },
};

for (const file of readdirSync(join(root, "examples")).filter((f) => f.endsWith(".ts")))
  test(`examples/${file} runs and shows its results`, async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", join(root, "examples", file)], {
      cwd: root,
      timeout: 300_000,
    });
    assert.ok(expected[file], `say in this test what ${file} must print`);
    for (const pattern of expected[file]) assert.match(stdout, pattern);
    checks[file]?.(stdout);
  });

test.run();
