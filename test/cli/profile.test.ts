/** `jaxscale profile`: its tables, its JSON, the files that it writes, and what it refuses. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fixture, shipped } from "../models/fixtures.ts";
import { jaxscale } from "./command.ts";

const profiling = readFileSync(join(import.meta.dirname, "../../docs/profiling.md"), "utf8");
const quick = ["--prompt_tokens", "8", "--decode_steps", "1", "--repeats", "1"];
const folder = mkdtempSync(join(tmpdir(), "profile-"));
test.after(() => rmSync(folder, { recursive: true }));

/** Names of the rows of each table. */
const rowsOf = (text: string): readonly (readonly string[])[] =>
  text
    .split("\n\n")
    .filter((part) => part.includes("\nfull step"))
    .map((part) => part.split("\n").map((line) => line.split(/ {2,}/)[0]));

test("tables of prefill, decoding and the host, as docs/profiling.md shows them; a page and a trace of all kernels", async () => {
  const output = join(folder, "new", "run");
  const model = shipped("glm-4.7-flash-tiny");
  const ended = await jaxscale(["profile", "--model_path", model, "--output", output, ...quick]);
  assert.is(ended.code, 0, ended.errors);
  for (const part of [/^prefill of 1 row of 8 tokens/m, /^a decoding step of 1 row with 9 to 9 tokens present/m])
    assert.match(ended.output, part);
  const shown =
    /--model_path examples\/checkpoints\/glm-4\.7-flash-tiny\n```\n\n```text\n([\s\S]*?)```/.exec(profiling)?.[1] ?? "";
  const [prefill, decode] = rowsOf(shown);
  assert.ok(prefill.includes("routed experts") && prefill.includes("launch overhead"));
  assert.equal(
    rowsOf(ended.output)
      .slice(0, 2)
      .map((rows) => rows.slice(1)),
    [prefill.slice(1), decode.slice(1)],
  );
  assert.match(ended.output, /^full step +[\d.]+ +100\.0$/m);
  assert.match(ended.output, /^host at work( +[\d.]+){4}$/m);
  assert.match(ended.output, /to look at: .*index\.html/);
  const { traceEvents } = JSON.parse(readFileSync(join(output, "trace.json"), "utf8"));
  const scoped = traceEvents.filter((e: { args?: { scope?: string } }) => e.args?.scope?.endsWith("self_attn/o_proj"));
  assert.ok(scoped.length > 0);
  assert.match(readFileSync(join(output, "index.html"), "utf8"), /<title>JaxScale profile<\/title>/);
});

if (process.env.JAXSCALE_FULL === "1")
  test("JSON, of a model whose weights are random and of eight bits, on two GPUs", async () => {
    const args = ["profile", "--random_weights", fixture("glm4_moe_lite-tiny"), "--quantize", "int8"].concat(
      ["--tp", "2", "--json"],
      quick,
    );
    const { code, output, errors } = await jaxscale(args, { env: { JAXSCALE_ADAPTER: "any,any" } });
    assert.is(code, 0, errors);
    const { prefill, decode, modelType, environment, batch } = JSON.parse(output);
    assert.equal([modelType, batch, environment.devices], ["glm4_moe_lite", 1, 2]);
    for (const { components, exchangeMs, overheadMs, stepMs } of [prefill, decode]) {
      const names = components.map(({ component }: { component: string }) => component);
      for (const name of ["router", "routed experts", "shared expert"]) assert.ok(names.includes(name), name);
      assert.ok(exchangeMs > 0);
      const kernelsMs = components.reduce((sum: number, c: { elapsedMs: number }) => sum + c.elapsedMs, 0);
      assert.ok(Math.abs(kernelsMs + exchangeMs + overheadMs - stepMs) < 1e-6 * stepMs);
    }
  });

if (process.env.JAXSCALE_FULL === "1")
  test("weights that are rounded to four bits while loading", async () => {
    const model = shipped("glm-4-tiny");
    const { code, output, errors } = await jaxscale(["profile", "--model_path", model, "--quantize", "int4", ...quick]);
    assert.is(code, 0, errors);
    assert.match(output, /^a decoding step of 1 row with 9 to 9 tokens present/m);
  });

test("no model, and a folder that cannot be one, are refused before anything is loaded", async () => {
  const file = join(folder, "file");
  writeFileSync(file, "");
  const nowhere = await jaxscale(["profile", "--model_path", fixture("glm4-tiny"), "--output", join(file, "x")]);
  assert.is(nowhere.code, 2);
  assert.match(nowhere.errors, /--output must be a folder that can be written; got .*file\/x/);
  const none = await jaxscale(["profile"]);
  assert.is(none.code, 2);
  assert.match(none.errors, /required option '--model_path <path>' \(or '--random_weights'\) not specified/);
});

test.run();
