/** `jaxscale kernels`: on a machine without any adapter, and without weights. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fixture } from "../models/fixtures.ts";
import { jaxscale } from "./command.ts";

const model = ["--model_path", fixture("glm4-tiny"), "--prompt_tokens", "32", "--max_new_tokens", "8"];

test("each program has a table for each GPU", async () => {
  const { code, output } = await jaxscale(["kernels", ...model, "--gpu", "m1", "h100"]);
  assert.is(code, 0, output);
  for (const name of ["Apple M1, 8 cores", "NVIDIA H100 SXM5"])
    assert.is(output.split(`A model of ${name}, not a measurement`).length - 1, 4, output);
  assert.match(output, /^kernel +scope +count +µs +share +bound by +sectors/m);
  assert.match(output, /^prefill\n.*^head\n.*^decode\n.*^choose_/ms);
});

test("the figures are printed as JSON", async () => {
  const { code, output } = await jaxscale(["kernels", ...model, "--json"]);
  assert.is(code, 0, output);
  const { programs } = JSON.parse(output);
  assert.equal([...new Set(programs.map((p: { gpu: string }) => p.gpu))], ["rtx4090"]);
  const decode = programs.find((p: { program: string }) => p.program === "decode");
  assert.ok(decode.predictedSeconds > 0);
  for (const k of decode.kernels) assert.ok(k.sectorsOverLeast >= 1 && k.registers > 0 && k.operations.length > 0);
});

test("a GPU that there is no model of is refused", async () => {
  const { code, errors } = await jaxscale(["kernels", ...model, "--gpu", "voodoo"]);
  assert.is(code, 2);
  assert.match(errors, /'voodoo' is invalid. Allowed choices are h100, l4/);
});

test.run();
