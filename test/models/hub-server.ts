/** A server on this machine that speaks the hub's routes: revision, tree, and files by ranges, large ones behind a redirect. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

export interface HubServer {
  readonly url: string;
  /** `GET path range` of every request. */
  readonly requests: string[];
  /** What is served, by name; may be changed. */
  readonly files: Map<string, Uint8Array>;
  /** What the tree lists beyond, or instead of, the files. */
  listed: Record<string, unknown>[] | undefined;
  /** Bytes of each answer after which the connection is cut; undefined: none is. */
  cutAfterBytes: number | undefined;
  /** Answers a request in another way, if it returns true. */
  instead: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  /** Status of every answer, if not what it should be. */
  status: number | undefined;
  commit: string;
  close(): Promise<void>;
}

export const name = "org/tiny";
export const commit = "0123456789abcdef0123456789abcdef01234567";

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
export const gitSha1 = (bytes: Uint8Array): string =>
  createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");

const isLarge = (file: string): boolean => file.endsWith(".safetensors");

export async function startHub(folder: string): Promise<HubServer> {
  const files = new Map(readdirSync(folder).map((file) => [file, new Uint8Array(readFileSync(join(folder, file)))]));
  const hub: HubServer = {
    url: "",
    requests: [],
    files,
    listed: undefined,
    cutAfterBytes: undefined,
    instead: undefined,
    status: undefined,
    commit,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  const server = createServer((request, response) => answer(hub, request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(hub, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

function answer(hub: HubServer, request: IncomingMessage, response: ServerResponse): void {
  const { pathname } = new URL(request.url ?? "/", hub.url);
  hub.requests.push(`${pathname} ${request.headers.range ?? ""}`.trim());
  if (hub.instead?.(request, response)) return;
  if (hub.status !== undefined) return void response.writeHead(hub.status).end();
  if (pathname.startsWith(`/api/models/${name}/revision/`))
    return json(response, { _id: "1", id: name, sha: hub.commit });
  if (pathname === `/api/models/${name}/tree/${commit}`) return json(response, hub.listed ?? tree(hub.files));
  const file = pathname.split("/").pop() as string;
  const bytes = hub.files.get(file);
  if (bytes === undefined) return void response.writeHead(404, { "X-Error-Code": "EntryNotFound" }).end();
  if (pathname.startsWith(`/${name}/resolve/${commit}/`) && isLarge(file))
    return void response.writeHead(302, { Location: `${hub.url}/cdn/${file}`, "X-Linked-Size": bytes.length }).end();
  sendRange(hub, bytes, request, response);
}

export function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(value));
}

export const tree = (files: ReadonlyMap<string, Uint8Array>): Record<string, unknown>[] =>
  [...files].map(([path, bytes]) => ({
    type: "file",
    path,
    size: bytes.length,
    oid: isLarge(path) ? "0".repeat(40) : gitSha1(bytes),
    ...(isLarge(path) ? { lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 134 } } : {}),
  }));

function sendRange(hub: HubServer, bytes: Uint8Array, request: IncomingMessage, response: ServerResponse): void {
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
  const start = range ? Number(range[1]) : 0;
  const end = range ? Math.min(Number(range[2]) + 1, bytes.length) : bytes.length;
  const headers = { ETag: `"${sha256(bytes)}"`, "Content-Length": end - start };
  if (range) response.writeHead(206, { ...headers, "Content-Range": `bytes ${start}-${end - 1}/${bytes.length}` });
  else response.writeHead(200, headers);
  const cut = hub.cutAfterBytes;
  if (cut === undefined || end - start <= cut) return void response.end(bytes.subarray(start, end));
  response.write(bytes.subarray(start, start + cut), () => setTimeout(() => response.destroy(), 20));
}
