import { fork } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { affine, floats, words } from "./raw-programs.ts";
import { clientWith, rejection } from "./settings.ts";

test("an adapter that is not here is refused with the names of those that are", async () => {
  const error = await rejection(clientWith({ JAXSCALE_ADAPTER: "no such adapter" }).ready());
  assert.is(error.name, "DeviceError");
  assert.match(error.message, /^JAXSCALE_ADAPTER: .*got no such adapter, adapters here: \S/);
});

test("an adapter is found by part of its name, in any case", async () => {
  const any = await clientWith().ready();
  if (any.kind !== "lavapipe") return;
  assert.is((await clientWith({ JAXSCALE_ADAPTER: "LLVMPIPE" }).ready()).kind, "lavapipe");
});

test("the embedded driver does not hide the system's from the rest of the process", async () => {
  const before = (await clientWith().ready()).name;
  await clientWith({ JAXSCALE_ADAPTER: "embedded" })
    .ready()
    .catch(() => {});
  assert.is((await clientWith().ready()).name, before);
});

test("no adapter is an error of the read, not of the call", async () => {
  const client = clientWith({ JAXSCALE_ADAPTER: "no such adapter" });
  const [y] = client.launch(affine(2, 2), [client.upload(words([1, 2]))]);
  assert.match((await rejection(client.read(y))).message, /JAXSCALE_ADAPTER/);
});

test("limits and features are lowered, never raised", async () => {
  const full = await clientWith().ready();
  const target = await clientWith({
    JAXSCALE_LIMITS:
      "maxStorageBuffersPerShaderStage=4,maxComputeWorkgroupsPerDimension=99999999,subgroups=off,f16=off",
  }).ready();
  assert.is(target.limits.maxStorageBuffersPerShaderStage, 4);
  assert.is(target.limits.maxComputeWorkgroupsPerDimension, full.limits.maxComputeWorkgroupsPerDimension);
  assert.equal(target.features, { ...full.features, subgroups: false, f16: false });
  assert.match(
    (await rejection(clientWith({ JAXSCALE_LIMITS: "speed=9" }).ready())).message,
    /JAXSCALE_LIMITS.*got speed=9/,
  );
});

test("without immediates, small values come from a uniform buffer", async () => {
  const client = clientWith({ JAXSCALE_LIMITS: "maxImmediateSize=0" });
  const x = client.upload(words([1, 2]));
  const [y] = client.launch(affine(2, 3), [x]);
  const [z] = client.launch(affine(2, -1), [y]);
  assert.equal(floats(await client.read(z)), [-3, -6]);
});

const embedded = (() => {
  try {
    createRequire(import.meta.url).resolve("../../packages/jaxscale/node_modules/@sparticuz/chromium/package.json");
    return process.platform === "linux" && process.arch === "x64";
  } catch {
    return false;
  }
})();

test("the embedded driver runs, also when two processes unpack it at once", async () => {
  if (!embedded) return;
  const cache = mkdtempSync(join(tmpdir(), "jaxscale-test-"));
  const run = (): Promise<number | null> =>
    new Promise((resolve) => {
      const child = fork(fileURLToPath(new URL("client.test.ts", import.meta.url)), {
        env: { ...process.env, XDG_CACHE_HOME: cache, JAXSCALE_ADAPTER: "embedded" },
        execArgv: ["--import", "tsx"],
        silent: true,
      });
      child.on("exit", resolve);
    });
  assert.equal(await Promise.all([run(), run()]), [0, 0]);
  assert.is(readdirSync(join(cache, "jaxscale")).filter((name) => name.startsWith("swiftshader")).length, 1);
  rmSync(cache, { recursive: true });
});
test.run();
