/** The packages' copies of pages are what scripts/ makes. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { profilePage } from "../../packages/jaxscale/src/profile/page.ts";
import { makePageAsset, pages } from "../../scripts/profile-page/asset.ts";

const root = join(import.meta.dirname, "../..");

for (const page of pages)
  test(`the committed asset of ${page.folder} is the one that \`npm run pages\` makes`, async () => {
    const made = await makePageAsset(root, page);
    assert.ok(readFileSync(join(root, page.assetPath), "utf8") === made, "stale: npm run pages");
  });

test("the page needs nothing else, and holds the licence of what it holds", async () => {
  const html = await profilePage([]);
  assert.not.match(html, /<link|<img|\bsrc=|@import|url\((?!["']?data:)/);
  assert.match(html, /uPlot [\d.]+, [\s\S]*The MIT License[\s\S]*Copyright \(c\) \d+ Leon Sorokin/);
});

test.run();
