/** What flags mean. */

import { Command, Option } from "commander";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { withUnderscores } from "../../packages/cli/src/flags.ts";
import { addModelFlags, addSamplingFlags, type SamplingFlags, samplingOf } from "../../packages/cli/src/model-flags.ts";

const parse = (...args: readonly string[]): SamplingFlags => {
  const command = new Command().exitOverride().configureOutput({ writeErr: () => {} });
  addSamplingFlags(addModelFlags(command), { maxNewTokens: 128 });
  return command.parse(withUnderscores(["--model_path", "x", ...args], command.options), { from: "user" }).opts();
};

/** With what was said on standard error meanwhile. */
function withErrors<T>(run: () => T): { readonly result: T; readonly said: string } {
  const { error } = console;
  let said = "";
  console.error = (text: string) => {
    said += text;
  };
  try {
    return { result: run(), said };
  } finally {
    console.error = error;
  }
}

test("greedy is the default: 128 tokens, without a penalty, whatever generation_config.json says", () => {
  const { result, said } = withErrors(() => samplingOf(parse()));
  assert.equal(result, { maxNewTokens: 128, seed: 0, doSample: false, repetitionPenalty: 1 });
  assert.is(said, "");
});

test("flags of sampling are said to have no effect without --sample", () => {
  const { result, said } = withErrors(() => samplingOf(parse("--repetition_penalty", "5", "--top_k", "3")));
  assert.is(result.repetitionPenalty, 1);
  assert.is(said, "--top_k, --repetition_penalty: no effect without --sample");
});

test("--sample means temperature 0.8, top-p 0.8, no top-k, penalty 1.1, unless they are given", () => {
  const common = { maxNewTokens: 128, doSample: true };
  assert.equal(samplingOf(parse("--sample")), {
    ...common,
    seed: 0,
    temperature: 0.8,
    topP: 0.8,
    topK: 0,
    repetitionPenalty: 1.1,
  });
  const given = parse(
    "--sample",
    "--seed",
    "7",
    "--temperature=0.5",
    "--top-p",
    "1",
    "--top-k=40",
    "--repetition-penalty",
    "1",
  );
  assert.equal(samplingOf(given), { ...common, seed: 7, temperature: 0.5, topP: 1, topK: 40, repetitionPenalty: 1 });
});

test("dashes in flags become underscores; in values, and behind --, they stay", () => {
  const options = [new Option("--prompt <text>"), new Option("--enable_thinking")];
  const kept = (...args: readonly string[]): void => assert.equal(withUnderscores(args, options), args);
  kept("--prompt", "--foo-bar well-known");
  kept("--prompt", "--enable-thinking", "--model_path=a-b", "--top_k", "-1", "x-y", "-h", "--", "--a-b");
  kept("--prompt=--foo-bar=a-b", "--prompt", "--prompt");
  assert.equal(withUnderscores(["--enable-thinking", "--model-path=a-b", "--", "--a-b"], options), [
    "--enable_thinking",
    "--model_path=a-b",
    "--",
    "--a-b",
  ]);
});

test("values that cannot be are refused", () => {
  for (const args of [
    ["--max_new_tokens", "0"],
    ["--max_new_tokens", "1.5"],
    ["--max_new_tokens", ""],
    ["--temperature", "0"],
    ["--temperature", "hot"],
    ["--top_p", "1.1"],
    ["--top_k", "-1"],
    ["--seed", "x"],
    ["--dtype", "int8"],
    ["--tp", "0"],
    ["--dp", "0"],
    ["--ep", "2.5"],
  ])
    assert.throws(() => parse(...args), /invalid/, args.join(" "));
});

test.run();
