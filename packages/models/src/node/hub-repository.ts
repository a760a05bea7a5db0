/** A repository on a hub, at one commit. */
import { CheckpointError } from "jaxscale";
import { quoted, refused } from "../checkpoint-error.ts";
import { type HubId, isCommit } from "../hub/hub-id.ts";
import { hubFetch, NoHubError } from "./hub-fetch.ts";
import type { HubFile } from "./hub-file.ts";

export type Hub = typeof import("@huggingface/hub");

interface Settings {
  readonly hubUrl: string;
  readonly accessToken: string | undefined;
  readonly fetch: typeof fetch;
}

// A page lists a thousand files.
const maxPages = 100;

export class Repository {
  readonly id: HubId;
  readonly commit: string;
  readonly #hub: Hub;
  readonly #settings: Settings;

  private constructor(hub: Hub, id: HubId, commit: string, settings: Settings) {
    this.#hub = hub;
    this.id = id;
    this.commit = commit;
    this.#settings = settings;
  }

  /** @throws CheckpointError, NoHubError, HubApiError; errors of the connection */
  static async find(hub: Hub, id: HubId, signal: AbortSignal | undefined): Promise<Repository> {
    const settings = settingsOf(hub, signal);
    const { sha } = await answered(() =>
      hub.modelInfo({ name: id.name, revision: id.revision, additionalFields: ["sha"], ...settings }),
    );
    // The name becomes a folder.
    if (!isCommit(sha))
      throw new CheckpointError(`${id.name}@${id.revision}: must be a commit; got ${quoted(String(sha))}`);
    return new Repository(hub, id, sha, settings);
  }

  /** Files at the top, by name. */
  async files(): Promise<ReadonlyMap<string, HubFile>> {
    let pages = 0;
    const fetchPage: typeof fetch = (input, init) => {
      if (++pages > maxPages)
        throw new CheckpointError(`${this.id.name}: must list its files in at most ${maxPages} pages; got more`);
      return this.#settings.fetch(input, init);
    };
    const files = new Map<string, HubFile>();
    await answered(async () => {
      const where = { repo: this.id.name, revision: this.commit };
      for await (const entry of this.#hub.listFiles({ ...where, ...this.#settings, fetch: fetchPage })) {
        const { type, path, size, oid, lfs } = entry;
        if (type === "file" && /^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(path))
          files.set(path, { name: path, sizeBytes: lfs?.size ?? size, hash: lfs?.oid ?? oid ?? "" });
      }
    });
    return files;
  }

  /** The bytes of a file from `start` on. @throws CheckpointError if the contents differ from the listing */
  async open(file: HubFile, start: number): Promise<AsyncIterable<Uint8Array>> {
    const { name, sizeBytes } = file;
    const where = { repo: this.id.name, path: name, revision: this.commit, ...this.#settings };
    const downloadInfo = await this.#hub.fileDownloadInfo(where).catch((error: unknown) => {
      if (error instanceof this.#hub.InvalidApiResponseFormatError) throw withoutRanges(name, error.message);
      throw error;
    });
    if (downloadInfo === null) throw refused({ file: name }, "must be on the hub, as listed", "no such file");
    const { size, url, xet } = downloadInfo;
    if (size !== sizeBytes)
      throw refused({ file: name }, `must have the ${sizeBytes} bytes that the hub lists`, `${size}`);
    if (xet === undefined) return this.#body(name, url, start, sizeBytes);
    const blob = (await this.#hub.downloadFile({ ...where, downloadInfo })) as Blob;
    return blob.slice(start, sizeBytes).stream() as unknown as AsyncIterable<Uint8Array>;
  }

  // The stream of the library hides errors, and accepts a whole file in place of the requested range.
  async #body(name: string, url: string, start: number, sizeBytes: number): Promise<AsyncIterable<Uint8Array>> {
    const { accessToken, fetch: get } = this.#settings;
    const headers = new Headers(accessToken === undefined ? {} : { Authorization: `Bearer ${accessToken}` });
    if (start > 0) headers.set("Range", `bytes=${start}-${sizeBytes - 1}`);
    const answer = await get(url, { headers });
    if (!answer.ok) throw new this.#hub.HubApiError(url, answer.status);
    if (start > 0 && answer.status !== 206) {
      await answer.body?.cancel();
      throw withoutRanges(name, `all of it where the rest behind byte ${start} was asked for`);
    }
    return (answer.body ?? []) as unknown as AsyncIterable<Uint8Array>;
  }
}

const withoutRanges = (file: string, found: string): CheckpointError =>
  refused({ file }, "must be served by ranges", found);

function settingsOf(hub: Hub, signal: AbortSignal | undefined): Settings {
  const hubUrl = process.env.HF_ENDPOINT?.replace(/\/+$/, "") || hub.HUB_URL;
  const accessToken = process.env.HF_TOKEN || undefined;
  if (!URL.canParse(hubUrl)) throw new CheckpointError(`HF_ENDPOINT: must be an address; got ${quoted(hubUrl)}`);
  if (accessToken !== undefined && !/^hf_[\x21-\x7e]+$/.test(accessToken))
    throw new CheckpointError("HF_TOKEN: must begin with hf_, and have no spaces; got another text");
  return { hubUrl, accessToken, fetch: hubFetch(hubUrl, accessToken, signal) };
}

/** The library does not validate answers: a TypeError or SyntaxError from it means a malformed answer. */
async function answered<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    const isForm = error instanceof SyntaxError || (error instanceof TypeError && error.cause === undefined);
    if (!isForm) throw error;
    throw new NoHubError(
      `the hub: must answer as a hub does; got an answer of another form (${quoted(error.message)})`,
    );
  }
}
