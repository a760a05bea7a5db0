import { readFileSync } from "node:fs";
import { openCheckpoint, urlFiles } from "@jaxscale/models";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { rejection } from "../rejection.ts";
import { fixture } from "./fixtures.ts";
import { commit, name, startHub } from "./hub-server.ts";
import { planFor } from "./parameter-plans.ts";

const folder = fixture("glm-tiny");

test("a checkpoint on a server is read by ranges, as a page would", async () => {
  const hub = await startHub(folder);
  try {
    const checkpoint = await openCheckpoint(urlFiles(`${hub.url}/${name}/resolve/${commit}`));
    assert.is(checkpoint.config.modelType, "glm");
    assert.equal((await checkpoint.tokenizer()).encode("hello"), [256, 280, 78]);
    const norm = (await checkpoint.load(planFor(checkpoint.config)))["model.norm.weight"];
    assert.is(norm.shape[0], 48);
    assert.not.ok(hub.requests.includes("/cdn/model.safetensors"), "weights are never fetched whole");
  } finally {
    await hub.close();
  }
});

const answering = (answer: (range: string | null) => Response) =>
  urlFiles("http://localhost/x", {
    fetch: async (_, init) => answer(new Headers(init?.headers).get("range")),
  });

test("a server that ignores ranges serves small files only", async () => {
  const bytes = readFileSync(`${folder}/config.json`);
  const small = answering(() => new Response(bytes, { headers: { "Content-Length": String(bytes.length) } }));
  const source = await small.open("config.json");
  assert.is(source?.sizeBytes, bytes.length);
  const read = new Uint8Array(5);
  await source?.read(2, read);
  assert.equal(read, new Uint8Array(bytes.subarray(2, 7)));
  const large = answering(() => new Response("x", { headers: { "Content-Length": String(2 ** 32) } }));
  assert.match(
    (await rejection(large.open("config.json"))).message,
    /^config\.json: must be readable by ranges from http:\/\/localhost\/x\/; got 4294967296 bytes at once$/,
  );
});

test("a server that ignores ranges and does not say how much it sends is read up to a bound", async () => {
  const pieces = (count: number) =>
    answering(() => {
      let sent = 0;
      const body = new ReadableStream<Uint8Array>({
        pull: (controller) => {
          if (sent++ < count) controller.enqueue(new Uint8Array(2 ** 20));
          else controller.close();
        },
      });
      return new Response(body);
    });
  assert.is((await pieces(3).open("config.json"))?.sizeBytes, 3 * 2 ** 20);
  assert.is((await pieces(0).open("config.json"))?.sizeBytes, 0);
  assert.match(
    (await rejection(pieces(Infinity).open("config.json"))).message,
    /^config\.json: must be readable by ranges from http:\/\/localhost\/x\/; got more than 67108864 bytes at once$/,
  );
});

test("a page in a file's place, redirects in a circle and a server that is none are one sentence each", async () => {
  const page = answering(() => new Response("<p>Welcome</p>", { headers: { "Content-Type": "text/html" } }));
  assert.match(
    (await rejection(page.open("config.json"))).message,
    /^config\.json: must be readable from http:\/\/localhost\/x\/; got a web page$/,
  );
  const hub = await startHub(folder);
  hub.instead = ({ url = "" }, response) => {
    response.writeHead(302, { Location: url }).end();
    return true;
  };
  try {
    const { name: error, message } = await rejection(urlFiles(hub.url).open("config.json"));
    assert.is(error, "CheckpointError");
    assert.match(message, /^config\.json: must be readable from http:.*; got redirect count exceeded$/);
  } finally {
    await hub.close();
  }
  assert.match(
    (await rejection(urlFiles(hub.url).open("config.json"))).message,
    /^config\.json: must be readable from http:.*; got \S/,
  );
});

test("missing files are undefined, other refusals and short answers are errors", async () => {
  assert.is(await answering(() => new Response(null, { status: 404 })).open("a"), undefined);
  assert.match(
    (await rejection(answering(() => new Response(null, { status: 500 })).open("a"))).message,
    /^a: must be readable from http:\/\/localhost\/x\/; got status 500$/,
  );
  const short = answering(
    () => new Response(new Uint8Array(1), { status: 206, headers: { "Content-Range": "bytes 0-0/9" } }),
  );
  const source = await short.open("a");
  assert.is(source?.sizeBytes, 9);
  assert.match(
    (await rejection(source?.read(0, new Uint8Array(9)) as Promise<void>)).message,
    /^a: must have 9 bytes; got 1: the file is cut off$/,
  );
});

test.run();
