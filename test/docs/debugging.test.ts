/** The commands of docs/debugging-a-model.md, one after the other, print what is shown. */
import { execFile } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";

const root = join(import.meta.dirname, "../..");

interface Step {
  readonly commands: string;
  /** What it prints; undefined where nothing is shown. */
  readonly output: string | undefined;
}

/** Blocks of `sh`, each with the block of `text` that follows before the next. */
function stepsOf(file: string): Step[] {
  const text = readFileSync(join(root, "docs", file), "utf8");
  const blocks = [...text.matchAll(/```(\w+)\n([\s\S]*?)```/g)].map(([, language, body]) => ({ language, body }));
  return blocks.flatMap(({ language, body }, i) => {
    const next = blocks[i + 1];
    return language === "sh" ? [{ commands: body, output: next?.language === "text" ? next.body : undefined }] : [];
  });
}

/** A folder as the reader has it: the repository's files, and a command `jaxscale`. */
function folderOfReader(): { readonly folder: string; readonly path: string } {
  const folder = mkdtempSync(join(tmpdir(), "debugging-"));
  for (const name of ["examples", "test", "node_modules"]) symlinkSync(join(root, name), join(folder, name));
  const bin = join(folder, "bin");
  mkdirSync(bin);
  const main = join(root, "packages/cli/src/main.ts");
  const loader = join(root, "node_modules/tsx/dist/loader.mjs");
  writeFileSync(join(bin, "jaxscale"), `#!/bin/sh\nexec "${process.execPath}" --import "${loader}" "${main}" "$@"\n`);
  chmodSync(join(bin, "jaxscale"), 0o755);
  return { folder, path: `${bin}${delimiter}${process.env.PATH}` };
}

/** Standard output, whatever the exit code. */
const run = (commands: string, cwd: string, path: string): Promise<string> =>
  new Promise((resolve) => {
    const env = { XDG_RUNTIME_DIR: tmpdir(), ...process.env, PATH: path };
    execFile("sh", ["-c", commands], { cwd, env }, (_error, stdout) => resolve(stdout));
  });

const number = /-?\d+(?:\.\d+)?(?:e[+-]?\d+)?/g;

/** Lines equal but for numbers, which adapters round differently: they may lie 2 % apart, or 0.002. */
function assertShown(got: string, shown: string): void {
  const words = (text: string): string => text.trim().replace(number, "#").replace(/ +/g, " ");
  assert.fixture(words(got), words(shown));
  const [actual, expected] = [got, shown].map((text) => (text.match(number) ?? []).map(Number));
  expected.forEach((value, i) => {
    const off = Math.abs(actual[i] - value);
    assert.ok(off <= Math.max(0.02 * Math.abs(value), 0.002), `${actual[i]} where ${value} is shown`);
  });
}

// Up to the end tokens; all with the full tables.
const count = process.env.JAXSCALE_FULL === "1" ? Number.POSITIVE_INFINITY : 4;

test("the commands print what is shown", async () => {
  const { folder, path } = folderOfReader();
  try {
    for (const { commands, output } of stepsOf("debugging-a-model.md").slice(0, count)) {
      const got = await run(commands, folder, path);
      assertShown(got, output ?? "");
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the Chinese page has the same commands and outputs", () => {
  assert.equal(stepsOf("debugging-a-model.zh-CN.md"), stepsOf("debugging-a-model.md"));
});

test.run();
