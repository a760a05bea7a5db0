import { build } from "esbuild";
import { test } from "uvu";
import * as assert from "uvu/assert";

test("the package bundles for a page without anything of Node", async () => {
  const { errors, outputFiles } = await build({
    stdin: {
      contents: `export { openCheckpoint, blobFiles, urlFiles, readTokenizer } from "@jaxscale/models";`,
      resolveDir: import.meta.dirname,
    },
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    logLevel: "silent",
  });
  assert.equal(errors, []);
  assert.not.match(outputFiles[0].text, /from ?"node:|require\("node:/);
});

test.run();
