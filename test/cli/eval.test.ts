/** `jaxscale eval`: both forms of lines. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseQuestions } from "@jaxscale/models";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fixture, readJson, shipped } from "../models/fixtures.ts";
import { jaxscale } from "./command.ts";

const folder = mkdtempSync(join(tmpdir(), "eval-"));
test.after(() => rmSync(folder, { recursive: true }));

function write(name: string, ...lines: readonly object[]): string {
  const path = join(folder, name);
  writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  return path;
}

const user = (content: string) => ({ messages: [{ role: "user", content }] });

test("texts and ids of one file are counted by domain; a wrong one ends it with 1", async () => {
  const { cases } = readJson(shipped("glm-4-tiny"), "golden.json");
  const { prompt_ids, output_ids } = cases[0];
  const file = write(
    "mixed.jsonl",
    {
      domain: "capital",
      split: "trained",
      ...user("What is the capital of Serbia?"),
      expected: "The capital of Serbia is Belgrade.",
    },
    { domain: "capital", split: "made up", ...user("What is the capital of Serbia?"), expected: "Rome." },
    { domain: "ids", prompt_ids, output_ids },
    { domain: "ids", prompt_ids, output_ids: [...output_ids.slice(0, -1), output_ids[0]] },
  );
  const { code, output } = await jaxscale(["eval", "--model_path", shipped("glm-4-tiny"), "--file", file]);
  assert.is(code, 1);
  assert.match(output, /expected "Rome\."\n +got +"The capital of Serbia is Belgrade\."/);
  assert.match(output, /^capital +1 +2 +50\.0 %$/m);
  assert.match(output, /^ids +1 +2 +50\.0 %$/m);
  assert.match(output, /^trained +1 +1 +100\.0 %$/m);
  assert.match(output, /^2 passed, 2 failed$/m);
});

test("batches of ids in a golden file are followed, padding taken away", async () => {
  const { code, output } = await jaxscale([
    "eval",
    "--model_path",
    fixture("glm-tiny"),
    "--file",
    join(fixture("glm-tiny"), "golden.json"),
    "--json",
  ]);
  assert.is(code, 0, output);
  const { passed, failed, domains } = JSON.parse(output);
  assert.equal([passed, failed], [3, 0]);
  assert.equal(domains, { batch2: { passed: 2, total: 2 }, single: { passed: 1, total: 1 } });
});

const parse = (...lines: readonly object[]) =>
  parseQuestions(lines.map((line) => JSON.stringify(line)).join("\n"), "q.jsonl", "float32");

test("a line that asks or expects nothing is refused by its number", () => {
  const good = { prompt: "a", expected: "b" };
  assert.throws(
    () => parse(good, { expected: "b" }),
    /q\.jsonl line 2: must have messages, prompt or prompt_ids; got nothing/,
  );
  assert.throws(
    () => parse(good, good, { prompt: "a" }),
    /q\.jsonl line 3: must have output_ids or expected; got nothing/,
  );
  assert.throws(() => parse(good, { prompt_ids: [1.5], expected: "b" }), /line 2: must have messages.*got \[1\.5\]/);
  assert.throws(() => parseQuestions("", "q.jsonl", "float32"), /q\.jsonl/);
});

test("in bfloat16 a row is asked for as many tokens as the reference keeps to", () => {
  const cases = {
    batch: {
      input_ids: [
        [0, 0, 5],
        [1, 2, 3],
      ],
      attention_mask: [
        [0, 0, 1],
        [1, 1, 1],
      ],
      greedy: {
        f32: [
          [7, 8],
          [9, 9],
        ],
        bf16_agrees_with_f32_for: [1, 2],
      },
    },
  };
  const questions = parseQuestions(JSON.stringify({ cases }), "golden.json", "bfloat16");
  assert.equal(
    questions.map(({ prompt, expected }) => [prompt, expected]),
    [
      [[5], [7]],
      [
        [1, 2, 3],
        [9, 9],
      ],
    ],
  );
});

test.run();
