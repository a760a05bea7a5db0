/** A checkpoint on a server that answers range requests, such as a hub's `…/resolve/main/`. */
import { quoted, refused } from "../checkpoint-error.ts";
import type { ByteSource, CheckpointFiles } from "./byte-source.ts";
import { truncated } from "./byte-source.ts";

export interface UrlOptions {
  readonly fetch?: typeof fetch;
  readonly signal?: AbortSignal;
}

// Larger files are not held whole in memory, so the server must support ranges.
const maxWholeBytes = 64 * 2 ** 20;

/** A checkpoint on a server, read by range requests. @param base the address of the folder */
export function urlFiles(base: string | URL, { fetch: get = fetch, signal }: UrlOptions = {}): CheckpointFiles {
  const folder = new URL(base);
  if (!folder.pathname.endsWith("/")) folder.pathname += "/";
  const request = async (name: string, url: URL, range: string): Promise<Response> => {
    const answer = await get(url, { headers: { Range: range }, signal }).catch((error: unknown) => {
      if (!(error instanceof TypeError)) throw error;
      const { message } = (error.cause ?? error) as Error;
      throw refused({ file: name }, `must be readable from ${folder.href}`, quoted(message));
    });
    // No file of a checkpoint is HTML; the login page of a network is.
    if (!answer.ok || !answer.headers.get("content-type")?.startsWith("text/html")) return answer;
    await answer.body?.cancel();
    throw refused({ file: name }, `must be readable from ${folder.href}`, "a web page");
  };
  return {
    location: folder.href,
    open: async (name) => {
      const url = new URL(encodeURIComponent(name), folder);
      // A range request reports the size even where a HEAD request is answered compressed.
      const probe = await request(name, url, "bytes=0-0");
      if (probe.status === 404) return undefined;
      if (!probe.ok && probe.status !== 416)
        throw refused({ file: name }, `must be readable from ${folder.href}`, `status ${probe.status}`);
      const size = Number(probe.headers.get("content-range")?.split("/").pop());
      if (probe.status === 200) {
        const whole = await readAtMost(maxWholeBytes, probe);
        if (whole !== undefined) return wholeSource(name, whole);
        throw refused({ file: name }, `must be readable by ranges from ${folder.href}`, sizeText(probe));
      }
      await probe.body?.cancel();
      if (!Number.isSafeInteger(size))
        throw refused({ file: name }, `must have a known size at ${folder.href}`, "no Content-Range");
      return {
        name,
        sizeBytes: size,
        read: async (offset, into) => {
          if (into.length === 0) return;
          const answer = await request(name, url, `bytes=${offset}-${offset + into.length - 1}`);
          if (answer.status !== 206)
            throw refused({ file: name }, `must be readable by ranges from ${folder.href}`, `status ${answer.status}`);
          const bytes = new Uint8Array(await answer.arrayBuffer());
          if (bytes.length !== into.length) throw truncated(name, offset + into.length, offset + bytes.length);
          into.set(bytes);
        },
        close: async () => {},
      };
    },
  };
}

const sizeText = ({ headers }: Response): string =>
  `${headers.get("content-length") ?? `more than ${maxWholeBytes}`} bytes at once`;

/** Undefined if there are more bytes, whether or not the server reports their number. */
async function readAtMost(maxBytes: number, { headers, body }: Response): Promise<Uint8Array | undefined> {
  const pieces: Uint8Array[] = [];
  let sizeBytes = Number(headers.get("content-length") ?? 0);
  const reader = (body ?? new Blob([]).stream()).getReader();
  for (let gotBytes = 0; sizeBytes <= maxBytes; sizeBytes = gotBytes) {
    const { done, value } = await reader.read();
    if (done) return new Uint8Array(await new Blob(pieces as Uint8Array<ArrayBuffer>[]).arrayBuffer());
    pieces.push(value);
    gotBytes += value.length;
  }
  await reader.cancel();
  return undefined;
}

/** Reads a range from a server that ignores ranges. */
const wholeSource = (name: string, bytes: Uint8Array): ByteSource => ({
  name,
  sizeBytes: bytes.length,
  read: async (offset, into) => {
    if (offset + into.length > bytes.length) throw truncated(name, offset + into.length, bytes.length);
    into.set(bytes.subarray(offset, offset + into.length));
  },
  close: async () => {},
});
