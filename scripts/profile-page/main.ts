/** `npm run profile-page`: writes what the page of a profile is made of. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { assetPath, makePageAsset } from "./asset.ts";

const root = join(import.meta.dirname, "../..");
const text = await makePageAsset(root);
writeFileSync(join(root, assetPath), text);
console.log(`${assetPath}: ${Math.round(text.length / 1024)} KiB`);
