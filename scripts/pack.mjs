/** `npm run pack [-- FOLDER]`: builds every package and packs it, as npm would publish it, into a folder (`dist`). */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build } from "./build.mjs";
import { builtManifest, packages, root } from "./packages.mjs";

build();
const target = resolve(process.argv[2] ?? join(root, "dist"));
mkdirSync(target, { recursive: true });
for (const { folder, manifest } of packages()) {
  const staged = mkdtempSync(join(tmpdir(), "jaxscale-pack-"));
  try {
    cpSync(join(folder, "dist"), join(staged, "dist"), { recursive: true });
    for (const name of ["README.md", "LICENSE"]) {
      const from = [join(folder, name), join(root, name)].find(existsSync);
      if (from) cpSync(from, join(staged, name));
    }
    writeFileSync(join(staged, "package.json"), `${JSON.stringify(builtManifest(manifest), null, 2)}\n`);
    const packed = spawnSync("npm", ["pack", "--silent", "--pack-destination", target], {
      cwd: staged,
      encoding: "utf8",
      shell: process.platform === "win32",
    });
    if (packed.status !== 0) throw new Error(`${manifest.name} cannot be packed: ${packed.stderr}`);
    console.log(join(target, packed.stdout.trim().split("\n").at(-1)));
  } finally {
    rmSync(staged, { recursive: true, force: true });
  }
}
