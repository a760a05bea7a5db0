import { test } from "uvu";
import * as assert from "uvu/assert";
import { adapterKindNamed } from "../../packages/jaxscale/src/runtime/adapter-kinds.ts";
import { measureRoofs } from "../../packages/jaxscale/src/runtime/measure.ts";
import { embeddedSource } from "../../packages/jaxscale/src/runtime/node/embedded-driver.ts";
import { systemSource } from "../../packages/jaxscale/src/runtime/node/system-gpu.ts";
import { adviceFor, examine, formatReport } from "../../packages/jaxscale/src/runtime/report.ts";
import { clientWith } from "./settings.ts";

const client = clientWith();

test("roofs are finite, plausible, and measured once, or anew where asked for", async () => {
  const roofs = await measureRoofs(client);
  assert.ok(roofs.readGigabytesPerSecond > 0.1 && roofs.readGigabytesPerSecond < 1e5);
  assert.ok(roofs.copyGigabytesPerSecond > 0.05 && roofs.copyGigabytesPerSecond < 1e5);
  assert.ok(roofs.bfloat16GigabytesPerSecond > 0.1 && roofs.bfloat16GigabytesPerSecond < 1e5);
  assert.ok(roofs.gigaflopsPerSecond > 0.5 && roofs.gigaflopsPerSecond < 1e6);
  assert.is(await measureRoofs(client), roofs);
  const again = await measureRoofs(client, 0, { anew: true });
  assert.is.not(again, roofs);
  assert.is(await measureRoofs(client), again);
});

test("the report names adapter, limits and roofs, and on a software driver what is faster", async () => {
  const report = await examine(client);
  const text = formatReport(report);
  assert.match(text, /^adapter +\S/);
  assert.match(text, /maxStorageBufferBindingSize +[\d,]+/);
  assert.match(text, /streaming read +[\d.]+ GB\/s/);
  assert.match(text, /bfloat16 weights +[\d.]+ GB\/s, read, unpacked, multiplied/);
  assert.match(text, /f32 multiply-add +[\d.]+ GFLOP\/s/);
  if (report.kind === "swiftshader") assert.match(text, /lavapipe 25 or newer/);
});

test("the advice is to install what is faster than the adapter, and not the adapter itself", () => {
  const advice = "install lavapipe, or a GPU's driver";
  assert.is(adviceFor({ kind: adapterKindNamed("hardware"), source: systemSource }, advice), undefined);
  assert.match(
    adviceFor({ kind: adapterKindNamed("lavapipe"), source: systemSource }, advice) ?? "",
    /^this is lavapipe, .*; a GPU .* would be faster$/,
  );
  assert.not.match(adviceFor({ kind: adapterKindNamed("lavapipe"), source: systemSource }, advice) ?? "", /install/);
  assert.match(
    adviceFor({ kind: adapterKindNamed("swiftshader"), source: systemSource }, advice) ?? "",
    /: install lavapipe, or a GPU's driver$/,
  );
  assert.match(
    adviceFor({ kind: adapterKindNamed("swiftshader"), source: embeddedSource }, advice) ?? "",
    /install Mesa lavapipe 25 or newer/,
  );
});

test.run();
