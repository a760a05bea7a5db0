/** What may answer in a hub's place, and where its token must not go; each fault is one sentence. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openCheckpoint } from "@jaxscale/models";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { rejection } from "../rejection.ts";
import { fixture } from "./fixtures.ts";
import { commit, type HubServer, json, name, sha256, startHub, tree } from "./hub-server.ts";

interface Context {
  hub: HubServer;
  home: string;
}

const test = suite<Context>("a hostile hub", {} as Context);
const variables = ["HF_ENDPOINT", "HF_HOME", "HF_HUB_OFFLINE", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN"];
const saved = variables.map((variable) => process.env[variable]);

test.before.each(async (context) => {
  context.hub = await startHub(fixture("glm4-tiny"));
  context.home = mkdtempSync(join(tmpdir(), "hub-"));
  for (const variable of variables) delete process.env[variable];
  process.env.HF_ENDPOINT = context.hub.url;
  process.env.HF_HOME = context.home;
});
test.after.each(async ({ hub, home }) => {
  await hub.close();
  rmSync(home, { recursive: true });
  variables.forEach((variable, i) => {
    if (saved[i] === undefined) delete process.env[variable];
    else process.env[variable] = saved[i];
  });
});

const shard = "model-00002-of-00004.safetensors";
const messageOf = async (): Promise<string> => {
  const error = await rejection(openCheckpoint(name));
  assert.is(error.name, "CheckpointError", error.stack);
  assert.not.match(error.message, /\n/);
  return error.message;
};

/** A second server, which notes what it is sent. */
async function otherServer(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const tokens: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    tokens.push(request.headers.authorization);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    tokens,
    close: () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
  };
}

test("the token goes to the hub alone: not to the next page of a list elsewhere, nor where a file is redirected", async ({
  hub,
}) => {
  process.env.HF_TOKEN = "hf_secret";
  const files = new Map(hub.files);
  const other = await otherServer(({ url = "", headers }, response) => {
    if (url.startsWith("/tree")) return json(response, tree(files));
    const bytes = files.get(url.split("/").at(-1) as string) as Uint8Array;
    const head = { ETag: '"x"', "X-Cache": "Hit from cloudfront" };
    if (headers.range === "bytes=0-0")
      response.writeHead(206, { ...head, "Content-Range": `bytes 0-0/${bytes.length}` }).end(bytes.subarray(0, 1));
    else response.writeHead(200, head).end(bytes);
  });
  const own: (string | undefined)[] = [];
  hub.instead = ({ url = "", headers }, response) => {
    own.push(headers.authorization);
    if (url.includes("/tree/")) {
      response.setHeader("Link", `<${other.url}/tree>; rel="next"`);
      json(response, []);
      return true;
    }
    if (!url.endsWith(".safetensors")) return false;
    response.writeHead(302, { Location: `${other.url}${url}` }).end();
    return true;
  };
  try {
    await openCheckpoint(name);
  } finally {
    await other.close();
  }
  assert.ok(own.length > 5 && own.every((token) => token === "Bearer hf_secret"));
  assert.ok(other.tokens.length > 5);
  assert.equal(new Set(other.tokens), new Set([undefined]));
});

test("a token that is none is refused before it is sent", async ({ hub }) => {
  process.env.HF_TOKEN = "my password";
  assert.is(await messageOf(), "HF_TOKEN: must begin with hf_, and have no spaces; got another text");
  process.env.HF_ENDPOINT = "not an address";
  assert.is(await messageOf(), "HF_ENDPOINT: must be an address; got not an address");
  assert.equal(hub.requests, []);
});

test("a list of files without end is refused", async ({ hub }) => {
  let pages = 0;
  hub.instead = ({ url }, response) => {
    if (!url?.includes("/tree/")) return false;
    pages++;
    response.setHeader("Link", `<${hub.url}${url.split("?")[0]}?cursor=${pages}>; rel="next"`);
    json(response, []);
    return true;
  };
  assert.is(await messageOf(), "org/tiny: must list its files in at most 100 pages; got more");
  assert.is(pages, 100);
});

