/** `npm run pages`: writes what pages are made of, a script with uPlot in it and a style, as modules of the packages that show them. */
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { build } from "esbuild";

/** A page, and the module that it becomes. */
export interface PageSource {
  /** Under scripts/. */
  readonly folder: string;
  readonly title: string;
  readonly assetPath: string;
}

export const pages: readonly PageSource[] = [
  { folder: "profile-page", title: "JaxScale profile", assetPath: "packages/jaxscale/src/profile/page-asset.ts" },
  { folder: "benchmark-page", title: "JaxScale benchmarks", assetPath: "packages/cli/src/compare/page-asset.ts" },
];

/** The module's text. */
export async function makePageAsset(root: string, { folder, title }: PageSource): Promise<string> {
  const bundled = async (entry: string, loader: "js" | "css"): Promise<string> => {
    const { outputFiles } = await build({
      stdin: { contents: entry, resolveDir: import.meta.dirname, loader },
      bundle: true,
      minify: true,
      format: "esm",
      target: "es2022",
      legalComments: "none",
      write: false,
    });
    return outputFiles[0].text.trim();
  };
  const script = await bundled(`import "./language.ts"; import "../${folder}/page.ts";`, "js");
  const style = await bundled('@import "uplot/dist/uPlot.min.css"; @import "./style.css";', "css");
  const uplot = createRequire(join(root, "package.json")).resolve("uplot/package.json");
  const { version } = JSON.parse(readFileSync(uplot, "utf8")) as { version: string };
  const licence = readFileSync(join(uplot, "../LICENSE"), "utf8").trim();
  const before = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<!--
uPlot ${version}, https://github.com/leeoniya/uPlot

${licence}
-->
<style>${style}</style>
</head>
<body>
<script type="application/json" id="data">`;
  // A script element ends at the first `</script`, whatever it holds.
  const behind = `</script>
<script type="module">${script.replaceAll("</script", "<\\/script")}</script>
</body>
</html>
`;
  return `/** Made by \`npm run pages\` from scripts/${folder}; not for reading. */

const before: string = ${JSON.stringify(before)};
const behind: string = ${JSON.stringify(behind)};

/** A page that needs nothing else. @param data what it shows, as JSON can have it */
export const pageOf = (data: unknown): string =>
  before + JSON.stringify(data).replaceAll("<", "\\\\u003c") + behind;
`;
}

if (process.argv[1] === import.meta.filename) {
  const root = join(import.meta.dirname, "../..");
  for (const page of pages) {
    const text = await makePageAsset(root, page);
    writeFileSync(join(root, page.assetPath), text);
    console.log(`${page.assetPath}: ${Math.round(text.length / 1024)} KiB`);
  }
}
