/** A page with one bundled script, served on a port of its own for as long as a test looks at it. */
import { readdirSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import type { Page } from "playwright-core";
import { fixtureFolder } from "../conformance/fixture-files.ts";
import { bundle } from "./bundle.ts";
import { launchBrowser } from "./chromium.ts";

const types: Readonly<Record<string, string>> = { ".html": "text/html", ".js": "text/javascript" };

export interface PageOptions {
  /** A TypeScript file. */
  readonly script: string;
  /** Must load `/page.js`. */
  readonly html?: string;
  readonly timeoutMs?: number;
}

/** Loads the page in the browser, lets `use` look at it, and ends both. @throws Error for what the page threw */
export async function withPage<T>(
  { script, html = '<script type="module" src="/page.js"></script>', timeoutMs = 240_000 }: PageOptions,
  use: (page: Page) => Promise<T>,
): Promise<T> {
  const server = serve(
    new Map([
      ["/", `<!doctype html><meta charset="utf-8">${html}`],
      ["/page.js", await bundle(script)],
    ]),
  );
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(timeoutMs);
    const failed = new Promise<never>((_, reject) => page.on("pageerror", reject));
    failed.catch(() => {});
    const { port } = server.address() as AddressInfo;
    await page.goto(`http://localhost:${port}/`);
    return await Promise.race([use(page), failed]);
  } finally {
    await browser.close();
    server.close();
    server.closeAllConnections();
  }
}

/** Texts by path, and the fixtures. */
function serve(texts: ReadonlyMap<string, string>): Server {
  return createServer(({ url = "/" }, response) => {
    const text = texts.get(url);
    response.setHeader("content-type", types[extname(url) || ".html"] ?? "application/octet-stream");
    if (text !== undefined) response.end(text);
    else if (url === "/fixtures") response.end(JSON.stringify(readdirSync(fixtureFolder)));
    else if (/^\/fixtures\/[\w.]+$/.test(url)) response.end(readFileSync(join(fixtureFolder, url.slice(10))));
    else response.writeHead(404).end();
  })
    .listen(0, "127.0.0.1")
    .unref();
}
