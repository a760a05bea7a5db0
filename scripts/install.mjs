/** `node scripts/install.mjs [folder …]`: installs the dependencies if they are missing or older than the lockfile; run before `npm start`, `npm test` and other commands. */
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

function install(folder) {
  // npm writes this file last.
  const installed = join(folder, "node_modules", ".package-lock.json");
  const lockfile = join(folder, "package-lock.json");
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lockfile).mtimeMs) return;
  console.error(`Installing the dependencies${folder === root ? "" : ` of ${relative(root, folder)}`} once: npm ci`);
  const { status, error } = spawnSync("npm", ["ci", "--ignore-scripts"], {
    cwd: folder,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  if (error) console.error(`npm cannot be started: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}

const folders = process.argv.slice(2);
for (const folder of folders.length > 0 ? folders : ["."]) install(resolve(root, folder));
