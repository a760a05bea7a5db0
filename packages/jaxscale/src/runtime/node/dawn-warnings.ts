/**
 * Dawn and the Vulkan loader write warnings about the drivers they find to standard error, from native code. No option of Dawn's
 * binding turns them off and no setting of ours avoids their causes, so standard error is held back while an adapter is requested.
 */
import { closeSync, fstatSync, readSync, writeSync } from "node:fs";

interface Descriptors {
  dup(fd: number): number;
  dup2(from: number, to: number): number;
  /** A file in memory. */
  memfd(): number;
}

const standardError = 2;
const expected =
  /^Warning: (?:max\w+ artificially reduced|vkCreateInstance|Couldn't load Vulkan).*\n(?:[ \t]+at .*\n)*\n?/gm;

let descriptors: Descriptors | undefined;

/** To be called before `withoutDriverWarnings`, which otherwise holds nothing back. The package koffi is optional. */
export async function prepareToHoldBack(): Promise<void> {
  if (descriptors !== undefined || process.platform !== "linux") return;
  try {
    const { default: koffi } = await import("koffi");
    const libc = koffi.load(null);
    const create = libc.func("int memfd_create(const char *name, unsigned int flags)");
    descriptors = {
      dup: libc.func("int dup(int fd)"),
      dup2: libc.func("int dup2(int from, int to)"),
      memfd: () => create("standard-error", 0),
    };
  } catch {
    // The warnings are seen, which harms nothing.
  }
}

/**
 * Runs `request`, which must do its work before it returns; what it writes to standard error follows it, without the expected
 * warnings.
 */
export function withoutDriverWarnings<T>(request: () => T): T {
  const saved = descriptors?.dup(standardError) ?? -1;
  if (descriptors === undefined || saved < 0) return request();
  const held = descriptors.memfd();
  try {
    if (held >= 0) descriptors.dup2(held, standardError);
    return request();
  } finally {
    descriptors.dup2(saved, standardError);
    closeSync(saved);
    if (held >= 0) passOn(held);
  }
}

function passOn(held: number): void {
  const bytes = Buffer.alloc(fstatSync(held).size);
  readSync(held, bytes, 0, bytes.length, 0);
  closeSync(held);
  const rest = bytes.toString().replace(expected, "");
  if (rest === "") return;
  try {
    writeSync(standardError, rest);
  } catch {
    // Nobody reads standard error.
  }
}
