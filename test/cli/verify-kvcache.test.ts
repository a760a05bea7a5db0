/** `jaxscale verify-kvcache`, and what it finds where a cache is wrong. */
import { LanguageModel, measureCache, SequenceCache, verifyCaches } from "@jaxscale/models";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fixture, shipped } from "../models/fixtures.ts";
import { jaxscale } from "./command.ts";

test("latent attention agrees with recomputation, one form with the other", async () => {
  const { code, output } = await jaxscale([
    "verify-kvcache",
    "--model_path",
    fixture("glm4_moe_lite-tiny"),
    "--max_new_tokens",
    "2",
  ]);
  assert.is(code, 0, output);
  assert.match(output, /^24 +\d+ +\d\S+ +same$/m);
  for (const way of ["token by token", "in chunks of 9", "all at once, absorbed against expanded"])
    assert.match(output, new RegExp(`^${way} +\\d+ +\\d\\S+ +\\S+ +\\S+ +ok$`, "m"));
  assert.match(
    output,
    /^\d+\.\d tokens\/s with the cache, \d+\.\d without: \d+\.\d\d x \(best of 3, prompt included\), the same tokens$/m,
  );
  assert.match(output, /^caches agree with recomputation$/m);
});

if (process.env.JAXSCALE_FULL === "1")
  test("--full takes a longer run in, and shows every place of every way", async () => {
    const args = ["--model_path", shipped("glm-4-tiny"), "--full", "--max_new_tokens", "2"];
    const { code, output } = await jaxscale(["verify-kvcache", ...args]);
    assert.is(code, 0, output);
    // 2 steps behind 128 tokens, then all 130 places, twice.
    assert.is([...output.matchAll(/^\d+ +\d+ +\S+ +same$/gm)].length, 3 + 130 + 130);
    assert.match(output, /^in chunks of 44\nplace +token/m);
  });

test("caches that round what they hold are refused: they cannot agree", async () => {
  const { code, errors } = await jaxscale([
    "verify-kvcache",
    "--model_path",
    fixture("glm-tiny"),
    "--kv_dtype",
    "int8",
  ]);
  assert.is(code, 1);
  assert.match(errors, /caches must be of the model's dtype, .*; got --kv_dtype int8/);
});

test("generation with the cache is told from generation without, where they differ", async () => {
  const model = await LanguageModel.load(fixture("glm-tiny"), { dtype: "float32" });
  const { append } = SequenceCache.prototype;
  SequenceCache.prototype.append = function (items, start) {
    return append.call(this, items, start.add(1));
  };
  try {
    const { firstDifference } = await measureCache(model, { prompt: [5, 6, 7, 8], newTokens: 6, repeats: 1 });
    assert.is.not(firstDifference, undefined);
  } finally {
    SequenceCache.prototype.append = append;
    model.dispose();
  }
});

test("a cache that writes at a wrong place is found", async () => {
  const { append } = SequenceCache.prototype;
  SequenceCache.prototype.append = function (items, start) {
    return append.call(this, items, start.add(1));
  };
  try {
    const { passed, ways } = await verifyCaches((dtype) => LanguageModel.load(fixture("glm-tiny"), { dtype }), {
      prompt: [5, 6, 7, 8, 9, 10],
      newTokens: 2,
      dtype: "float32",
    });
    assert.is(passed, false);
    assert.equal(
      ways.map((way) => way.passed),
      [false, false, false],
    );
  } finally {
    SequenceCache.prototype.append = append;
  }
});

test.run();
