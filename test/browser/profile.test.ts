/** The page of a profile in headless Chromium: its numbers, what can be sorted, filtered and opened, by mouse and keyboard. */
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { profilePage } from "../../packages/jaxscale/src/profile/page.ts";
import type { KernelRow, RunData } from "../../packages/jaxscale/src/profile/run-data.ts";
import { launchBrowser } from "./chromium.ts";
import { withPage } from "./page.ts";

const kernel = (name: string, scope: string, elapsedMs: number, work: Partial<KernelRow>): KernelRow => ({
  name,
  program: "decode",
  scope,
  operations: ["dot_general"],
  site: "file:///app/model.ts:12:7",
  schedule: "64×1×1 workgroups of 8×1×1; contraction tileRows=4",
  count: 4,
  elapsedMs,
  meanMs: elapsedMs / 4,
  share: elapsedMs / 10,
  bytes: 40e6,
  flops: 20e6,
  transcendentals: 0,
  gigabytesPerSecond: 40 / elapsedMs,
  gigaflopsPerSecond: 20 / elapsedMs,
  shareOfRoof: 40 / elapsedMs / 10,
  boundBy: "memory",
  texts: { jaxpr: 0, kernel: 1, wgsl: 2 },
  ...work,
});

/** 10 GB/s and 100 GFLOP/s at most; 10 ms in three kernels. */
const run: RunData = {
  format: "jaxscale profile 1",
  name: "after",
  adapter: "llvmpipe",
  clock: "timestamps",
  wallMs: 20,
  elapsedMs: 10,
  roofs: { gigabytesPerSecond: 10, gigaflopsPerSecond: 100 },
  kernels: [
    kernel("gemv_bf16", "layers/0/mlp", 5, {}),
    kernel("softmax", "layers/0/attention", 3, { operations: ["reduce_max", "exp"] }),
    kernel("copy", "", 2, { flops: 0, gigaflopsPerSecond: 0, texts: { jaxpr: 3, kernel: 3, wgsl: 3 } }),
  ],
  host: [{ phase: "encode", name: "decode", count: 4, elapsedMs: 0.5, bytes: 0 }],
  memory: {
    timesMs: [0, 5, 10],
    liveBytes: [100, 300, 200],
    poolBytes: [300, 300, 300],
    peakBytes: 300 * 2 ** 20,
    owners: [{ name: "weights", bytes: [100, 300, 200] }],
  },
  texts: ["{ lambda ; a:f32[4]. let b = exp a in (b,) }", "kernel gemv_bf16 </script>", "@compute fn main() {}", ""],
};
const slower: RunData = {
  ...run,
  name: "before",
  elapsedMs: 12,
  clock: "submits",
  kernels: [kernel("gemv_bf16", "layers/0/mlp", 10, {}), kernel("relu", "layers/0/mlp", 2, {})],
};

interface Recorded {
  readonly data: RunData;
  readonly html: string;
  readonly trace: string;
}

let browser: Browser;
test.before(async () => {
  browser = await launchBrowser();
});
test.after(() => browser.close());

/** Opens a page, and fails for what it throws. */
async function withRuns(runs: readonly RunData[], use: (page: Page) => Promise<void>): Promise<void> {
  const page = await browser.newPage({ viewport: { width: 1300, height: 900 } });
  const errors: Error[] = [];
  page.on("pageerror", (error) => errors.push(error));
  await page.setContent(await profilePage(runs));
  await page.waitForSelector("#kernels tbody tr");
  await use(page);
  await page.close();
  assert.equal(errors, []);
}

/** The cells of a column, by its heading. */
const column = (page: Page, title: string): Promise<string[]> =>
  page.$eval(
    "#kernels",
    (table, name) => {
      const headings = [...table.querySelectorAll("th")].map((th) => (th.textContent ?? "").replace(/ [▲▼]$/, ""));
      const at = headings.indexOf(name);
      return [...table.querySelectorAll("tbody tr")].map((row) => row.children[at].textContent ?? "");
    },
    title,
  );

test("the table has the profile's numbers, most time first", () =>
  withRuns([run], async (page) => {
    assert.equal(await column(page, "kernel"), ["gemv_bf16", "softmax", "copy"]);
    assert.equal(await column(page, "ms"), ["5", "3", "2"]);
    assert.equal(await column(page, "mean ms"), ["1.250", "0.7500", "0.5000"]);
    assert.equal(await column(page, "time"), ["50.0 %", "30.0 %", "20.0 %"]);
    assert.equal(await column(page, "GB/s"), ["8", "13.33", "20"]);
    assert.equal(await column(page, "of roof"), ["80.0 %", "133.3 %", "200.0 %"]);
    assert.equal(await column(page, "line"), ["model.ts:12", "model.ts:12", "model.ts:12"]);
    assert.match(
      (await page.textContent("#summary")) ?? "",
      /device time10 ms.*device busy50\.0 %.*peak of memory300\.0 MiB/,
    );
  }));

test("any column sorts, both ways, and says so", () =>
  withRuns([run], async (page) => {
    await page.click('[data-column="kernel"]');
    assert.equal(await column(page, "kernel"), ["softmax", "gemv_bf16", "copy"]);
    await page.keyboard.press("Enter");
    assert.equal(await column(page, "kernel"), ["copy", "gemv_bf16", "softmax"]);
    assert.is(await page.getAttribute('th:has([data-column="kernel"])', "aria-sort"), "ascending");
    await page.click('[data-column="MFLOP"]');
    assert.equal((await column(page, "MFLOP")).at(-1), "0");
  }));

