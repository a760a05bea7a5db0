/** Installs the dependencies if they are missing or older than the lockfile; run before `npm start`, `npm test` and `npm run doctor`. */
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
// npm writes this file last.
const installed = join(root, "node_modules", ".package-lock.json");
const lockfile = join(root, "package-lock.json");

if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(lockfile).mtimeMs) {
  console.error("Installing the dependencies once: npm ci");
  const { status, error } = spawnSync("npm", ["ci", "--ignore-scripts"], {
    cwd: root,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  if (error) console.error(`npm cannot be started: ${error.message}`);
  process.exit(status ?? 1);
}
