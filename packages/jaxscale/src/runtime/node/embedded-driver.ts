/** SwiftShader from the optional package @sparticuz/chromium: a Vulkan driver for machines that have none. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { brotliDecompressSync } from "node:zlib";
import type { GpuSource } from "../platform.ts";
import { reasonOf, temporaryName, warnOfCache, writableFolders } from "./cache-folder.ts";
import { endAtOnce } from "./end-at-once.ts";
import { createGpu, listAdapters } from "./system-gpu.ts";

const wanted = ["libvulkan.so.1", "libvk_swiftshader.so", "vk_swiftshader_icd.json"];

/** Plain files of a tar archive. @see https://www.gnu.org/software/tar/manual/html_node/Standard.html */
export function* filesInTar(tar: Buffer): Generator<{ readonly name: string; readonly content: Buffer }> {
  const text = (start: number, length: number): string =>
    tar.toString("latin1", start, start + length).replace(/\0.*$/s, "");
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0; ) {
    const sizeBytes = Number.parseInt(text(at + 124, 12), 8);
    const kind = text(at + 156, 1);
    if (kind === "" || kind === "0")
      yield { name: text(at, 100), content: tar.subarray(at + 512, at + 512 + sizeBytes) };
    at += 512 + Math.ceil(sizeBytes / 512) * 512;
  }
}

/** Unpacks the driver into a folder, unless it is there. Whole or not at all: processes may race. */
function unpackDriver(archive: string, version: string, into: string): string {
  const folder = join(into, `swiftshader-${version}`);
  if (existsSync(folder)) return folder;
  const temporary = temporaryName(folder);
  try {
    mkdirSync(temporary);
    for (const { name, content } of filesInTar(brotliDecompressSync(readFileSync(archive))))
      if (wanted.includes(basename(name))) writeFileSync(join(temporary, basename(name)), content, { mode: 0o755 });
    renameSync(temporary, folder);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
  return folder;
}

type Loaded = { readonly icd: string } | { readonly missing: string };

let loaded: Promise<Loaded> | undefined;

// One holds the driver, the other loads it.
const optionalPackages = ["@sparticuz/chromium", "koffi"];

/** Undefined for a package that is not installed. */
function entryOf(name: string): string | undefined {
  try {
    return createRequire(import.meta.url).resolve(name);
  } catch {
    return undefined;
  }
}

async function loadDriver(): Promise<Loaded> {
  if (process.platform !== "linux" || process.arch !== "x64")
    return { missing: `the embedded driver is for linux-x64, this is ${process.platform}-${process.arch}` };
  const [entry, binding] = optionalPackages.map(entryOf);
  if (entry === undefined || binding === undefined)
    return { missing: `the optional packages ${optionalPackages.join(" and ")} are not both installed` };
  const root = entry.slice(0, entry.lastIndexOf("chromium") + "chromium".length);
  try {
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
    const { default: koffi } = await import("koffi");
    const load = (path: string): void => void koffi.load(path);
    await endAtOnce("all");
    return loadFrom(writableFolders(), { archive: join(root, "bin", "swiftshader.tar.br"), version, load });
  } catch (error) {
    return { missing: `the embedded driver cannot be loaded (${String(error)})` };
  }
}

interface DriverPackage {
  readonly archive: string;
  readonly version: string;
  /** Loads a library into the process. */
  readonly load: (path: string) => void;
}

/** From the first folder that has room and lets programs be loaded. */
function loadFrom(folders: Iterable<string>, { archive, version, load }: DriverPackage): Loaded {
  const problems: string[] = [];
  for (const into of folders)
    try {
      const folder = unpackDriver(archive, version, into);
      // Dawn opens libvulkan.so.1 by that name and so gets the one that is loaded already.
      load(join(folder, "libvulkan.so.1"));
      if (problems.length > 0) warnOfCache(`the embedded driver lies in ${folder}, not in ${problems.join(", ")}`);
      return { icd: join(folder, "vk_swiftshader_icd.json") };
    } catch (error) {
      problems.push(`${into} (${reasonOf(error)})`);
    }
  return {
    missing: `the embedded driver needs a folder with 7 MB of room, got ${problems.join(", ") || "none that can be written"}`,
  };
}

/** Runs `use` while the Vulkan loader sees this driver alone; what else the process opens keeps the system's. */
async function withDriver<T>(icd: string, use: () => Promise<T>): Promise<T> {
  const names = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"];
  const before = names.map((name) => process.env[name]);
  for (const name of names) process.env[name] = icd;
  try {
    return await use();
  } finally {
    names.forEach((name, i) => {
      if (before[i] === undefined) delete process.env[name];
      else process.env[name] = before[i];
    });
  }
}

export const embeddedSource: GpuSource = {
  name: "embedded",
  advice:
    "this is the embedded SwiftShader; for a faster software driver install Mesa lavapipe 25 or newer (Debian 13, Ubuntu 25.04: apt install mesa-vulkan-drivers libvulkan1; Debian 12: the same from bookworm-backports), or use a GPU with a Vulkan driver",
  async open(adapterName) {
    loaded ??= loadDriver();
    const driver = await loaded;
    if ("missing" in driver) return driver;
    return withDriver(driver.icd, async () => {
      const gpu = await createGpu(adapterName);
      // Dawn asks the loader for its drivers at the first request.
      await gpu.requestAdapter();
      return gpu;
    });
  },
  async adapterNames() {
    loaded ??= loadDriver();
    const driver = await loaded;
    return "missing" in driver ? [] : withDriver(driver.icd, listAdapters);
  },
};
