/** Where in the user's program something was called: the first frame of a stack that is not this library's. */

// In a bundle everything is one file: then the frames of the user cannot be recognised, and none is shown.
const folder = import.meta.url.match(/^(.*\/)base\/call-site\.[jt]s/)?.[1];

// V8 keeps ten frames by default, and those of the library alone may be more.
const keptFrames = 100;

/** The stack of this moment without the frames above `above`, raw: V8 formats it only when it is read. */
export function captureSite(above: (...args: never[]) => unknown): { readonly stack?: string } {
  const site: { stack?: string } = {};
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = keptFrames;
  Error.captureStackTrace?.(site, above);
  Error.stackTraceLimit = stackTraceLimit;
  return site;
}

/** Such as `at train (file:///app/train.ts:12:7)`; reading the stack is what formats it. */
export function userFrame(site: { readonly stack?: string } | undefined): string | undefined {
  if (folder === undefined) return undefined;
  const own = folder.replace("file://", "");
  const frames = (site?.stack ?? "").split("\n").filter((line) => /(^\s*at |@).*:\d+:\d+/.test(line));
  return frames.find((line) => !line.includes(folder) && !line.includes(own) && !line.includes("node:"))?.trim();
}

/** `, called at …`, or nothing where that is not known. @param site the stack of this moment unless given */
export function calledAt(site: { readonly stack?: string } | undefined = captureSite(calledAt)): string {
  const frame = userFrame(site);
  return frame ? `, called ${frame}` : "";
}
