/** Copies of checkpoints that are broken on purpose. */
import { cpSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { folderFiles, SafetensorsFile } from "@jaxscale/models";
import { readJson } from "./fixtures.ts";

/** A copy in a new folder, for the caller to remove. */
export function copyOf(folder: string): string {
  const copy = mkdtempSync(join(tmpdir(), "broken-"));
  cpSync(folder, copy, { recursive: true });
  return copy;
}

/** Changes keys of a JSON file. */
export function editJson(folder: string, file: string, keys: Readonly<Record<string, unknown>>): void {
  writeFileSync(join(folder, file), JSON.stringify({ ...readJson(folder, file), ...keys }));
}

/** Changes the bytes of tensors in place; `edit` gets those of each key. */
export async function editTensors(
  folder: string,
  keys: readonly string[],
  edit: (...tensors: readonly Uint8Array[]) => void,
): Promise<void> {
  const index = join(folder, "model.safetensors.index.json");
  const map: Record<string, string> = existsSync(index) ? readJson(index).weight_map : {};
  const names = keys.map((key) => map[key] ?? "model.safetensors");
  const bytes = new Map([...new Set(names)].map((name) => [name, readFileSync(join(folder, name))]));
  const views: Uint8Array[] = [];
  for (const [i, key] of keys.entries()) {
    const source = await folderFiles(folder).open(names[i]);
    if (!source) throw new Error(`${folder} has no ${names[i]}`);
    const file = await SafetensorsFile.open(source);
    const { offset, sizeBytes } = file.entry(key);
    await file.close();
    views.push((bytes.get(names[i]) as Buffer).subarray(offset, offset + sizeBytes));
  }
  edit(...views);
  for (const [name, data] of bytes) writeFileSync(join(folder, name), data);
}

/** Exchanges the values of two tensors of the same size. */
export const exchangeTensors = (folder: string, a: string, b: string): Promise<void> =>
  editTensors(folder, [a, b], (first, second) => {
    const before = first.slice();
    first.set(second);
    second.set(before);
  });
