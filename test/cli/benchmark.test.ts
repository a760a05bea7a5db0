/** `jaxscale benchmark`: its table, its JSON, its sweep, and what fails on the way. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { summaryOf } from "@jaxscale/models";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { BenchmarkReport } from "../../packages/cli/src/benchmark-report.ts";
import { markdownTables } from "../../packages/cli/src/markdown-tables.ts";
import { fixture } from "../models/fixtures.ts";
import { jaxscale } from "./command.ts";

const quick = ["--decode_steps", "2", "--warmup", "1", "--repeats", "2"];

test("percentiles lie between the nearest values, as NumPy's do", () => {
  // numpy.percentile([4, 1, 3, 2], [50, 90, 99])
  const { mean, min, max, p50, p90, p99 } = summaryOf([4, 1, 3, 2]);
  assert.equal([mean, min, max, p50], [2.5, 1, 4, 2.5]);
  assert.ok(Math.abs(p90 - 3.7) < 1e-12 && Math.abs(p99 - 3.97) < 1e-12);
});

test("a sweep measures every mesh that divides the model, and a size that does not fit is a row with its error", async () => {
  const folder = mkdtempSync(join(tmpdir(), "benchmark-"));
  const file = join(folder, "report.json");
  try {
    const { code, output } = await jaxscale(
      [
        "benchmark",
        "--model_path",
        fixture("glm4-tiny"),
        "--batch_sizes",
        "1",
        "--seq_lens",
        "8,4000",
        ...quick,
      ].concat(["--sweep", "--peak_flops", "1e12", "--peak_bandwidth", "1e11", "--output", file]),
      { env: { JAXSCALE_DEVICES: "2" } },
    );
    assert.is(code, 0, output);
    assert.match(output, /^1 x 1 x 1 +1 +8 +[\d.]+/m);
    assert.match(output, /must fit the model's \d+ positions; got 4000 and 2/);
    const { rows, peaks, environment } = JSON.parse(readFileSync(file, "utf8"));
    assert.equal(peaks, {
      flopsPerSecond: 1e12,
      bytesPerSecond: 1e11,
      flopsFrom: "--peak_flops",
      bytesFrom: "--peak_bandwidth",
    });
    assert.is(environment.devices, 2);
    const meshes = rows.map(({ tp, dp, ep }: Record<string, number>) => `${tp}${dp}${ep}`);
    assert.equal([...new Set(meshes)], ["111", "121", "211"]);
    for (const row of rows.filter((r: { error?: string }) => !r.error)) {
      assert.is(row.decodeMs.count, 4);
      assert.ok(row.decodeMs.min <= row.decodeMs.p50 && row.decodeMs.p50 <= row.decodeMs.max);
      assert.ok(Math.abs(row.decodeTokensPerSecond - 1000 / row.decodeMs.mean) < 1e-6);
      assert.ok(Math.abs(row.decodeMbu - row.decodeGigabytesPerSecond / 100) < 1e-9);
      assert.ok(row.peakBytes > 0 && row.prefillMfu > 0);
      assert.equal(
        row.runs.map(({ stepsMs }: { stepsMs: number[] }) => stepsMs.length),
        [2, 2],
      );
      assert.ok(Math.abs(row.efficiency * row.tp * row.dp * row.ep - row.speedUp) < 1e-12);
    }
    assert.is(rows[0].speedUp, 1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("weights may be random, and quantized; a model from nowhere is refused", async () => {
  const random = ["benchmark", "--random_weights", fixture("glm4_moe_lite-tiny"), "--quantize", "int4", "--json"];
  const { code, output } = await jaxscale([...random, "--batch_sizes", "2", "--seq_lens", "8", ...quick]);
  assert.is(code, 0, output);
  assert.is(JSON.parse(output).rows[0].batch, 2);
  assert.match(JSON.parse(output).peaks.flopsFrom, /^measured on this adapter$/);
  const refused = await jaxscale(["benchmark"]);
  assert.is(refused.code, 2);
  assert.match(refused.errors, /'--model_path <path>' \(or '--random_weights'\) not specified/);
});

test("what cannot be written, and peaks that nobody knows, are said before anything is measured", async () => {
  const random = ["benchmark", "--random_weights", fixture("glm4-tiny")];
  const [unwritable, unknown] = await Promise.all([
    jaxscale([...random, "--output", "/no/such/folder/report.json"]),
    jaxscale([...random, "--peaks", "data_sheet"]),
  ]);
  assert.is(unwritable.code, 2);
  assert.match(
    unwritable.errors,
    /--output must be a file that can be written; got \/no\/such\/folder\/report.json: ENOENT/,
  );
  assert.is(unknown.code, 2);
  assert.match(unknown.errors, /--peaks data_sheet needs a GPU whose data sheet is known; got \S+/);
});

test("tables of batch by prompt length, with speed-up on meshes, and nothing where a configuration failed", () => {
  const place = (tp: number, batch: number, promptTokens: number) => ({ tp, dp: 1, ep: 1, batch, promptTokens });
  const measured = { prefillTokensPerSecond: 1000, prefillMfu: 0.5, decodeTokensPerSecond: 20.04 };
  const figures = { ...measured, decodeMfu: 0.125, decodeMbu: 0.9 };
  const rows = [
    { ...place(1, 1, 128), ...figures, speedUp: 1, efficiency: 1 },
    { ...place(1, 1, 256), error: "memory" },
    { ...place(2, 1, 128), ...figures, speedUp: 1.6, efficiency: 0.8 },
  ];
  const peaks = {
    flopsPerSecond: 1e12,
    bytesPerSecond: 1e11,
    flopsFrom: "--peak_flops",
    bytesFrom: "--peak_bandwidth",
  };
  const environment = { adapter: "an adapter", processor: "a processor", threads: 2, load: 0.5 };
  const text = markdownTables({
    rows,
    peaks,
    environment,
    model: "m",
    dtype: "bfloat16",
  } as unknown as BenchmarkReport);
  assert.match(
    text,
    /^\| 1 x 1 x 1; prefill: tokens\/s, MFU \| prompt 128 +\| prompt 256 \|\n\| -+ \| -+ \| -+ \|\n\| batch 1 +\| 1000\.0, 50 % \| +\|\n/,
  );
  assert.match(
    text,
    /\| 2 x 1 x 1; decoding: speed-up, efficiency \| prompt 128 +\|\n\| -+ \| -+ \|\n\| batch 1 +\| 1\.60, 80 % +\|\n/,
  );
  assert.match(text, /\| batch 1 +\| 20\.0, 13 %, 90 % \|/);
  assert.not.match(text, /1 x 1 x 1; decoding: speed-up/);
  assert.match(
    text,
    /\nm, bfloat16; shares of 1000\.0 GFLOP\/s \(--peak_flops\) and 100\.0 GB\/s \(--peak_bandwidth\); an adapter/,
  );
});

test("a ladder is of one configuration", async () => {
  const ladder = ["benchmark", "--ladder", "--random_weights", fixture("glm4-tiny")];
  const [several, swept] = await Promise.all([
    jaxscale([...ladder, "--batch_sizes", "1", "2"]),
    jaxscale([...ladder, "--sweep"]),
  ]);
  assert.equal([several.code, swept.code], [2, 2]);
  assert.match(several.errors, /--ladder takes one batch size and one prompt length; got 1, 2 and 128/);
  assert.match(swept.errors, /--sweep, --dp, --ep and --markdown are not for it/);
});

test.run();
