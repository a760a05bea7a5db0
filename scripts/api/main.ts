/** `npm run docs`: writes docs/api. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeReference } from "./pages.ts";

const root = join(import.meta.dirname, "../..");
const { pages, silent } = makeReference(root);
rmSync(join(root, "docs/api"), { recursive: true, force: true });
mkdirSync(join(root, "docs/api"), { recursive: true });
for (const [path, text] of pages) writeFileSync(join(root, path), text);
console.log(`${pages.size} pages`);
if (silent.length > 0) console.log(`without a first sentence: ${silent.join(", ")}`);
