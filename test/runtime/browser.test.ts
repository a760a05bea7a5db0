import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { test } from "uvu";
import * as assert from "uvu/assert";

interface Chromium {
  executablePath(): Promise<string>;
}

/** The browser of the optional package, or undefined where it is not installed. */
async function findBrowser(): Promise<string | undefined> {
  if (process.platform !== "linux" || process.arch !== "x64") return undefined;
  const require = createRequire(new URL("../../packages/jaxscale/package.json", import.meta.url));
  let entry: string;
  try {
    entry = require.resolve("@sparticuz/chromium");
  } catch {
    return undefined;
  }
  const loaded = (await import(pathToFileURL(entry).href)) as { default: Chromium | { default: Chromium } };
  const chromium = "default" in loaded.default ? loaded.default.default : loaded.default;
  return chromium.executablePath();
}

/** What the page's script sends back. */
async function runInBrowser(browser: string, script: string): Promise<unknown> {
  const profile = mkdtempSync(join(tmpdir(), "jaxscale-browser-"));
  let child: ReturnType<typeof spawn> | undefined;
  let errors = "";
  const found = new Promise<unknown>((resolve, reject) => {
    const server = createServer((request, response) => {
      if (request.url === "/page.js") response.setHeader("content-type", "text/javascript").end(script);
      else if (request.url !== "/found")
        response.setHeader("content-type", "text/html").end('<script type="module" src="/page.js"></script>');
      else {
        let text = "";
        request.on("data", (part) => {
          text += part;
        });
        request.on("end", () => {
          response.end();
          server.close();
          resolve(JSON.parse(text));
        });
      }
    }).listen(0, () => {
      const { port } = server.address() as AddressInfo;
      const flags = ["--headless=new", "--no-sandbox", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];
      child = spawn(browser, [...flags, `--user-data-dir=${profile}`, `http://localhost:${port}/`]);
      child.stderr?.on("data", (part) => {
        errors += part;
      });
      child.on("exit", (code) => {
        server.close();
        reject(new Error(`the browser ended with ${code}: ${errors.slice(-1000)}`));
      });
      setTimeout(() => child?.kill(), 120_000).unref();
    });
  });
  try {
    return await found;
  } finally {
    const ended = new Promise((resolve) => child?.on("exit", resolve));
    child?.kill();
    await ended;
    rmSync(profile, { recursive: true, force: true, maxRetries: 3 });
  }
}

test("the runtime works in a browser, unchanged", async () => {
  const browser = await findBrowser();
  if (browser === undefined) return;
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("browser-page.ts", import.meta.url))],
    bundle: true,
    platform: "browser",
    format: "esm",
    write: false,
  });
  assert.not.match(outputFiles[0].text, /from ?"node:/);
  assert.equal(await runInBrowser(browser, outputFiles[0].text), {
    platform: "browser",
    values: [63, 95, 127],
    counted: [300, (300 * 299) / 2],
    error: "not today",
    lost: "device: google swiftshader was lost (destroyed); got: Device was destroyed.",
    again: [3, 5, 7],
  });
});
test.run();
