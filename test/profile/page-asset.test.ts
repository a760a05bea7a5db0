/** The library's copy of the page is what scripts/profile-page makes. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { profilePage } from "../../packages/jaxscale/src/profile/page.ts";
import { assetPath, makePageAsset } from "../../scripts/profile-page/asset.ts";

const root = join(import.meta.dirname, "../..");

test("the committed asset is the one that `npm run profile-page` makes", async () => {
  assert.ok(readFileSync(join(root, assetPath), "utf8") === (await makePageAsset(root)), "stale: npm run profile-page");
});

test("the page needs nothing else, and holds the licence of what it holds", async () => {
  const html = await profilePage([]);
  assert.not.match(html, /<link|<img|\bsrc=|@import|url\((?!["']?data:)/);
  assert.match(html, /uPlot [\d.]+, [\s\S]*The MIT License[\s\S]*Copyright \(c\) \d+ Leon Sorokin/);
});

test.run();
