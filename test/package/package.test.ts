/** The packages as npm would publish them: packed, installed in an empty project, type-checked against, run by plain Node. */
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { test } from "uvu";
import * as assert from "uvu/assert";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const project = mkdtempSync(join(tmpdir(), "jaxscale-project-"));
const at = (...path: readonly string[]): string => join(project, ...path);

/** What a command prints. @throws Error with it all if the command fails */
async function run(command: string, args: readonly string[], cwd = project): Promise<string> {
  try {
    const env = { XDG_RUNTIME_DIR: tmpdir(), ...process.env };
    return (await promisify(execFile)(command, [...args], { cwd, env, maxBuffer: 2 ** 26 })).stdout;
  } catch (error) {
    const { message, stdout, stderr } = error as Error & { stdout: string; stderr: string };
    throw new Error(`${message}\n${stdout}\n${stderr}`);
  }
}

const sizeOfFolder = (folder: string): number =>
  readdirSync(folder, { recursive: true, withFileTypes: true }).reduce(
    (bytes, entry) => bytes + (entry.isFile() ? statSync(join(entry.parentPath, entry.name)).size : 0),
    0,
  );
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

const program = `import * as jax from "jaxscale";

const { grad, jit, nn, numpy: jnp } = jax;
const loss = (w: jax.Array, x: jax.Array): jax.Array => nn.softmax(x.dot(w)).at(0, 1).get();
const step = jit((w: jax.Array, x: jax.Array) => w.sub(grad(loss)(w, x)));

const w = step(jnp.eye(2), jnp.array([[1, 2]]));
const values: jax.Array = w.reshape([4]);
console.log((await values.data()).length, await w.sum().item(), w.dtype satisfies jax.DType);
`;
const config = {
  compilerOptions: { module: "nodenext", target: "es2022", strict: true, skipLibCheck: false, outDir: "out" },
  files: ["main.ts"],
};

let packed: readonly string[] = [];

test("in a clone, the command runs from its sources", async () => {
  assert.match(await run("npx", ["--no-install", "jaxscale", "--help"], root), /Usage: jaxscale <command>/);
});

test("every package builds and packs", async () => {
  const printed = await run(process.execPath, [join(root, "scripts", "pack.mjs"), at("packs")], root);
  packed = printed.split("\n").filter((line) => line.endsWith(".tgz"));
  writeFileSync(at("package.json"), JSON.stringify({ name: "project", private: true, type: "module" }));
  writeFileSync(at("tsconfig.json"), JSON.stringify(config));
  writeFileSync(at("main.ts"), program);
  assert.ok(packed.length >= 2, packed.join());
});

test("tarballs hold what is built and nothing else", async () => {
  for (const tarball of packed) {
    const files = (await run("tar", ["-tzf", tarball])).trim().split("\n");
    const stray = files.filter(
      (file) => !/^package\/(package\.json|README\.md|LICENSE|dist\/[\w/-]+\.(js|js\.map|d\.ts))$/.test(file),
    );
    assert.equal(stray, [], tarball);
    assert.ok(files.includes("package/LICENSE"));
    for (const js of files.filter((file) => file.endsWith(".js")))
      for (const twin of [js.replace(/js$/, "d.ts"), `${js}.map`]) assert.ok(files.includes(twin), twin);
  }
});

test("they install in an empty project, version 0.1.0, without scripts", async () => {
  await run("npm", ["install", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", ...packed]);
  const installed = (name: string): string => at("node_modules", name);
  for (const name of ["jaxscale", "@jaxscale/cli"]) {
    const manifest = JSON.parse(readFileSync(join(installed(name), "package.json"), "utf8")) as { version: string };
    assert.is(manifest.version, "0.1.0");
    assert.not.ok(existsSync(join(installed(name), "src")));
  }
  const whole = sizeOfFolder(at("node_modules"));
  const own = sizeOfFolder(installed("jaxscale"));
  const driver = sizeOfFolder(installed("webgpu"));
  const optional = ["@sparticuz/chromium", "koffi"].reduce((n, name) => n + sizeOfFolder(installed(name)), 0);
  console.log(
    `\ninstalled: ${megabytes(whole)} in all, of that jaxscale ${megabytes(own)}, webgpu (Dawn) ${megabytes(driver)}, optional software driver ${megabytes(optional)}`,
  );
});

test("a program type-checks against the declarations, those checked too, and runs in plain Node", async () => {
  await run(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "-p", "."]);
  assert.match(await run(process.execPath, ["out/main.js"]), /^4 (2|2\.0000\d*|1\.9999\d*) float32\n$/);
});

test("the command is there", async () => {
  assert.match(await run(at("node_modules", ".bin", "jaxscale"), ["--help"]), /Usage: jaxscale <command>/);
  assert.match(await run("npx", ["--no-install", "jaxscale", "doctor"]), /adapter +\S/);
});

test("a bundler makes a script for browsers of it, without anything of Node", async () => {
  const { outputFiles, warnings } = await build({
    entryPoints: [at("main.ts")],
    bundle: true,
    platform: "browser",
    format: "esm",
    minify: true,
    write: false,
  });
  const [{ text }] = outputFiles;
  assert.equal(warnings, []);
  assert.not.match(text, /(from|import|require)\s*\(?["'](node:|fs|path|os|webgpu|koffi)/);
  console.log(`\nbundled and minified: ${megabytes(text.length)}`);
});

test("errors of an installed package name the user's line", async () => {
  writeFileSync(
    at("wrong.mjs"),
    `import { customKernel, numpy as jnp } from "jaxscale";
customKernel({ name: "k", inputs: ["x"], outputs: () => ({}), wgsl: "fn main() {}", workgroups: () => [1], cost: () => ({ flops: 0 }) })({ x: jnp.ones([1]) });
`,
  );
  const error = await run(process.execPath, ["wrong.mjs"]).then(
    () => "",
    (e: Error) => e.message,
  );
  assert.match(error, /TypeError: custom kernel k: must have a result; got none, called at .*wrong\.mjs:2:/);
});

test.after(() => rmSync(project, { recursive: true, force: true }));
test.run();
