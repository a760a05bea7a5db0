/** `npx tsx test/browser/profile-pictures.ts`: the pictures of docs/profiling.md, of what examples/10-profile.ts writes. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launchBrowser } from "./chromium.ts";

const root = join(import.meta.dirname, "../..");
const pictures = join(root, "docs/pictures");
const folder = mkdtempSync(join(tmpdir(), "jaxscale-pictures-"));
execFileSync(process.execPath, ["--import", "tsx", join(root, "examples/10-profile.ts"), folder], { cwd: root });
mkdirSync(pictures, { recursive: true });
const browser = await launchBrowser();
const page = await browser.newPage({ viewport: { width: 1280, height: 1360 } });
// Places of files as a reader of the repository knows them.
await page.setContent(readFileSync(join(folder, "index.html"), "utf8").replaceAll(`${root}/`, ""));
await page.waitForSelector("#kernels tbody tr");
await page.screenshot({ path: join(pictures, "profile.png") });
await page.setViewportSize({ width: 1280, height: 800 });
await page.emulateMedia({ colorScheme: "dark" });
await page.click("#kernels tbody tr");
await page.click('[data-tab="wgsl"]');
await page.screenshot({ path: join(pictures, "profile-kernel.png") });
await browser.close();
rmSync(folder, { recursive: true });
process.exit();
