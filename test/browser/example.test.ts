/** The example page, loaded in headless Chromium. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { withPage } from "./page.ts";

const file = (name: string): string => fileURLToPath(new URL(`../../examples/browser/${name}`, import.meta.url));

test("examples/browser shows a function's result, jaxpr and kernels", async () => {
  const html = readFileSync(file("index.html"), "utf8");
  const texts = await withPage({ script: file("page.ts"), html }, async (page) => {
    await page.waitForSelector("#kernels pre");
    const textOf = (id: string): Promise<string | null> => page.textContent(`#${id}`);
    return {
      adapter: await textOf("adapter"),
      result: await textOf("result"),
      jaxpr: await textOf("jaxpr"),
      kernels: await page.$$eval("#kernels pre", (all) => all.map((pre) => pre.textContent ?? "")),
    };
  });
  assert.match(texts.adapter ?? "", /Runs on .*swiftshader/);
  assert.match(texts.result ?? "", /^Array\(\[\[4\. +, 5\. +, 6\. +, 7\. +\]/);
  assert.match(texts.jaxpr ?? "", /dot_general\[/);
  assert.ok(texts.kernels.length >= 2);
  for (const kernel of texts.kernels) assert.match(kernel, /^\/\/ \w+[\s\S]*@compute @workgroup_size/);
});

test.run();
