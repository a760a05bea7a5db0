/** Runs the TypeScript of README.md and docs/, and holds what it prints against the text below it. */
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";

const root = join(import.meta.dirname, "../..");
const documents = ["README.md", ...readdirSync(join(root, "docs")).map((f) => `docs/${f}`)].filter((f) =>
  f.endsWith(".md"),
);

interface Snippet {
  readonly code: string;
  /** What a first line `// name.ts` says; later programs of the document may import it. */
  readonly name: string;
  /** What it prints, where the document shows it. */
  readonly output: string | undefined;
}

/** Complete programs: blocks of `ts` that import something, each with the `text` block that follows before the next. */
function snippets(markdown: string): Snippet[] {
  const blocks = [...markdown.matchAll(/```(\w*)\n([\s\S]*?)```/g)].map(([, language, body]) => ({ language, body }));
  return blocks.flatMap(({ language, body }, i) => {
    if (language !== "ts" || !body.includes("import ")) return [];
    const next = blocks[i + 1];
    const name = /^\/\/ ([\w.-]+\.ts)\n/.exec(body)?.[1] ?? `program-${i}.ts`;
    return [{ code: body, name, output: next?.language === "text" ? next.body : undefined }];
  });
}

// A test ends by itself, and says so by its exit code.
const ending = (code: string): string => (code.includes("test.run()") ? code : `${code}\nprocess.exit(0);\n`);

const translated = /\.zh-CN\.md$/;
for (const document of documents.filter((name) => translated.test(name)))
  test(`the programs of ${document}, and what they print, are those of the English text, which run`, () => {
    const own = snippets(readFileSync(join(root, document), "utf8"));
    const english = snippets(readFileSync(join(root, document.replace(translated, ".md")), "utf8"));
    assert.equal(own, english);
  });

for (const document of documents.filter((name) => !translated.test(name))) {
  const programs = snippets(readFileSync(join(root, document), "utf8"));
  programs.forEach(({ code, name, output }, i) => {
    test(`program ${i + 1} of ${document} runs and prints what is shown`, async () => {
      const folder = mkdtempSync(join(root, "test/docs/.run-"));
      try {
        for (const earlier of programs.slice(0, i)) writeFileSync(join(folder, earlier.name), earlier.code);
        const file = join(folder, name);
        writeFileSync(file, ending(code));
        const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", file], {
          cwd: root,
          timeout: 120_000,
        });
        if (output !== undefined) assert.fixture(stdout.trim(), output.trim());
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  });
}

test.run();
