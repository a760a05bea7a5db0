/** The headless browser of the package @sparticuz/chromium, which brings the libraries that it needs: no system package. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { brotliDecompressSync } from "node:zlib";
import { type Browser, chromium } from "playwright-core";
import { filesInTar } from "../../packages/jaxscale/src/runtime/node/embedded-driver.ts";

interface Packaged {
  /** Unpacks the browser into the temporary folder, unless a file of its name is there, however incomplete. */
  executablePath(): Promise<string>;
}

/** Without these flags headless Chromium has no WebGPU adapter; its own SwiftShader is the one. */
const flags = ["--headless=new", "--no-sandbox", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];

/** @throws Error where there is no browser: a test of the browser must not pass without one */
export async function launchBrowser(): Promise<Browser> {
  // Elsewhere the one that is installed.
  if (process.platform !== "linux" || process.arch !== "x64")
    return chromium.launch({ channel: "chrome", args: flags });
  const folder = await unpackBrowser();
  const executablePath = join(folder, "chromium");
  return chromium.launch({ executablePath, args: flags, env: environmentFor(executablePath, join(folder, "lib")) });
}

/** Unpacks the browser once. Whole or not at all: processes may race. */
async function unpackBrowser(): Promise<string> {
  const require = createRequire(new URL("../../packages/jaxscale/package.json", import.meta.url));
  const entry = require.resolve("@sparticuz/chromium");
  const root = entry.slice(0, entry.lastIndexOf("chromium") + "chromium".length);
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  const folder = join(tmpdir(), `jaxscale-chromium-${version}-${process.getuid?.() ?? 0}`);
  if (existsSync(folder)) return folder;
  const staged = mkdtempSync(`${folder}-`);
  await unpackInto(staged, pathToFileURL(entry).href);
  mkdirSync(join(staged, "lib"));
  for (const { name, content } of filesInTar(brotliDecompressSync(readFileSync(join(root, "bin", "al2023.tar.br")))))
    writeFileSync(join(staged, "lib", basename(name)), content);
  try {
    renameSync(staged, folder);
  } catch (error) {
    rmSync(staged, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
  return folder;
}

async function unpackInto(folder: string, entry: string): Promise<void> {
  const loaded = (await import(entry)) as { default: Packaged | { default: Packaged } };
  const browser = "default" in loaded.default ? loaded.default.default : loaded.default;
  const before = process.env.TMPDIR;
  process.env.TMPDIR = folder;
  try {
    await browser.executablePath();
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
}

/** Where the system lacks libraries that the browser needs, those of the package are used, by it alone. */
function environmentFor(executable: string, libraries: string): Record<string, string> {
  const env = Object.fromEntries(Object.entries(process.env).filter((e): e is [string, string] => e[1] !== undefined));
  try {
    execFileSync(executable, ["--version"], { stdio: "ignore" });
    return env;
  } catch {
    return { ...env, LD_LIBRARY_PATH: libraries };
  }
}