test("the page of a network that wants a sign-in is no hub, and no file; a snapshot that is there serves", async ({
  hub,
}) => {
  const page = (_: IncomingMessage, response: ServerResponse): boolean => {
    response.writeHead(200, { "Content-Type": "text/html; charset=utf-8" }).end("<!DOCTYPE html><p>Welcome</p>");
    return true;
  };
  const sentence = /^http:\/\/127\.0\.0\.1:\d+\/.*: must answer as a hub does; got a web page, such as /;
  hub.instead = page;
  assert.match(await messageOf(), sentence);
  hub.instead = (request, response) => (request.url?.endsWith("/config.json") ? page(request, response) : false);
  assert.match(await messageOf(), sentence);
  hub.instead = undefined;
  await openCheckpoint(name);
  hub.instead = page;
  assert.is((await openCheckpoint(name)).config.modelType, "glm4");
});

test("answers of another form are refused", async ({ hub }) => {
  for (const [route, answer] of [
    ["/revision/", "null"],
    ["/revision/", "hello"],
    ["/tree/", "{}"],
    ["/tree/", "[null]"],
  ]) {
    hub.instead = ({ url }, response) => {
      if (!url?.includes(route)) return false;
      response.writeHead(200, { "Content-Type": "application/json" }).end(answer);
      return true;
    };
    assert.match(await messageOf(), /^the hub: must answer as a hub does; got an answer of another form \(/);
  }
});

test("redirects in a circle are refused, for the repository and for a file", async ({ hub }) => {
  for (const part of ["/revision/", "/tree/", "/resolve/"]) {
    let requests = 0;
    hub.instead = ({ url = "" }, response) => {
      if (!url.includes(part)) return false;
      requests++;
      response.writeHead(302, { Location: url }).end();
      return true;
    };
    assert.match(await messageOf(), /^http:.*: must answer; got one redirect after the other$/);
    assert.ok(requests < 30, `${requests} requests: it is not tried again`);
  }
});

test("a hub without ranges is refused, at once or when a download goes on", async ({ hub, home }) => {
  const bytes = hub.files.get(shard) as Uint8Array;
  hub.instead = ({ url }, response) => {
    if (!url?.endsWith("/config.json")) return false;
    response.writeHead(200, { ETag: '"x"' }).end(hub.files.get("config.json"));
    return true;
  };
  assert.match(await messageOf(), /^config\.json: must be served by ranges; got /);
  hub.instead = ({ url, headers }, response) => {
    if (url !== `/cdn/${shard}` || headers.range === "bytes=0-0") return false;
    response.writeHead(200, { ETag: '"x"' }).end(bytes);
    return true;
  };
  const blobs = join(home, "hub", "models--org--tiny", "blobs");
  mkdirSync(blobs, { recursive: true });
  writeFileSync(join(blobs, `${sha256(bytes)}.partial`), bytes.subarray(0, 1000));
  assert.is(
    await messageOf(),
    `${shard}: must be served by ranges; got all of it where the rest behind byte 1000 was asked for`,
  );
});

test("a cache that is a file, or cannot be written, is one sentence", async ({ hub, home }) => {
  const sentence =
    /^org\/tiny@main: the hub's cache must be a folder that can be written, see HF_HUB_CACHE and HF_HOME; got E[A-Z]+: /;
  process.env.HF_HUB_CACHE = join(home, "file");
  writeFileSync(process.env.HF_HUB_CACHE, "");
  assert.match(await messageOf(), sentence);
  delete process.env.HF_HUB_CACHE;
  const folder = join(home, "hub", "models--org--tiny");
  mkdirSync(folder, { recursive: true });
  for (const part of ["blobs", "snapshots", "refs"]) {
    writeFileSync(join(folder, part), "");
    assert.match(await messageOf(), sentence, part);
    rmSync(join(folder, part));
  }
  assert.ok(hub.requests.length > 0);
  assert.is((await openCheckpoint(name)).config.modelType, "glm4");
  assert.equal(readdirSync(join(folder, "snapshots")), [commit]);
});

test.run();
