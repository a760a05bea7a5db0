/** `npm run pages`: writes what pages are made of, a script with uPlot in it and a style, as modules of the packages that show them. */
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { build } from "esbuild";

/** A page, and the module that it becomes. */
export interface PageSource {
  /** Under scripts/. */
  readonly folder: string;
  readonly assetPath: string;
}

export const pages: readonly PageSource[] = [
  { folder: "profile-page", assetPath: "packages/jaxscale/src/profile/page-asset.ts" },
  { folder: "benchmark-page", assetPath: "packages/cli/src/compare/page-asset.ts" },
];

/** The module's text. */
export async function makePageAsset(root: string, { folder }: PageSource): Promise<string> {
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
  const constant = (name: string, comment: string, text: string): string =>
    `/** ${comment} */\nexport const ${name}: string = ${JSON.stringify(text)};\n`;
  return [
    `/** Made by \`npm run pages\` from scripts/${folder}; not for reading. */\n`,
    constant(
      "licences",
      "Of what the script holds of others.",
      `uPlot ${version}, https://github.com/leeoniya/uPlot\n\n${licence}`,
    ),
    // A script element ends at the first `</script`, whatever it holds.
    constant("script", "Shows the data in the page's first script.", script.replaceAll("</script", "<\\/script")),
    constant("style", "Its style.", style),
  ].join("");
}

if (process.argv[1] === import.meta.filename) {
  const root = join(import.meta.dirname, "../..");
  for (const page of pages) {
    const text = await makePageAsset(root, page);
    writeFileSync(join(root, page.assetPath), text);
    console.log(`${page.assetPath}: ${Math.round(text.length / 1024)} KiB`);
  }
}
