/** The workspace's packages, each after those that it depends on. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const entries = (value) => (typeof value === "object" ? Object.values(value ?? {}).flatMap(entries) : [value]);

/** Folder and manifest of every package whose entry files are there. */
export function packages() {
  const found = readdirSync(join(root, "packages"))
    .map((name) => join(root, "packages", name))
    .filter((folder) => existsSync(join(folder, "package.json")))
    .map((folder) => ({ folder, manifest: JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) }))
    .filter(({ folder, manifest: { exports = {}, bin = {} } }) =>
      entries([exports, bin]).every((path) => existsSync(join(folder, path))),
    );
  const ordered = [];
  const add = (item) => {
    if (ordered.includes(item)) return;
    for (const name of Object.keys(item.manifest.dependencies ?? {})) {
      const needed = found.find(({ manifest }) => manifest.name === name);
      if (needed) add(needed);
    }
    ordered.push(item);
  };
  found.forEach(add);
  return ordered;
}

/** Where a source lies when built. A command's launcher, which runs its sources in a clone, becomes the built `main.ts`. */
export const built = (path, isType = false) =>
  path
    .replace(/^\.\/bin\/.*\.mjs$/, "./src/main.ts")
    .replace(/^\.\/src\/(.*)\.ts$/, `./dist/$1${isType ? ".d.ts" : ".js"}`);

/** A manifest for what is built: paths into `src` become paths into `dist`, and nothing else is published. */
export function builtManifest(manifest) {
  const rewrite = (value, key = "") => {
    if (typeof value === "string") return built(value, key === "types");
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, rewrite(inner, name)]));
  };
  const { exports, imports, bin, ...rest } = manifest;
  return {
    ...rest,
    ...(exports && { exports: rewrite(exports) }),
    ...(imports && { imports: rewrite(imports) }),
    ...(bin && { bin: rewrite(bin) }),
    files: ["dist"],
    sideEffects: rest.sideEffects ?? true,
  };
}
