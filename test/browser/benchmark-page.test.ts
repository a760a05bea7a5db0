/** The page of compared benchmarks in headless Chromium: its numbers, marks, plots, keyboard, light and dark. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { compareReports, comparisonPage } from "../../packages/cli/src/compare/comparison.ts";
import type { Comparison } from "../../packages/cli/src/compare/comparison-data.ts";
import { readReport } from "../../packages/cli/src/compare/read-report.ts";
import { after, before } from "../cli/benchmark-files.ts";
import { launchBrowser } from "./chromium.ts";

let browser: Browser;
test.before(async () => {
  browser = await launchBrowser();
});
test.after(() => browser.close());

/** What the two hand-made files come to, under the names that they are given. */
function comparison(): Comparison {
  const folder = mkdtempSync(join(tmpdir(), "compare-"));
  try {
    const reports = Object.entries({ "a.json": before, "</script>b.json": after }).map(([name, content], i) => {
      const file = join(folder, `${i}.json`);
      writeFileSync(file, JSON.stringify(content));
      return { ...readReport(file), file: name };
    });
    return compareReports(reports);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Opens the page, and fails for what it throws. */
async function withComparison(use: (page: Page) => Promise<void>): Promise<void> {
  const page = await browser.newPage({ viewport: { width: 1300, height: 900 } });
  const errors: Error[] = [];
  page.on("pageerror", (error) => errors.push(error));
  await page.setContent(await comparisonPage(comparison()));
  await page.waitForSelector("#times tbody tr");
  await use(page);
  await page.close();
  assert.equal(errors, []);
}

test("the table has the numbers and marks; a file's name is text", () =>
  withComparison(async (page) => {
    const rows = await page.$$eval("#times tbody tr", (all) =>
      all.map((row) => [...row.children].map((cell) => cell.textContent)),
    );
    assert.is(rows.length, 8);
    assert.equal(rows[0].slice(2), ["a.json", "10.20", "–", "–", "", "10.20", "–", "–", "", "1.0 MiB"]);
    assert.equal(rows[1].slice(2), [
      ...["</script>b.json", "10.21", "1.00", "2.0 %", "", "15.30", "1.50", "2.0 %", "worse", "1.0 MiB"],
    ]);
    assert.equal(rows[5].slice(2), ["</script>b.json", "memory: arrays must fit 1 GB"]);
    assert.equal(rows[6].slice(2), ["a.json", "not measured"]);
    assert.equal(await page.$$eval("td.worse", (all) => all.length), 1);
    assert.match((await page.textContent("#files .warning")) ?? "", /^other processor: a\.json a processor, /);
  }));

test("plots read out a configuration by arrow keys and by the mouse", () =>
  withComparison(async (page) => {
    assert.is(await page.locator(".plot canvas").count(), 2);
    await page.focus("#decode .plot");
    await page.keyboard.press("ArrowRight");
    assert.match(
      (await page.textContent("#decode .reading")) ?? "",
      /^1: tp 1 · dp 1 · ep 1, batch 1, prompt 128: a\.json 10\.20 ms \(10\.10 to 10\.30\); <\/script>b\.json 15\.30 ms .*1\.50 × first, worse$/,
    );
    await page.keyboard.press("ArrowLeft");
    assert.match((await page.textContent("#decode .reading")) ?? "", /^4: .*batch 8.*a\.json –; /);
    await page.locator("#prefill .u-over").hover({ position: { x: 100, y: 20 } });
    assert.match((await page.textContent("#prefill .reading")) ?? "", /^1: /);
  }));

test("medians stand where the axis says, and what is worse has a ring", () =>
  withComparison(async (page) => {
    /** Whether the canvas has the colour of a style near a value: x in configurations, y in ms, of 0 to 1.1 × the largest bar. */
    const painted = (name: string) =>
      page.$eval(
        "#decode canvas",
        (element, style) => {
          const canvas = element as HTMLCanvasElement;
          const probe = document.body.appendChild(document.createElement("span"));
          probe.style.color = `var(--${style})`;
          const wanted = (getComputedStyle(probe).color.match(/\d+/g) ?? []).map(Number);
          const { data, width } = (canvas.getContext("2d") as CanvasRenderingContext2D).getImageData(
            ...([0, 0, canvas.width, canvas.height] as const),
          );
          const places: [number, number][] = [];
          for (let i = 0; i < data.length; i += 4)
            if (wanted.every((value, c) => Math.abs(data[i + c] - value) < 4) && data[i + 3] > 250)
              places.push([(i / 4) % width, Math.floor(i / 4 / width)]);
          return places;
        },
        name,
      );
    const [first, second, rings] = [await painted("owner-0"), await painted("owner-1"), await painted("worse")];
    const middle = (values: readonly number[]): number => (Math.min(...values) + Math.max(...values)) / 2;
    // At the leftmost configuration the second file's dot is higher, by half; the ring is around it.
    const leftmost = (places: readonly [number, number][]) => {
      const left = Math.min(...places.map(([x]) => x));
      return middle(places.filter(([x]) => x < left + 12).map(([, y]) => y));
    };
    assert.ok(leftmost(second) < leftmost(first), "15.3 ms must stand above 10.2 ms");
    assert.ok(Math.abs(middle(rings.map(([, y]) => y)) - leftmost(second)) < 3, "the ring must be around 15.3 ms");
  }));

test("light and dark follow the system, and the reader's choice", () =>
  withComparison(async (page) => {
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await background();
    await page.emulateMedia({ colorScheme: "dark" });
    assert.is.not(await background(), light);
    await page.click("#theme");
    assert.is(await background(), light);
  }));

test.run();
