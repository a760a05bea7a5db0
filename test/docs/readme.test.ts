/** The first thing that a reader sees is what the program does. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { goldenTranscript, readTranscript } from "../examples/transcript.ts";

const root = join(import.meta.dirname, "../..");
const transcripts = ["README.md", "README.zh-CN.md"].map((file) => {
  const text = readFileSync(join(root, file), "utf8");
  const [, shown = ""] = /```text\n(JaxScale on [\s\S]*?)```/.exec(text) ?? [];
  return { file, shown };
});

for (const { file, shown } of transcripts)
  test(`the answers that ${file} shows are those of transformers`, () => {
    assert.equal(readTranscript(shown), goldenTranscript());
  });

test("both show the same run", () => {
  assert.is(transcripts[0].shown, transcripts[1].shown);
});

test("no program of README.zh-CN.md differs from README.md", () => {
  const [english, chinese] = ["README.md", "README.zh-CN.md"].map((file) =>
    [...readFileSync(join(root, file), "utf8").matchAll(/```(?:ts|text)\n([\s\S]*?)```/g)].map(([, body]) => body),
  );
  assert.equal(chinese, english);
});

test.run();
