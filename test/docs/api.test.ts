/** docs/api is what `npm run docs` makes of the sources, and every export says what it is. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { saidOtherwise } from "../../scripts/api/jax-otherwise.ts";
import { makeReference } from "../../scripts/api/pages.ts";

const root = join(import.meta.dirname, "../..");
const { pages, silent, unlisted } = makeReference(root);

test("the committed pages are those that `npm run docs` makes", () => {
  const committed = readdirSync(join(root, "docs/api")).map((name) => `docs/api/${name}`);
  assert.equal(committed.sort(), [...pages.keys()].sort());
  const stale = [...pages].filter(([path, text]) => readFileSync(join(root, path), "utf8") !== text);
  assert.equal(
    stale.map(([path]) => path),
    [],
    "stale pages: run npm run docs",
  );
});

test("no page names a place of the machine that made it", () => {
  for (const [path, text] of pages) assert.not.match(text, /import\("/, path);
});

test("every module of the root has a page", () => {
  assert.equal(unlisted, []);
});

test("every export has a first sentence", () => {
  assert.equal(silent, []);
});

test("names known of JAX are here, absent, or said otherwise", () => {
  const page = (name: string): string => pages.get(`docs/api/${name}.md`) ?? "";
  assert.match(page("lax"), /\*\*dotGeneral\*\* \(`jax\.lax\.dot_general`\)/);
  assert.match(page("random"), /\*\*prngKey\*\* \(`jax\.random\.PRNGKey`\)/);
  assert.match(page("nnx"), /## Absent of `flax\.nnx`[\s\S]*`BatchNorm`/);
  assert.match(page("debug"), /\*\*print\*\* \(`jax\.debug\.print`\)/);
  assert.is(saidOtherwise("jax.numpy", "bool_"), '`"bool"`');
});

test("README.md and README.zh-CN.md link the reference", () => {
  assert.ok(existsSync(join(root, "docs/api/README.md")));
  for (const name of ["README.md", "README.zh-CN.md"])
    assert.match(readFileSync(join(root, name), "utf8"), /\(docs\/api\/README\.md\)/);
});

test.run();
