/** `npm run build`: every package to its `dist`: ES modules, declarations, source maps. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { built, packages, root } from "./packages.mjs";

const cache = join(root, "node_modules", ".cache", "jaxscale-build");

/** @throws Error for types that do not agree */
export function build() {
  mkdirSync(cache, { recursive: true });
  const all = packages();
  for (const { folder, manifest } of all) {
    const dist = join(folder, "dist");
    rmSync(dist, { recursive: true, force: true });
    const config = join(cache, `${basename(folder)}.json`);
    writeFileSync(config, JSON.stringify(configOf(folder, all)));
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
    const { status } = spawnSync(process.execPath, [tsc, "-p", config], { stdio: "inherit" });
    if (status !== 0) throw new Error(`${manifest.name} does not build`);
    for (const path of Object.values(manifest.bin ?? {})) chmodSync(join(folder, built(path)), 0o755);
    console.log(`${manifest.name}: ${relative(root, dist)}`);
  }
}

/** Other packages are seen as they are built, not by their sources. */
function configOf(folder, all) {
  const others = all.filter((other) => other.folder !== folder);
  const paths = others
    .filter(({ manifest }) => manifest.exports)
    .map((other) => [other.manifest.name, [join(other.folder, "dist", "index.d.ts")]]);
  // Names that a package gives to its own files stand in its declarations too, and would lead to its sources.
  const inner = others.flatMap((other) =>
    Object.entries(other.manifest.imports ?? {}).map(([name, { node }]) => [
      name,
      [join(other.folder, node.replace("/src/", "/dist/").replace(/\.ts$/, ".d.ts"))],
    ]),
  );
  return {
    extends: join(root, "tsconfig.json"),
    compilerOptions: {
      noEmit: false,
      noEmitOnError: true,
      rootDir: join(folder, "src"),
      outDir: join(folder, "dist"),
      declaration: true,
      sourceMap: true,
      inlineSources: true,
      paths: Object.fromEntries([...paths, ...inner]),
    },
    include: [join(folder, "src")],
  };
}

if (process.argv[1] === import.meta.filename) build();
