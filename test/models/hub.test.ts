import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openCheckpoint, type Progress, parseHubId } from "@jaxscale/models";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { rejection } from "../rejection.ts";
import { fixture } from "./fixtures.ts";
import { commit, gitSha1, type HubServer, name, sha256, startHub, tree } from "./hub-server.ts";

interface Context {
  hub: HubServer;
  home: string;
  /** The repository's folder in the cache. */
  cache: string;
}

const test = suite<Context>("hub", {} as Context);
const variables = ["HF_ENDPOINT", "HF_HOME", "HF_HUB_OFFLINE", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN"];
const saved = variables.map((variable) => process.env[variable]);

test.before.each(async (context) => {
  context.hub = await startHub(fixture("glm4-tiny"));
  context.home = mkdtempSync(join(tmpdir(), "hub-"));
  context.cache = join(context.home, "hub", "models--org--tiny");
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
const fileRequests = ({ requests }: HubServer) => requests.filter((request) => !request.startsWith("/api/"));
const blobs = (cache: string) => readdirSync(join(cache, "blobs"));

test("a repository is downloaded into the hub's cache, laid out as its libraries do", async ({ hub, cache }) => {
  const seen: Progress[] = [];
  const checkpoint = await openCheckpoint(name, { onProgress: (progress) => seen.push(progress) });
  assert.is(checkpoint.config.modelType, "glm4");
  const snapshot = join(cache, "snapshots", commit);
  assert.is(checkpoint.files.location, snapshot);
  assert.is(readFileSync(join(cache, "refs", "main"), "utf8"), commit);
  const downloaded = readdirSync(snapshot).sort();
  assert.equal(
    downloaded,
    [...hub.files.keys()].filter((file) => !file.startsWith("golden")).sort(),
    "what the tests compare with is no part of a checkpoint",
  );
  for (const file of downloaded) {
    const bytes = hub.files.get(file) as Uint8Array;
    assert.equal(new Uint8Array(readFileSync(join(snapshot, file))), bytes);
    assert.ok(lstatSync(join(snapshot, file)).isSymbolicLink());
    assert.ok(blobs(cache).includes(file.endsWith(".safetensors") ? sha256(bytes) : gitSha1(bytes)));
  }
  assert.is(blobs(cache).length, downloaded.length);
  const last = seen[seen.length - 1];
  assert.is(last.doneBytes, last.totalBytes);
  assert.ok(last.name.endsWith(".safetensors"));
});

test("for a look at the configs no weights are downloaded, and what is there then is no whole checkpoint", async ({
  hub,
  cache,
}) => {
  const look = { withoutWeights: true };
  const checkpoint = await openCheckpoint(name, look);
  assert.is(checkpoint.config.modelType, "glm4");
  assert.not.ok(
    fileRequests(hub).some((request) => request.includes("safetensors")),
    fileRequests(hub).join(),
  );
  process.env.HF_HUB_OFFLINE = "1";
  assert.is((await openCheckpoint(name, look)).config.modelType, "glm4");
  assert.match(
    (await rejection(openCheckpoint(name))).message,
    /must be in the cache, for HF_HUB_OFFLINE is set; got parts of it/,
  );
  delete process.env.HF_HUB_OFFLINE;
  await openCheckpoint(name);
  assert.ok(readdirSync(join(cache, "snapshots", commit)).includes(shard));
});

test("what is in the cache is not asked for again; a commit needs no question at all", async ({ hub }) => {
  await openCheckpoint(name);
  hub.requests.length = 0;
  await openCheckpoint(name);
  assert.equal(fileRequests(hub), []);
  assert.ok(hub.requests.length > 0, "the branch may have moved");
  hub.requests.length = 0;
  await openCheckpoint(`${name}@${commit}`);
  assert.equal(hub.requests, []);
});

test("a revision may be named, a tag or a branch with a slash", async ({ hub, cache }) => {
  await openCheckpoint(`${name}@refs/pr-1`);
  assert.ok(hub.requests.includes(`/api/models/${name}/revision/refs%2Fpr-1`));
  assert.is(readFileSync(join(cache, "refs", "refs", "pr-1"), "utf8"), commit);
});

test("a connection that breaks is taken up where it stopped", async ({ hub, cache }) => {
  hub.cutAfterBytes = 30_000;
  const checkpoint = await openCheckpoint(name);
  assert.is(checkpoint.config.numHiddenLayers, 3);
  const starts = fileRequests(hub)
    .filter((request) => request.startsWith(`/cdn/${shard} bytes=`) && !request.endsWith("=0-0"))
    .map((request) => Number(/=(\d+)-/.exec(request)?.[1]));
  assert.ok(starts.length >= 1 && starts[0] > 0, `resumed at ${starts}`);
  assert.equal(
    new Uint8Array(readFileSync(join(cache, "snapshots", commit, shard))),
    hub.files.get(shard) as Uint8Array,
  );
  assert.not.ok(blobs(cache).some((blob) => /partial|lock/.test(blob)));
});

test("an aborted download goes on from there the next time, and counts what it has", async ({ hub, cache }) => {
  const controller = new AbortController();
  hub.cutAfterBytes = 30_000;
  const onProgress = ({ name: file }: Progress): void => {
    if (file === shard) controller.abort(new Error("enough"));
  };
  const error = await rejection(openCheckpoint(name, { onProgress, signal: controller.signal }));
  assert.is(error.message, "enough");
  const partial = join(cache, "blobs", `${sha256(hub.files.get(shard) as Uint8Array)}.partial`);
  const { size } = lstatSync(partial);
  assert.ok(size > 0 && size < (hub.files.get(shard) as Uint8Array).length);

  hub.cutAfterBytes = undefined;
  hub.requests.length = 0;
  const seen: Progress[] = [];
  await openCheckpoint(name, { onProgress: (progress) => seen.push(progress) });
  assert.ok(
    fileRequests(hub).some((request) => request.startsWith(`/cdn/${shard} bytes=${size}-`)),
    hub.requests.join("\n"),
  );
  assert.not.ok(fileRequests(hub).includes(`/cdn/${shard}`), "nothing from the start");
  assert.not.ok(existsSync(partial));
  const first = seen.find(({ name: file }) => file === shard) as Progress;
  assert.ok(first.doneBytes > size);
});

test("a hub that never answers a file whole is an error that says how far it came", async ({ hub }) => {
  const whole = hub.files.get("config.json") as Uint8Array;
  const listed = tree(hub.files);
  hub.files.set("config.json", new Uint8Array(0));
  hub.listed = listed;
  const error = await rejection(openCheckpoint(name));
  assert.is(error.name, "CheckpointError");
  assert.match(error.message, new RegExp(`^config\\.json: must (have|arrive).*${whole.length} bytes`));
});

test("contents that are not what the hub listed are refused and removed", async ({ hub, cache }) => {
  const good = tree(hub.files);
  const bad = (hub.files.get(shard) as Uint8Array).slice();
  bad[bad.length - 1] ^= 1;
  hub.listed = good;
  const before = hub.files.get(shard) as Uint8Array;
  hub.files.set(shard, bad);
  const error = await rejection(openCheckpoint(name));
  assert.match(
    error.message,
    new RegExp(`^${shard}: must have the hash that the hub lists, ${sha256(before)}; got ${sha256(bad)}`),
  );
  assert.not.ok(blobs(cache).some((blob) => blob.startsWith(sha256(before))));
  hub.files.set(shard, before);
  assert.is((await openCheckpoint(name)).config.modelType, "glm4");
});

test("a partial file longer than the whole is begun anew", async ({ hub, cache }) => {
  await openCheckpoint(name);
  const bytes = hub.files.get(shard) as Uint8Array;
  const blob = join(cache, "blobs", sha256(bytes));
  rmSync(blob);
  writeFileSync(`${blob}.partial`, new Uint8Array(bytes.length + 1));
  await openCheckpoint(name);
  assert.equal(new Uint8Array(readFileSync(blob)), bytes);
});

test("names, hashes and commits that lead out of the cache are refused or passed over", async ({
  hub,
  home,
  cache,
}) => {
  const listed = tree(hub.files);
  const evil = new Uint8Array(3);
  hub.files.set("evil.json", evil);
  hub.listed = [...listed, { type: "file", path: "../../../../evil.json", size: 3, oid: gitSha1(evil) }];
  await openCheckpoint(name);
  assert.not.ok(existsSync(join(home, "evil.json")));

  hub.listed = listed.map((entry) => (entry.path === "config.json" ? { ...entry, oid: "../../../evil" } : entry));
  assert.match((await rejection(openCheckpoint(name))).message, /config\.json: must be listed with its hash/);

  hub.listed = undefined;
  hub.commit = "../../evil";
  assert.match(
    (await rejection(openCheckpoint(name))).message,
    /org\/tiny@main: must be a commit; got \.\.\/\.\.\/evil/,
  );
  assert.equal(readdirSync(join(cache, "snapshots")), [commit]);
});

test("an index that names files elsewhere, or that the hub does not list, is refused", async ({ hub }) => {
  const index = (file: string) => new TextEncoder().encode(JSON.stringify({ weight_map: { a: file } }));
  hub.files.set("model.safetensors.index.json", index("../x.safetensors"));
  assert.match((await rejection(openCheckpoint(name))).message, /must be the plain name of a \.safetensors file/);
  hub.files.set("model.safetensors.index.json", index("x.safetensors"));
  assert.match(
    (await rejection(openCheckpoint(name))).message,
    /must name shards that exist; got x\.safetensors, which the hub does not list/,
  );
});

test("a repository without weights is refused with what it has", async ({ hub }) => {
  for (const file of [...hub.files.keys()]) if (file.includes("safetensors")) hub.files.delete(file);
  const { message } = await rejection(openCheckpoint(name));
  assert.match(
    message,
    /^org\/tiny: must hold config\.json, and model\.safetensors or model\.safetensors\.index\.json; got /,
  );
});

test("a repository that is unknown or closed is an error with advice", async ({ hub }) => {
  hub.status = 404;
  assert.is(
    (await rejection(openCheckpoint(name))).message,
    "org/tiny@main: must be on the hub; got status 404; is the name right?",
  );
  hub.status = 401;
  assert.match(
    (await rejection(openCheckpoint(`${name}@v2`))).message,
    /^org\/tiny@v2: must be on the hub; got status 401; a private or gated repository needs HF_TOKEN$/,
  );
});

test("without a connection the last snapshot serves; without one in the cache that is an error", async ({ hub }) => {
  const address = hub.url;
  process.env.HF_ENDPOINT = "http://127.0.0.1:9";
  assert.match(
    (await rejection(openCheckpoint(name))).message,
    /^org\/tiny@main: must be in the cache or on a hub that answers; got /,
  );
  process.env.HF_ENDPOINT = address;
  await openCheckpoint(name);
  process.env.HF_ENDPOINT = "http://127.0.0.1:9";
  assert.is((await openCheckpoint(name)).config.modelType, "glm4");
});

test("HF_HUB_OFFLINE asks nobody", async ({ hub }) => {
  process.env.HF_HUB_OFFLINE = "1";
  assert.match(
    (await rejection(openCheckpoint(name))).message,
    /^org\/tiny@main: must be in the cache, for HF_HUB_OFFLINE is set; got nothing$/,
  );
  delete process.env.HF_HUB_OFFLINE;
  await openCheckpoint(name);
  process.env.HF_HUB_OFFLINE = "1";
  hub.requests.length = 0;
  await openCheckpoint(name);
  assert.equal(hub.requests, []);
});

test("hub ids are org/name with a revision or without; nothing else is one", () => {
  assert.equal(parseHubId("zai-org/GLM-4.7-Flash"), { name: "zai-org/GLM-4.7-Flash", revision: "main" });
  assert.equal(parseHubId("a/b@v1.0"), { name: "a/b", revision: "v1.0" });
  for (const text of [
    "a",
    "a/b/c",
    "a/..",
    "../b",
    "a/b@",
    "a/b@../c",
    "a/b@/c",
    "a/b@c//d",
    "/a/b",
    "a\\b/c",
    "a/b@c d",
    "",
  ])
    assert.is(parseHubId(text), undefined, text);
});

test.run();
