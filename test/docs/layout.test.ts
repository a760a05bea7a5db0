/** docs/layout.md shows the way through the packages. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";

const root = join(import.meta.dirname, "../..");
const layout = readFileSync(join(root, "docs/layout.md"), "utf8");

/** The part of the document on a package: from its heading to the next. */
function sectionOn(name: string): string {
  const heading = name === "jaxscale" ? "# Where things are" : `## \`packages/${name}\``;
  const start = layout.indexOf(heading);
  if (start < 0) return "";
  const end = layout.indexOf("\n## `packages/", start + 1);
  return layout.slice(start, end < 0 ? undefined : end);
}

for (const name of readdirSync(join(root, "packages")))
  test(`docs/layout.md names every folder and top-level file of packages/${name}/src`, () => {
    const section = sectionOn(name);
    const entries = readdirSync(join(root, "packages", name, "src"), { withFileTypes: true });
    const missing = entries
      .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
      .filter((entry) => !section.includes(`\`${entry}\``));
    assert.equal(missing, []);
  });

test.run();
