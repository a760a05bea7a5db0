/** `jaxscale generate` on the tiny checkpoints. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { readJson, shipped } from "../models/fixtures.ts";
import { jaxscale } from "./command.ts";

const glm = shipped("glm-4-tiny");
const flash = shipped("glm-4.7-flash-tiny");

interface Golden {
  readonly name: string;
  readonly messages: readonly { readonly content: string }[];
  readonly prompt: string;
  readonly output_text: string;
  readonly first_step_top5: readonly (readonly [id: number, logit: number])[];
}
const golden = (folder: string, name: string): Golden =>
  (readJson(folder, "golden.json") as { cases: readonly Golden[] }).cases.find((one) => one.name === name) as Golden;
const generate = (folder: string, ...args: readonly string[]) =>
  jaxscale(["generate", "--model_path", folder, ...args]);

test("it prints the reference's text, in Chinese; progress goes to standard error", async () => {
  const { messages, output_text } = golden(glm, "chinese-capital");
  const { code, output, errors } = await generate(glm, "--prompt", messages[0].content, "--dtype", "float32");
  assert.equal([code, output], [0, `${output_text}\n`]);
  assert.match(errors, /loaded 3\.02 MB of 3\.02 MB in \d+\.\d\d s, \S+ .?B\/s/);
});

test("--raw continues a text; --benchmark tells of times, tokens, MFU and MBU behind the answer", async () => {
  const { prompt, output_text } = golden(flash, "capital-france");
  const { code, output } = await generate(flash, "--prompt", prompt, "--raw", "--benchmark");
  assert.is(code, 0);
  const [answer, , prefill, decode, roofs] = output.split("\n");
  assert.is(answer, output_text);
  assert.match(prefill, /^prefill +16 tokens +[\d.]+ ms +[\d.]+ tokens\/s +MFU [\d.]+ %$/);
  assert.match(
    decode,
    /^decode +9 tokens +[\d.]+ ms +[\d.]+ tokens\/s +MFU [\d.]+ %, MBU [\d.]+ %, [\d.]+ % of the bfloat16 roof$/,
  );
  assert.match(
    roofs,
    /^against [\d.]+ GFLOP\/s and [\d.]+ GB\/s \(bfloat16 weights [\d.]+\), measured on this adapter/,
  );
  const [mbu] = /(?<=MBU )[\d.]+/.exec(decode) as RegExpExecArray;
  assert.ok(Number(mbu) > 0 && Number(mbu) <= 100, mbu);
});

test("--top_logits prints the likeliest first tokens of transformers before the answer", async () => {
  const { messages, first_step_top5 } = golden(glm, "capital-france");
  const { code, output } = await generate(
    glm,
    ...["--prompt", messages[0].content, "--dtype", "float32", "--top_logits", "2", "--max_new_tokens", "1"],
  );
  assert.is(code, 0);
  const [[first, logit], [second]] = first_step_top5;
  const [, shown] = new RegExp(`^1 +${first} +(\\S+) +100\\.00 % +"The"$`, "m").exec(output) ?? [];
  assert.ok(Math.abs(Number(shown) - logit) < 1e-3, output);
  assert.match(output, new RegExp(`^2 +${second} .* "F"\n\nThe\n`, "m"));
});

test("what cannot be is refused in a sentence: flags with exit code 2, what they lead to with 1", async () => {
  const refused: readonly (readonly [args: readonly string[], code: number, says: RegExp])[] = [
    [["--model_path", glm, "--prompt", "x", "--tp", "0"], 2, /'--tp <n>' argument '0' is invalid.*at least 1/],
    [
      ["--model_path", glm, "--prompt", "x", "--tp", "3"],
      1,
      /^RangeError: parallelism: tp must divide.*These do: 1, 2/m,
    ],
    [["--model_path", glm], 2, /required option '--prompt <text>' not specified/],
    [["--model_path", "./nowhere", "--prompt", "x"], 1, /^CheckpointError: .\/nowhere: must be a folder, or a hub id/m],
    [
      ["--model_path", glm, "--prompt", "x", "--max_new_tokens", "5000"],
      1,
      /^RangeError: .*must fit the model's 1024 positions/m,
    ],
  ];
  for (const [args, code, says] of refused) {
    const ended = await jaxscale(["generate", ...args]);
    assert.is(ended.code, code, `${args.join(" ")}\n${ended.errors}`);
    assert.match(ended.errors, says);
    assert.not.match(ended.errors, /\n {4}at /);
  }
});

test.run();
