/** One family of golden cases in headless Chromium, on the same test code as in Node. */
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type FamilyName, readFamily } from "../conformance/fixtures.ts";
import { isLater } from "../conformance/later.ts";
import { bundle } from "./bundle.ts";
import type { Found } from "./conformance-page.ts";
import { withPage } from "./page.ts";

const script = fileURLToPath(new URL("conformance-page.ts", import.meta.url));
const full = process.env.JAXSCALE_FULL === "1";

test("the bundle for browsers holds nothing of Node", async () => {
  const text = await bundle(fileURLToPath(new URL("../../packages/jaxscale/src/index.ts", import.meta.url)));
  assert.not.match(text, /(from|import|require)\s*\(?["'](node:|fs|path|os|webgpu|koffi)/);
});

/** In the full run all families that are run at all; each takes a few seconds. */
const families: readonly FamilyName[] = full
  ? ["unary", "binary", "convert", "reduce", "shape", "indexing", "dot", "sort", "random", "nn", "transforms"]
  : ["reduce"];

for (const family of families)
  test(`golden cases of ${family} are as in JAX in a browser`, async () => {
    const found = await withPage({ script }, (page) =>
      page.evaluate((name) => (globalThis as unknown as { find: (name: string) => Promise<Found> }).find(name), family),
    );
    assert.match(found.adapter, /swiftshader|google/i);
    assert.equal(found.wrong, []);
    const ran = Object.values(found.counts).reduce((a, b) => a + b, 0);
    assert.is(ran, readFamily(family)?.cases.filter(({ op }) => !isLater(op)).length);
    console.log(`${family}: ${ran} cases on ${found.adapter}`);
  });

test.run();