test("words filter by name, scope, primitive and line", () =>
  withRuns([run], async (page) => {
    await page.keyboard.press("/");
    await page.keyboard.type("layers exp");
    assert.equal(await column(page, "kernel"), ["softmax"]);
    assert.match((await page.textContent(".bar output")) ?? "", /^1 of 3 kernels, 3 ms$/);
  }));

test("a click or Enter opens a kernel: jaxpr, IR, WGSL, schedule", () =>
  withRuns([run], async (page) => {
    await page.click("#kernels tbody tr");
    assert.match((await page.textContent("#details pre")) ?? "", /lambda/);
    assert.match((await page.textContent("#details dl")) ?? "", /tileRows=4.*4 × 1\.250 ms = 5 ms, 50\.0 %/s);
    await page.click('[data-tab="kernel"]');
    assert.is(await page.textContent("#details pre"), "kernel gemv_bf16 </script>");
    await page.keyboard.press("ArrowRight");
    assert.is(await page.textContent("#details pre"), "@compute fn main() {}");
    await page.keyboard.press("Escape");
    assert.not(await page.isVisible("#details"));
    await page.focus("#kernels tbody tr");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    assert.is(await page.textContent("#details h2"), "softmax");
  }));

test("the roofline opens the kernel that is pointed at, or reached by arrows", () =>
  withRuns([run], async (page) => {
    await page.focus("#roofline .plot");
    await page.keyboard.press("ArrowRight");
    assert.match((await page.textContent(".reading")) ?? "", /0\.5000 FLOP\/byte, 4 GFLOP\/s, 80\.0 % of roof/);
    await page.keyboard.press("ArrowRight");
    assert.match((await page.textContent(".reading")) ?? "", /^softmax in layers\/0\/attention: /);
    await page.keyboard.press("Enter");
    assert.is(await page.textContent("#details h2"), "softmax");
  }));

test("blocks of the icicle are as wide as their time; a scope filters, a kernel opens", () =>
  withRuns([run], async (page) => {
    const widths = await page.$$eval(".icicle .block", (all) =>
      all.map((block) => [block.textContent, (block as HTMLElement).style.width]),
    );
    assert.equal(widths.map(([name, width]) => `${name} ${width}`).sort(), [
      "0 80%",
      "all 100%",
      "attention 30%",
      "copy 20%",
      "decode 100%",
      "gemv_bf16 50%",
      "layers 80%",
      "mlp 50%",
      "softmax 30%",
    ]);
    await page.click('.block:text-is("mlp")');
    assert.equal(await column(page, "kernel"), ["gemv_bf16"]);
    await page.click('.block:text-is("copy")');
    assert.is(await page.textContent("#details h2"), "copy");
    assert.match((await page.textContent("#details pre")) ?? "", /^Nothing/);
  }));

test("two runs stand side by side: changes, kernels that came and went, how each was timed", () =>
  withRuns([run, slower], async (page) => {
    assert.equal(await column(page, "kernel"), ["gemv_bf16", "softmax", "copy", "relu"]);
    assert.equal(await column(page, "ms, other"), ["10", "–", "–", "2"]);
    assert.equal(await column(page, "change"), ["−50.0 %", "new", "new", "gone"]);
    assert.match((await page.textContent("#summary")) ?? "", /12 ms, change −16\.7 %/);
    assert.match((await page.textContent(".warning")) ?? "", /before has no timestamps/);
    assert.is(await page.locator("#memory canvas").count(), 2);
    await page.selectOption("#other", "-1");
    assert.equal(await column(page, "kernel"), ["gemv_bf16", "softmax", "copy"]);
  }));

test("another run is added from its profile.json", () =>
  withRuns([run], async (page) => {
    const buffer = Buffer.from(JSON.stringify(slower));
    await page.setInputFiles("#add", { name: "profile.json", mimeType: "application/json", buffer });
    await page.waitForSelector(".gone");
    assert.equal(await column(page, "change"), ["−50.0 %", "new", "new", "gone"]);
  }));

test("light and dark follow the system, and the reader's choice", () =>
  withRuns([run], async (page) => {
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await background();
    await page.emulateMedia({ colorScheme: "dark" });
    const dark = await background();
    assert.is.not(dark, light);
    await page.click("#theme");
    assert.is(await background(), light);
  }));

test("a recording is made in a browser too, which has no files to write it to", async () => {
  const script = fileURLToPath(new URL("recording-page.ts", import.meta.url));
  const { data, html, trace } = await withPage({ script }, (page) =>
    page.evaluate(() => (globalThis as unknown as { record: () => Promise<Recorded> }).record()),
  );
  assert.equal(
    data.kernels.map(({ program, scope, count, flops }) => [program, scope, count, flops]),
    [["f", "inside", 1, 2 * 32 ** 3 + 32 ** 2]],
  );
  assert.match(data.adapter, /swiftshader|google/i);
  assert.match(html, /<script type="application\/json" id="data">\[\{"format":"jaxscale profile 1"/);
  assert.match(
    trace,
    /^profiler\.trace: writing folder needs files, which a browser has not; use profiler\.record\n\{/,
  );
  console.log(`timed by ${data.clock}: ${data.elapsedMs} ms`);
});

test.run();
