/** Several processes and one cache: a file is downloaded by one of them, and whole. */
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openCheckpoint } from "@jaxscale/models";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Ended, runProgram } from "../child-process.ts";
import { fixture } from "./fixtures.ts";
import { commit, gitSha1, type HubServer, name, sha256, startHub } from "./hub-server.ts";

interface Context {
  hub: HubServer;
  home: string;
  blobs: string;
}

const test = suite<Context>("hub, several processes", {} as Context);

test.before.each(async (context) => {
  context.hub = await startHub(fixture("glm4-tiny"));
  context.home = mkdtempSync(join(tmpdir(), "hub-"));
  context.blobs = join(context.home, "hub", "models--org--tiny", "blobs");
});
test.after.each(async ({ hub, home }) => {
  await hub.close();
  rmSync(home, { recursive: true });
});

const environment = ({ hub, home }: Context) => ({
  HF_ENDPOINT: hub.url,
  HF_HOME: home,
  HF_HUB_OFFLINE: "",
  HF_TOKEN: "",
});
const open = (context: Context): Promise<Ended> => runProgram("models/open-checkpoint.ts", environment(context));

const shard = "model-00002-of-00004.safetensors";
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Sends each shard in pieces with pauses between. */
function sendLate(hub: HubServer, pauseMs: number): void {
  const send = async (bytes: Uint8Array, response: ServerResponse): Promise<void> => {
    for (let at = 0; at < bytes.length; at += 10_000) {
      response.write(bytes.subarray(at, at + 10_000));
      await pause(pauseMs);
    }
    response.end();
  };
  hub.instead = ({ url, headers }, response) => {
    const file = /^\/cdn\/(.*)$/.exec(url ?? "")?.[1];
    if (file === undefined || headers.range === "bytes=0-0") return false;
    const whole = hub.files.get(file) as Uint8Array;
    const start = Number(/^bytes=(\d+)-/.exec(headers.range ?? "")?.[1] ?? 0);
    response.writeHead(start === 0 ? 200 : 206, { "Content-Length": whole.length - start });
    void send(whole.subarray(start), response);
    return true;
  };
}

/** Every blob must have the contents that its name says, and nothing else lies there. */
function assertWhole(blobs: string): void {
  for (const blob of readdirSync(blobs)) {
    const bytes = new Uint8Array(readFileSync(join(blobs, blob)));
    assert.is(blob.length === 64 ? sha256(bytes) : gitSha1(bytes), blob);
  }
}

test("three that download at once get the same, each shard sent once", async (context) => {
  const { hub, blobs } = context;
  sendLate(hub, 100);
  for (const { code, output, errors } of await Promise.all([open(context), open(context), open(context)])) {
    assert.is(code, 0, errors);
    assert.is(output, `glm4 ${commit}\n`);
  }
  assertWhole(blobs);
  const bodies = hub.requests.filter((request) => request.startsWith("/cdn/") && !request.endsWith("bytes=0-0"));
  assert.equal(bodies.sort(), [...new Set(bodies)].sort());
});

test("two loads in one process share it too", async (context) => {
  const variables = environment(context);
  const saved = Object.keys(variables).map((variable) => [variable, process.env[variable]] as const);
  Object.assign(process.env, variables);
  try {
    sendLate(context.hub, 20);
    await Promise.all([openCheckpoint(name), openCheckpoint(name)]);
    assertWhole(context.blobs);
  } finally {
    for (const [variable, value] of saved)
      if (value === undefined) delete process.env[variable];
      else process.env[variable] = value;
  }
});

test("what a killed process had is taken over by the one that waits", async (context) => {
  const { hub, blobs } = context;
  sendLate(hub, 100);
  const first = spawn(process.execPath, ["--import", "tsx", "test/models/open-checkpoint.ts"], {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    env: { ...process.env, ...environment(context) },
    stdio: "ignore",
  });
  const ended = new Promise((resolve) => first.on("close", resolve));
  while (!hub.requests.includes(`/cdn/${shard}`)) await pause(20);
  const second = open(context);
  await pause(300);
  first.kill("SIGKILL");
  await ended;
  const { code, errors } = await second;
  assert.is(code, 0, errors);
  assertWhole(blobs);
  assert.ok(
    hub.requests.some((request) => /^\/cdn\/.* bytes=[1-9]\d*-/.test(request)),
    hub.requests.join("\n"),
  );
});

test("a lock of a process that is no more, or was silent for long, is broken", async (context) => {
  const { hub, blobs } = context;
  await open(context);
  const hash = sha256(hub.files.get(shard) as Uint8Array);
  const lock = join(blobs, `${hash}.lock`);
  const longAgo = new Date(Date.now() - 120_000);
  for (const [holder, seen] of [
    // Process ids end at 4,194,304 on Linux.
    [{ host: hostname(), pid: 4_194_305 }, new Date()],
    [{ host: "another.host", pid: process.pid }, longAgo],
    ["", longAgo],
  ] as const) {
    writeFileSync(lock, holder && JSON.stringify({ ...holder, partial: `${hash}.none.partial` }));
    utimesSync(lock, seen, seen);
    rmSync(join(blobs, hash));
    const { code, errors } = await open(context);
    assert.is(code, 0, errors);
    assertWhole(blobs);
  }
});

test.run();
