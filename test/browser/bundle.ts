/** A script and all that it imports, as a user bundles it for browsers. */
import { build } from "esbuild";

/** The bundle's text. @param entry a TypeScript file */
export async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    platform: "browser",
    format: "esm",
    sourcemap: "inline",
    write: false,
  });
  return outputFiles[0].text;
}
