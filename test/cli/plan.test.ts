/** `jaxscale generate --plan`: from a config, and the headers of a quantized checkpoint. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { shipped } from "../models/fixtures.ts";
import { jaxscale } from "./command.ts";

const folder = mkdtempSync(join(tmpdir(), "plan-"));
const configOnly = (config: object): string => {
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  return folder;
};
const plan = (path: string, args: readonly string[], env?: Readonly<Record<string, string>>) =>
  jaxscale(["generate", "--plan", "--model_path", path, ...args], { env });

test("weights and cache of a published model are those of its config, and no weights are needed to say so", async () => {
  const { code, output } = await plan(
    // Two of GLM-4-9B's layers.
    configOnly({ model_type: "glm", num_hidden_layers: 2, torch_dtype: "bfloat16" }),
    ["--max_new_tokens", "300"],
    { JAXSCALE_MEMORY_BUDGET: "4e9" },
  );
  const layer = (4096 + 512) * 4097 + 4096 * 4096 + 3 * 4096 * 13696 + 2 * 4096;
  const parameters = 2 * 151552 * 4096 + 2 * layer + 4096;
  assert.match(output, /^glm, bfloat16, prompt of 512 tokens and 300 new ones$/m);
  assert.match(
    output,
    new RegExp(
      `^weights +${(2 * parameters).toLocaleString("en-US")} B .* ${parameters.toLocaleString("en-US")} parameters$`,
      "m",
    ),
  );
  // 1,024 tokens of 2 layers, 2 heads of 128, keys and values.
  assert.match(output, /^cache +2,097,152 B .* room for 1024 tokens$/m);
  assert.match(output, /^temporaries +[\d,]+ B/m);
  assert.match(output, /^It fits: .* stay free\.$/m);
  assert.is(code, 0);
});

test("what does not fit the adapter is said to be missing, with exit code 1", async () => {
  const { code, output } = await plan(shipped("glm-4.7-flash-tiny"), ["--prompt", "What is 1 + 1?"], {
    JAXSCALE_MEMORY_BUDGET: "4000000",
  });
  assert.match(output, /^weights +4,583,\d\d\d B/m);
  assert.match(output, /^It does not fit: .* are missing\.$/m);
  assert.is(code, 1);
});

test("weights that a checkpoint has in codes are counted as they will lie in memory", async () => {
  const path = join(import.meta.dirname, "..", "fixtures", "quant", "glm4-ct-int4-asym-g32");
  const file = readFileSync(join(path, "model.safetensors"));
  const header = JSON.parse(file.subarray(8, 8 + Number(file.readBigUInt64LE())).toString());
  // All tensors of the file but those that say what shape the packed words have.
  const stored = Object.entries<{ data_offsets: [number, number] }>(header)
    .filter(([name]) => name !== "__metadata__" && !name.endsWith(".weight_shape"))
    .reduce((sum, [, { data_offsets: offsets }]) => sum + offsets[1] - offsets[0], 0);
  const { code, output, errors } = await plan(path, ["--dtype", "bfloat16"]);
  assert.is(code, 0, errors);
  assert.match(output, new RegExp(`^weights +${stored.toLocaleString("en-US")} B`, "m"));
});

const ignored = [
  [["--quantize_head"], /^RangeError: --quantize_head: a scheme must follow it or --quantize; got none$/m],
  [["--quantize_experts", "int4"], /^RangeError: quantize: a scheme for experts needs a model with experts; got glm$/m],
] as const;
for (const [flags, message] of ignored)
  test(`${flags.join(" ")} of a dense model is refused where it would do nothing`, async () => {
    const { code, errors } = await plan(shipped("glm-4-tiny"), flags);
    assert.is(code, 1);
    assert.match(errors, message);
  });

test.after(() => rmSync(folder, { recursive: true }));
test.run();
