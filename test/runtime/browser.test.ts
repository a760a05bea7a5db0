import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { withPage } from "../browser/page.ts";

test("the runtime works in a browser, unchanged", async () => {
  const script = fileURLToPath(new URL("browser-page.ts", import.meta.url));
  const found = await withPage({ script }, (page) =>
    page.evaluate(() => (globalThis as unknown as { findings: () => Promise<unknown> }).findings()),
  );
  assert.equal(found, {
    platform: "browser",
    values: [63, 95, 127],
    counted: [300, (300 * 299) / 2],
    error: "not today",
    lost: "device: google swiftshader was lost (destroyed); got: Device was destroyed.",
    again: [3, 5, 7],
  });
});
test.run();
