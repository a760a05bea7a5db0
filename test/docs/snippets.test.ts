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
  /** What it prints, where the document shows it. */
  readonly output: string | undefined;
}

/** Complete programs: blocks of `ts` that import something, each with the `text` block that follows before the next. */
function snippets(markdown: string): Snippet[] {
  const blocks = [...markdown.matchAll(/```(\w+)\n([\s\S]*?)```/g)].map(([, language, body]) => ({ language, body }));
  return blocks.flatMap(({ language, body }, i) => {
    if (language !== "ts" || !body.includes("import ")) return [];
    const next = blocks[i + 1];
    return [{ code: body, output: next?.language === "text" ? next.body : undefined }];
  });
}

for (const document of documents)
  snippets(readFileSync(join(root, document), "utf8")).forEach(({ code, output }, i) => {
    test(`program ${i + 1} of ${document} runs and prints what is shown`, async () => {
      const folder = mkdtempSync(join(root, "test/docs/.run-"));
      try {
        const file = join(folder, "snippet.ts");
        writeFileSync(file, `${code}\nprocess.exit(0);\n`);
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

test.run();
