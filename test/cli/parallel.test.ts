/** `--tp`, `--dp` and `--ep`: the mesh that is printed, the same answers on it, bytes a device, and what is refused. */
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fixture, shipped } from "../models/fixtures.ts";
import { jaxscale } from "./command.ts";

const asked = ["--prompt", "What is the capital of France?", "--max_new_tokens", "16"];

test("generate prints the mesh, makes the logical devices that it needs, and answers as one device does", async () => {
  const { code, output, errors } = await jaxscale([
    "generate",
    "--model_path",
    shipped("glm-4-tiny"),
    ...asked,
    "--dtype",
    "float32",
    "--tp",
    "4",
  ]);
  assert.match(errors, /^on Mesh\('tensor': 2, 'group': 2, axis_types=\(Auto, Auto\)\)$/m);
  assert.is(output, "The capital of France is Paris.\n");
  assert.is(code, 0);
});

test("numbers that do not divide the model are refused with those that do, before anything is loaded", async () => {
  const { code, output, errors } = await jaxscale([
    "generate",
    "--model_path",
    shipped("glm-4.7-flash-tiny"),
    ...asked,
    "--ep",
    "3",
  ]);
  assert.is(output, "");
  assert.match(errors, /RangeError: parallelism: ep must divide n_routed_experts 8; got 3\. These do: 1, 2, 4, 8$/m);
  assert.not.match(errors, /loaded/);
  assert.is(code, 1);
});

test("compare holds a batch that data parallelism fills up against the golden tensors", async () => {
  const folder = fixture("glm-tiny");
  const { code, output, errors } = await jaxscale([
    "compare",
    "--model_path",
    folder,
    "--golden",
    join(folder, "golden.safetensors"),
    "--dp",
    "4",
  ]);
  assert.match(errors, /^on Mesh\('data': 4, /m);
  assert.match(output, /all tensors within tolerance$/m);
  assert.is(code, 0);
});

test("a plan says what a device holds, and what would fit if it were split", async () => {
  const path = shipped("glm-4.7-flash-tiny");
  const planned = await jaxscale(["generate", "--plan", "--model_path", path, "--tp", "2", "--ep", "4"]);
  assert.match(planned.output, /^each of Mesh\('expert': 4, 'tensor': 2, /m);
  const [whole, device] = [...planned.output.matchAll(/^weights +([\d,]+) B/gm)].map((found) =>
    Number(found[1].replaceAll(",", "")),
  );
  // 4 sparse layers of 8 experts of 3 matrices, an eighth of them on a device; of the rest half and more.
  const experts = 2 * 4 * 8 * 3 * 96 * 128;
  assert.ok(device > experts / 8 + (whole - experts) / 2, `${device} of ${whole}`);
  assert.ok(device < experts / 8 + (whole - experts) * 0.65, `${device} of ${whole}`);

  const missing = await jaxscale(["generate", "--plan", "--model_path", path], {
    env: { JAXSCALE_MEMORY_BUDGET: "4000000" },
  });
  assert.match(missing.output, /^On several such adapters it fits with --tp 4 --ep 2: 3\.\d+ MB each\.$/m);
  assert.is(missing.code, 1);
});

test.run();
